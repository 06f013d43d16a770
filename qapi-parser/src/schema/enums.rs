//! Enumerations.

use foldhash::HashMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node};

use super::ast::{DefinitionKind, RawEnum, Text};
use super::features;
use super::lower::Lower;
use super::model::EnumMember;
use super::names::{CName, Permit};
use super::resolve::Resolver;

impl<'t> Lower<'_, 't> {
    pub(super) fn enumeration(
        &mut self,
        node: &Node<'t>,
        entries: &[Entry<'t>],
        name: &str,
    ) -> Option<DefinitionKind<'t>> {
        let optional = ["if", "features", "prefix"];
        self.keys(entries, node.span, &"enum", &["enum", "data"], &optional);
        let data = node.get("data")?;
        let Some(nodes) = data.as_list() else {
            self.error(Code::BadValue, "'data' must be an array", data.span);
            return None;
        };
        let prefix = node.get("prefix");
        if let Some(bad) = prefix.filter(|prefix| prefix.as_str().is_none()) {
            self.error(Code::BadValue, "'prefix' must be a string", bad.span);
        }
        let excepted = self.pragmas.member_names.contains(name);
        let permit = Permit {
            upper: excepted,
            underscore: excepted,
        };
        let members = nodes
            .iter()
            .filter_map(|node| self.value(node, permit))
            .collect();
        let prefix = prefix.and_then(Node::as_str).map(str::to_owned);
        Some(DefinitionKind::Enum(RawEnum { prefix, members }))
    }

    fn value(&mut self, node: &Node<'t>, permit: Permit) -> Option<EnumMember> {
        let source = "'data' member";
        let (name, entries) = self.named(node, &source, &["if", "features"])?;
        let source = format_args!("{source} '{name}'");
        // A value may start with a digit, other names may not.
        let checked = match name.starts_with(|c: char| c.is_ascii_digit()) {
            true => Text::Owned(format!("d{name}")),
            false => name.clone(),
        };
        self.name_lower(&checked, node.span, &source, permit);
        let cond = self.cond(entries, &source);
        let features = features::finish(&self.features(entries));
        Some(EnumMember {
            name: name.into_owned(),
            cond,
            features,
            span: Some(node.span),
        })
    }
}

impl Resolver<'_> {
    /// Refuses values that generated code could not tell apart.
    pub(super) fn enumeration(&mut self, members: &[EnumMember]) {
        let mut seen: HashMap<CName<'_>, &EnumMember> = HashMap::default();
        for member in members {
            let Some(span) = member.span else { continue };
            if let Some(other) = seen.insert(CName(&member.name), member) {
                let message = format!(
                    "value '{}' collides with value '{}'",
                    member.name, other.name
                );
                let problem = Diagnostic::error(Code::Collision, message, span);
                self.report(match other.span {
                    Some(span) => problem.label(span, "the other one"),
                    None => problem,
                });
            }
        }
    }
}

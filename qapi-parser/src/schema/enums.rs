//! Enumerations.

use foldhash::HashMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node};
use crate::text::Text;

use super::ast::{DefinitionKind, RawEnum};
use super::features;
use super::lower::{Lower, collect};
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
        let members = nodes.iter().filter_map(|node| self.value(node, permit));
        let members = collect(nodes.len(), members);
        let prefix = prefix.and_then(Node::as_str).map(Text::from);
        Some(DefinitionKind::Enum(RawEnum { prefix, members }))
    }

    fn value(&mut self, node: &Node<'t>, permit: Permit) -> Option<EnumMember> {
        let source = "'data' member";
        let (name, entries) = self.named(node, &source, &["if", "features"])?;
        let source = format_args!("{source} '{name}'");
        // A value may start with a digit, other names may not.
        let digit = name.starts_with(|c: char| c.is_ascii_digit());
        let behind_digit;
        let checked = match digit {
            true => {
                behind_digit = format!("d{name}");
                &behind_digit
            }
            false => name,
        };
        self.name_lower(checked, node.span, &source, permit);
        let cond = self.cond(entries, &source);
        let features = self.features(entries);
        let features = features::finish(&features, |one| self.text(one.name));
        Some(EnumMember {
            name: self.text(name),
            cond,
            features,
            span: Some(node.span),
        })
    }
}

impl Resolver<'_> {
    /// Refuses values that generated code could not tell apart.
    pub(super) fn enumeration(&mut self, members: &[EnumMember]) {
        let mut hashed: HashMap<CName<'_>, &EnumMember> = HashMap::default();
        for (at, member) in members.iter().enumerate() {
            let Some(span) = member.span else { continue };
            let name = CName(&member.name);
            let other = match members.len() {
                // Few are compared one by one.
                0..=32 => {
                    let same = |one: &&EnumMember| {
                        one.name.len() == member.name.len() && CName(&one.name) == name
                    };
                    members[..at].iter().rfind(same)
                }
                _ => hashed.insert(name, member),
            };
            if let Some(other) = other {
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

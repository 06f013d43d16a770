//! Comments against definitions: all that is described exists, all that exists is described.

use std::collections::HashSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::doc::{Description, Doc};
use crate::source::Span;

use super::ast::TypeRef;
use super::draft::{Draft, DraftKind};
use super::resolve::Resolver;

/// What a definition has that a comment may describe.
#[derive(Debug, Default)]
struct Parts<'d> {
    /// Role, name and place.
    members: Vec<(&'static str, &'d str, Option<Span>)>,
    features: Vec<(&'d str, Option<Span>)>,
}

impl<'d> Resolver<'d> {
    /// Checks the comment of a definition.
    pub(super) fn documentation(&mut self, draft: &Draft) {
        let Some(doc) = draft.doc.as_ref().filter(|doc| doc.symbol.is_some()) else {
            return;
        };
        let parts = self.parts(draft);
        self.undocumented(draft, doc, &parts);
        let names = parts.members.iter().map(|(_, name, _)| *name).collect();
        self.bogus("member", &doc.members, &names);
        let names = parts.features.iter().map(|(name, _)| *name).collect();
        self.bogus("feature", &doc.features, &names);
    }

    fn undocumented(&mut self, draft: &Draft, doc: &Doc, parts: &Parts<'_>) {
        let described: HashSet<&str> = doc.features.iter().map(|one| one.name.as_str()).collect();
        for (name, span) in &parts.features {
            if !described.contains(name) {
                self.lacks("feature", name, span.or(draft.span), true);
            }
        }
        let excepted = self.pragmas.undocumented.as_ref();
        if excepted.is_some_and(|names| names.contains(&draft.name)) {
            return;
        }
        let described: HashSet<&str> = doc.members.iter().map(|one| one.name.as_str()).collect();
        for (role, name, span) in &parts.members {
            if !described.contains(name) {
                self.lacks(role, name, span.or(draft.span), false);
            }
        }
    }

    fn lacks(&mut self, role: &str, name: &str, span: Option<Span>, always: bool) {
        let Some(span) = span else { return };
        let message = format!("{role} '{name}' lacks documentation");
        let problem = Diagnostic::error(Code::DocUndocumented, message, span)
            .help(format!("add a line '# @{name}: …' to the comment"));
        self.report(if always {
            problem.soft()
        } else {
            problem.soft_docs()
        });
    }

    fn bogus(&mut self, what: &str, described: &[Description], names: &HashSet<&str>) {
        let bogus = || {
            described
                .iter()
                .filter(|one| !names.contains(one.name.as_str()))
        };
        let Some(first) = bogus().next() else { return };
        let list: Vec<&str> = bogus().map(|one| one.name.as_str()).collect();
        let (plural, verb) = if list.len() > 1 {
            ("s", "do")
        } else {
            ("", "does")
        };
        let list = list.join("', '");
        let message = format!("documented {what}{plural} '{list}' {verb} not exist");
        let problem = Diagnostic::error(Code::DocBogus, message, first.span);
        self.late.push(problem.soft_docs());
    }

    fn parts(&self, draft: &Draft) -> Parts<'d> {
        let drafts = self.drafts;
        let mut parts = Parts::default();
        let Some(id) = self.index.get(&draft.name) else {
            return parts;
        };
        let draft = &drafts[id.0 as usize];
        let features = draft.features.iter();
        parts
            .features
            .extend(features.map(|one| (one.name.as_str(), Some(one.span))));
        match &draft.kind {
            DraftKind::Enum(raw) => {
                for member in &raw.members {
                    parts.members.push(("value", &member.name, member.span));
                    let features = member.features.iter();
                    parts
                        .features
                        .extend(features.map(|one| (one.name.as_str(), member.span)));
                }
            }
            DraftKind::Object { base, .. } => {
                self.implicit_parts(base.as_ref(), "member", &mut parts);
                object_parts(draft, "member", &mut parts);
            }
            DraftKind::Alternate { branches } => {
                let branch = branches
                    .iter()
                    .map(|one| ("branch", one.name.as_str(), Some(one.span)));
                parts.members.extend(branch);
            }
            DraftKind::Command { data, .. } | DraftKind::Event { data, .. } => {
                self.implicit_parts(data.as_ref(), "member", &mut parts);
            }
            DraftKind::Builtin(_) | DraftKind::Array { .. } => {}
        }
        parts
    }

    /// Members written in place belong to the comment of the definition around them.
    fn implicit_parts(&self, ty: Option<&TypeRef>, role: &'static str, parts: &mut Parts<'d>) {
        let drafts = self.drafts;
        let id = ty.and_then(|ty| self.index.get(&ty.name));
        let draft = id.map(|id| &drafts[id.0 as usize]);
        if let Some(draft) = draft.filter(|draft| draft.implicit) {
            object_parts(draft, role, parts);
        }
    }
}

fn object_parts<'d>(draft: &'d Draft, role: &'static str, parts: &mut Parts<'d>) {
    let DraftKind::Object { members, .. } = &draft.kind else {
        return;
    };
    for member in members {
        parts.members.push((role, &member.name, Some(member.span)));
        let features = member.features.iter();
        parts
            .features
            .extend(features.map(|one| (one.name.as_str(), Some(one.span))));
    }
}

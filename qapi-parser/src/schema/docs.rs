//! Comments against definitions: all that is described exists, all that exists is described.

use foldhash::HashSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::doc::{Description, Doc};
use crate::source::Span;
use crate::suggest::nearest;

use super::ast::{RawFeature, TypeRef};
use super::draft::{Draft, DraftKind};
use super::resolve::Resolver;

/// Something that a comment is to describe.
#[derive(Debug)]
pub(super) struct Part<'d> {
    /// `feature`, or the kind of member.
    role: &'static str,
    name: &'d str,
    span: Option<Span>,
}

impl Part<'_> {
    fn is_feature(&self) -> bool {
        self.role == "feature"
    }
}

/// A list of names to be searched for other names, mostly in the order of the list.
struct Names<'n, I> {
    all: I,
    /// Those not yet passed over.
    rest: I,
    /// Made when one is asked for out of order.
    hashed: Option<HashSet<&'n str>>,
}

impl<'n, I: Iterator<Item = &'n str> + Clone> Names<'n, I> {
    fn new(all: I) -> Self {
        let (rest, hashed) = (all.clone(), None);
        Names { all, rest, hashed }
    }

    fn contains(&mut self, name: &str) -> bool {
        if self.hashed.is_none() && self.rest.next() == Some(name) {
            return true;
        }
        let all = &self.all;
        let hashed = self.hashed.get_or_insert_with(|| all.clone().collect());
        hashed.contains(name)
    }
}

impl<'d> Resolver<'d> {
    /// Checks the comment of a definition.
    pub(super) fn documentation(&mut self, draft: &'d Draft<'d>) {
        let Some(doc) = draft.doc.as_deref().filter(|doc| doc.symbol.is_some()) else {
            return;
        };
        let mut parts = std::mem::take(&mut self.parts);
        self.find_parts(draft, &mut parts);
        self.undocumented(draft, doc, &parts);
        self.bogus("member", &doc.members, &parts);
        self.bogus("feature", &doc.features, &parts);
        parts.clear();
        self.parts = parts;
    }

    fn undocumented(&mut self, draft: &Draft<'_>, doc: &Doc, parts: &[Part<'_>]) {
        let mut members = Names::new(doc.members.iter().map(|one| one.name.as_str()));
        let mut features = Names::new(doc.features.iter().map(|one| one.name.as_str()));
        let excepted = self.pragmas.undocumented.as_ref();
        let excepted = excepted.is_some_and(|names| names.contains(draft.name));
        for part in parts {
            let described = match part.is_feature() {
                true => features.contains(part.name),
                false => excepted || members.contains(part.name),
            };
            if let Some(span) = part.span.or(draft.span).filter(|_| !described) {
                self.lacks(part, span);
            }
        }
    }

    fn lacks(&mut self, part: &Part<'_>, span: Span) {
        let Part { role, name, .. } = part;
        let message = format!("{role} '{name}' lacks documentation");
        let problem = Diagnostic::error(Code::DocUndocumented, message, span)
            .help(format!("add a line '# @{name}: …' to the comment"));
        self.report(match part.is_feature() {
            true => problem.soft(),
            false => problem.soft_docs(),
        });
    }

    fn bogus(&mut self, what: &str, described: &[Description], parts: &[Part<'_>]) {
        if described.is_empty() {
            return;
        }
        let of_kind = |part: &&Part<'_>| part.is_feature() == (what == "feature");
        let mut names = Names::new(parts.iter().filter(of_kind).map(|part| part.name));
        let bogus = described.iter().filter(|one| !names.contains(&one.name));
        let bogus: Vec<&Description> = bogus.collect();
        let Some(first) = bogus.first() else {
            return;
        };
        let list: Vec<&str> = bogus.iter().map(|one| one.name.as_str()).collect();
        let (plural, verb) = if list.len() > 1 {
            ("s", "do")
        } else {
            ("", "does")
        };
        let list = list.join("', '");
        let message = format!("documented {what}{plural} '{list}' {verb} not exist");
        let problem = Diagnostic::error(Code::DocBogus, message, first.span);
        let candidates = parts.iter().filter(of_kind).map(|part| part.name);
        let problem = match nearest(&first.name, candidates) {
            Some(meant) => problem.help(format!("did you mean '@{meant}:'?")),
            None => problem,
        };
        self.late.push(problem.soft_docs());
    }

    /// In the order in which QEMU looks at them.
    fn find_parts(&self, draft: &'d Draft<'d>, parts: &mut Vec<Part<'d>>) {
        feature_parts(&draft.features, parts);
        match &draft.kind {
            DraftKind::Enum(raw) => {
                for member in &raw.members {
                    let (name, span) = (member.name.as_str(), member.span);
                    parts.push(Part {
                        role: "value",
                        name,
                        span,
                    });
                    let feature = |name| Part {
                        role: "feature",
                        name,
                        span,
                    };
                    parts.extend(member.features.iter().map(|one| feature(one.name.as_str())));
                }
            }
            DraftKind::Object { base, .. } => {
                self.implicit_parts(base.as_ref(), parts);
                object_parts(draft, parts);
            }
            DraftKind::Alternate { branches } => {
                parts.extend(branches.iter().map(|branch| Part {
                    role: "branch",
                    name: branch.name,
                    span: Some(branch.span),
                }));
            }
            DraftKind::Command { data, .. } | DraftKind::Event { data, .. } => {
                self.implicit_parts(data.as_ref(), parts);
            }
            DraftKind::Builtin(_) | DraftKind::Array { .. } => {}
        }
    }

    /// Members written in place belong to the comment of the definition around them.
    fn implicit_parts(&self, ty: Option<&TypeRef<'_>>, parts: &mut Vec<Part<'d>>) {
        let drafts = self.drafts;
        let id = ty.and_then(|ty| self.index.get(ty.name));
        let draft = id.map(|id| &drafts[id.0 as usize]);
        if let Some(draft) = draft.filter(|draft| draft.implicit) {
            object_parts(draft, parts);
        }
    }
}

fn object_parts<'d>(draft: &'d Draft<'d>, parts: &mut Vec<Part<'d>>) {
    let DraftKind::Object { members, .. } = &draft.kind else {
        return;
    };
    for member in members {
        let (name, span) = (member.name, Some(member.span));
        parts.push(Part {
            role: "member",
            name,
            span,
        });
        feature_parts(&member.features, parts);
    }
}

fn feature_parts<'d>(features: &'d [RawFeature<'d>], parts: &mut Vec<Part<'d>>) {
    parts.extend(features.iter().map(|feature| Part {
        role: "feature",
        name: feature.name,
        span: Some(feature.span),
    }));
}

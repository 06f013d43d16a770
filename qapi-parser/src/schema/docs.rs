//! Comments against definitions: all that is described exists, all that exists is described.

use std::collections::VecDeque;

use foldhash::HashSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::doc::{Description, Doc};
use crate::source::Span;
use crate::suggest::nearest;

use super::ast::{RawFeature, TypeRef};
use super::draft::{Draft, DraftKind, Drafts};
use super::model::EntityId;
use super::pragmas::Pragmas;

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

/// What is wrong with comments.
#[derive(Debug, Default)]
pub(super) struct DocProblems {
    /// What a comment leaves out, with the definition that it belongs to; in order.
    pub(super) lacking: VecDeque<(EntityId, Diagnostic)>,
    /// What it describes that does not exist; QEMU finds this after everything else.
    pub(super) bogus: Vec<Diagnostic>,
}

impl<'t> Drafts<'t> {
    /// Checks the comment of the definition with this index. That needs no other one but those in front of
    /// it: they hold what is written in the place of a type.
    pub(super) fn documentation(&mut self, index: usize, pragmas: &Pragmas) {
        let Some(draft) = self.list.get(index) else {
            return;
        };
        let Some(doc) = draft.doc.as_deref().filter(|doc| doc.symbol.is_some()) else {
            return;
        };
        let mut parts = emptied(std::mem::take(&mut self.parts));
        let mut problems = std::mem::take(&mut self.doc_problems);
        find_parts(self, draft, &mut parts);
        let mut check = Check {
            draft,
            id: EntityId(u32::try_from(index).unwrap_or(u32::MAX)),
            problems: &mut problems,
        };
        check.undocumented(doc, &parts, pragmas);
        check.bogus("member", &doc.members, &parts);
        check.bogus("feature", &doc.features, &parts);
        self.parts = emptied(parts);
        self.doc_problems = problems;
    }
}

/// The list without its elements, and with their room.
fn emptied<'n>(parts: Vec<Part<'_>>) -> Vec<Part<'n>> {
    let none = |_| None::<Part<'n>>;
    parts.into_iter().map_while(none).collect()
}

struct Check<'d, 't> {
    draft: &'d Draft<'t>,
    id: EntityId,
    problems: &'d mut DocProblems,
}

impl Check<'_, '_> {
    fn undocumented(&mut self, doc: &Doc, parts: &[Part<'_>], pragmas: &Pragmas) {
        let draft = self.draft;
        let mut members = Names::new(doc.members.iter().map(|one| one.name.as_str()));
        let mut features = Names::new(doc.features.iter().map(|one| one.name.as_str()));
        let excepted = pragmas.undocumented.as_ref();
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
        let mut problem = match part.is_feature() {
            true => problem.soft(),
            false => problem.soft_docs(),
        };
        problem.context = self.draft.context();
        if let Some(span) = self.draft.span {
            problem = problem.anchor(span, false);
        }
        self.problems.lacking.push_back((self.id, problem));
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
        self.problems.bogus.push(problem.soft_docs());
    }
}

/// In the order in which QEMU looks at them. `drafts` holds what was defined in front of `draft`.
fn find_parts<'d>(drafts: &'d Drafts<'_>, draft: &'d Draft<'_>, parts: &mut Vec<Part<'d>>) {
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
            implicit_parts(drafts, base.as_ref(), parts);
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
            implicit_parts(drafts, data.as_ref(), parts);
        }
        DraftKind::Builtin(_) | DraftKind::Array { .. } => {}
    }
}

/// Members written in place belong to the comment of the definition around them.
fn implicit_parts<'d>(drafts: &'d Drafts<'_>, ty: Option<&TypeRef>, parts: &mut Vec<Part<'d>>) {
    let draft = ty.and_then(|ty| drafts.find(ty.name));
    if let Some(draft) = draft.filter(|draft| draft.implicit) {
        object_parts(draft, parts);
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

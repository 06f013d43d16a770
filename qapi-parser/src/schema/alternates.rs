//! Alternates: choices by JSON type.

use foldhash::HashMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node};

use super::ast::{DefinitionKind, RawBranch};
use super::draft::{Draft, DraftKind};
use super::lower::{Lower, collect};
use super::model::{Alternate, Alternative, Builtin, EntityId, EntityKind};
use super::names::{CName, Permit};
use super::resolve::Resolver;

impl<'t> Lower<'_, 't> {
    pub(super) fn alternate(
        &mut self,
        node: &Node<'t>,
        entries: &[Entry<'t>],
    ) -> Option<DefinitionKind<'t>> {
        self.keys(
            entries,
            node.span,
            &"alternate",
            &["alternate", "data"],
            &["if", "features"],
        );
        let branches = self.branches(node.get("data")?, true)?;
        Some(DefinitionKind::Alternate { branches })
    }

    /// The branches of a union, or of an alternate, whose branches may be arrays and have names of
    /// their own.
    pub(super) fn branches(
        &mut self,
        data: &Node<'t>,
        alternate: bool,
    ) -> Option<Vec<RawBranch<'t>>> {
        let is_empty = |node: &Node| {
            node.as_object().is_some_and(<[Entry]>::is_empty)
                || node.as_list().is_some_and(<[Node]>::is_empty)
        };
        if alternate && is_empty(data) {
            self.error(Code::BadValue, "'data' must not be empty", data.span);
            return None;
        }
        let Some(entries) = data.as_object() else {
            self.error(Code::BadValue, "'data' must be an object", data.span);
            return None;
        };
        let branches = entries.iter();
        let branches = branches.filter_map(|entry| self.branch(entry, alternate));
        Some(collect(entries.len(), branches))
    }

    fn branch(&mut self, entry: &Entry<'t>, alternate: bool) -> Option<RawBranch<'t>> {
        let source = format_args!("'data' member '{}'", entry.key);
        if alternate {
            self.name_lower(entry.key, entry.key_span, &source, Permit::default());
        }
        let (ty, entries) = self.exploded(entry, &source, &["if"])?;
        let cond = self.cond(entries, &source);
        let ty = self.type_ref(ty, &source, alternate)?;
        Some(RawBranch {
            name: entry.key,
            ty,
            cond,
            span: entry.key_span,
        })
    }
}

/// The JSON types on the wire, as far as they can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum JsonType {
    Null,
    Number,
    String,
    Object,
    Array,
    Bool,
}

fn json_type(kind: &DraftKind<'_>) -> Option<JsonType> {
    Some(match kind {
        DraftKind::Builtin(Builtin::Any) => return None,
        DraftKind::Builtin(Builtin::Str) | DraftKind::Enum(_) => JsonType::String,
        DraftKind::Builtin(Builtin::Bool) => JsonType::Bool,
        DraftKind::Builtin(Builtin::Null) => JsonType::Null,
        DraftKind::Builtin(_) => JsonType::Number,
        DraftKind::Array { .. } => JsonType::Array,
        DraftKind::Object { .. } => JsonType::Object,
        _ => return None,
    })
}

/// The JSON types that cannot stand beside a branch of this type: a keyword that gives strings may
/// have to say numbers and booleans too.
fn occupied(kind: &DraftKind<'_>, own: JsonType) -> Vec<JsonType> {
    let mut out = vec![own];
    if let DraftKind::Enum(enumeration) = kind {
        let names = || {
            enumeration
                .members
                .iter()
                .map(|member| member.name.as_str())
        };
        if names().any(|name| name == "on" || name == "off") {
            out.push(JsonType::Bool);
        }
        if names().any(|name| name.starts_with(|c: char| "-+.0123456789".contains(c))) {
            out.push(JsonType::Number);
        }
    } else if own == JsonType::String {
        out.extend([JsonType::Number, JsonType::Bool]);
    }
    out
}

impl Resolver<'_> {
    /// Resolves the branches and refuses those that cannot be told apart.
    pub(super) fn alternate(&mut self, branches: &[RawBranch<'_>]) -> Option<EntityKind> {
        let before = self.problems.len();
        let resolve =
            |branch: &RawBranch| self.lookup(&branch.ty, &format_args!("branch '{}'", branch.name));
        let types: Vec<Option<EntityId>> = branches.iter().map(resolve).collect();
        let mut names: HashMap<CName<'_>, &RawBranch<'_>> = HashMap::default();
        let mut taken: HashMap<JsonType, &RawBranch<'_>> = HashMap::default();
        for (branch, ty) in branches.iter().zip(&types) {
            if let Some(other) = names.insert(CName(branch.name), branch) {
                let message = format!(
                    "branch '{}' collides with branch '{}'",
                    branch.name, other.name
                );
                let problem = Diagnostic::error(Code::Collision, message, branch.span);
                self.report(problem.label(other.span, "the other one"));
            }
            let drafts = self.drafts;
            if let Some(id) = ty {
                self.distinguish(branch, drafts[id.0 as usize], &mut taken);
            }
        }
        let alternative = |(branch, ty): (&RawBranch<'_>, Option<EntityId>)| {
            let (name, cond) = (self.text(branch.span, branch.name), branch.cond.clone());
            Some(Alternative {
                name,
                ty: ty?,
                cond,
                span: Some(branch.span),
            })
        };
        let alternatives = branches
            .iter()
            .zip(types)
            .map(alternative)
            .collect::<Option<_>>()?;
        let ok = self.problems.len() == before;
        ok.then_some(EntityKind::Alternate(Alternate { alternatives }))
    }

    fn distinguish<'b>(
        &mut self,
        branch: &'b RawBranch<'b>,
        draft: &Draft<'_>,
        types: &mut HashMap<JsonType, &'b RawBranch<'b>>,
    ) {
        let Some(own) = json_type(&draft.kind) else {
            let message = format!("branch '{}' cannot use {}", branch.name, draft.describe());
            self.report(Diagnostic::error(Code::WrongType, message, branch.ty.span));
            return;
        };
        for ty in occupied(&draft.kind, own) {
            if let Some(other) = types
                .insert(ty, branch)
                .filter(|other| other.name != branch.name)
            {
                let message = format!(
                    "branch '{}' can't be distinguished from '{}'",
                    branch.name, other.name
                );
                let problem = Diagnostic::error(Code::Indistinguishable, message, branch.span);
                self.report(problem.label(other.span, "the other one"));
                return;
            }
        }
    }
}

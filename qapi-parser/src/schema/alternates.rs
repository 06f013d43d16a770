//! Alternates: choices by JSON type.

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node};

use super::ast::{DefinitionKind, RawBranch};
use super::draft::{Draft, DraftKind};
use super::lower::Lower;
use super::model::{Alternate, Alternative, Builtin, EntityId, EntityKind};
use super::names::{Permit, c_name};
use super::resolve::Resolver;

impl Lower<'_> {
    pub(super) fn alternate(&mut self, node: &Node, entries: &[Entry]) -> Option<DefinitionKind> {
        self.keys(
            entries,
            node.span,
            "alternate",
            &["alternate", "data"],
            &["if", "features"],
        );
        let branches = self.branches(node.get("data")?, true)?;
        Some(DefinitionKind::Alternate { branches })
    }

    /// The branches of a union, or of an alternate, whose branches may be arrays and have names of
    /// their own.
    pub(super) fn branches(&mut self, data: &Node, alternate: bool) -> Option<Vec<RawBranch>> {
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
        Some(
            entries
                .iter()
                .filter_map(|entry| self.branch(entry, alternate))
                .collect(),
        )
    }

    fn branch(&mut self, entry: &Entry, alternate: bool) -> Option<RawBranch> {
        let source = format!("'data' member '{}'", entry.key);
        if alternate {
            self.name_lower(&entry.key, entry.key_span, &source, Permit::default());
        }
        let (ty, entries) = self.exploded(entry, &source, &["if"])?;
        let cond = self.cond(entries, &source);
        let ty = self.type_ref(ty, &source, alternate)?;
        Some(RawBranch {
            name: entry.key.clone(),
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

fn json_type(kind: &DraftKind) -> Option<JsonType> {
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
fn occupied(kind: &DraftKind, own: JsonType) -> Vec<JsonType> {
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
    pub(super) fn alternate(&mut self, branches: &[RawBranch]) -> Option<EntityKind> {
        let before = self.problems.len();
        let resolve =
            |branch: &RawBranch| self.lookup(&branch.ty, &format!("branch '{}'", branch.name));
        let types: Vec<Option<EntityId>> = branches.iter().map(resolve).collect();
        let mut names: HashMap<String, &RawBranch> = HashMap::new();
        let mut taken: HashMap<JsonType, &RawBranch> = HashMap::new();
        for (branch, ty) in branches.iter().zip(&types) {
            if let Some(other) = names.insert(c_name(&branch.name), branch) {
                let message = format!(
                    "branch '{}' collides with branch '{}'",
                    branch.name, other.name
                );
                let problem = Diagnostic::error(Code::Collision, message, branch.span);
                self.report(problem.label(other.span, "the other one"));
            }
            let drafts = self.drafts;
            if let Some(id) = ty {
                self.distinguish(branch, &drafts[id.0 as usize], &mut taken);
            }
        }
        let alternative = |(branch, ty): (&RawBranch, Option<EntityId>)| {
            let (name, cond) = (branch.name.clone(), branch.cond.clone());
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
        branch: &'b RawBranch,
        draft: &Draft,
        types: &mut HashMap<JsonType, &'b RawBranch>,
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

//! Entities in QEMU's order, types still by name: predefined ones, then the definitions, each with
//! the implicit entities that it causes in front of it.

use std::collections::{HashMap, HashSet};

use crate::diagnostic::{Context, Diagnostic};
use crate::doc::Doc;
use crate::source::Span;

use super::ast::{Flags, RawBranch, RawEnum, RawFeature, RawMember, RawVariants, TypeRef};
use super::model::{Builtin, Cond, EntityId, ModuleId};

/// An entity before its types are resolved.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) module: ModuleId,
    pub(super) span: Option<Span>,
    /// The part of it to show: up to the name.
    pub(super) head: Option<Span>,
    /// The definition that it is, or that caused it.
    pub(super) context: Option<Context>,
    pub(super) implicit: bool,
    pub(super) cond: Cond,
    pub(super) features: Vec<RawFeature>,
    pub(super) doc: Option<Doc>,
    pub(super) kind: DraftKind,
}

#[derive(Debug)]
pub(super) enum DraftKind {
    Builtin(Builtin),
    Enum(RawEnum),
    Array {
        element: TypeRef,
    },
    Object {
        base: Option<TypeRef>,
        members: Vec<RawMember>,
        variants: Option<RawVariants>,
    },
    Alternate {
        branches: Vec<RawBranch>,
    },
    Command {
        data: Option<TypeRef>,
        returns: Option<TypeRef>,
        flags: Flags,
    },
    Event {
        data: Option<TypeRef>,
        boxed: bool,
    },
}

impl Draft {
    /// Its kind and name, as messages have it.
    pub(super) fn describe(&self) -> String {
        let kind = match &self.kind {
            DraftKind::Builtin(_) => "built-in type",
            DraftKind::Enum(_) => "enum type",
            DraftKind::Array { element } => return format!("array type ['{}']", element.name),
            DraftKind::Object { variants: None, .. } => "struct type",
            DraftKind::Object { .. } => "union type",
            DraftKind::Alternate { .. } => "alternate type",
            DraftKind::Command { .. } => "command",
            DraftKind::Event { .. } => "event",
        };
        format!("{kind} '{}'", self.name)
    }

    pub(super) fn is_type(&self) -> bool {
        !matches!(
            self.kind,
            DraftKind::Command { .. } | DraftKind::Event { .. }
        )
    }
}

/// Collects the entities.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub(super) list: Vec<Draft>,
    pub(super) index: HashMap<String, EntityId>,
    pub(super) problems: Vec<Diagnostic>,
    /// Names whose definition was refused: nobody is to complain that they are unknown.
    pub(super) poisoned: HashSet<String>,
}

impl Drafts {
    /// Adds an entity.
    pub(super) fn push(&mut self, draft: Draft) {
        let id = EntityId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.index.insert(draft.name.clone(), id);
        self.list.push(draft);
    }
}

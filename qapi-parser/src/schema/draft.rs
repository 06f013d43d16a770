//! Entities in QEMU's order, types still by name: predefined ones, then the definitions, each with
//! the implicit entities that it causes in front of it.

use foldhash::{HashMap, HashSet};

use crate::diagnostic::{Context, Diagnostic};
use crate::doc::Doc;
use crate::expr::Arena;
use crate::source::Span;

use super::ast::{Flags, RawBranch, RawEnum, RawFeature, RawMember, RawVariants, TypeRef};
use super::model::{Builtin, Cond, EntityId, ModuleId};

/// An entity before its types are resolved.
#[derive(Debug)]
pub(super) struct Draft<'t> {
    pub(super) name: &'t str,
    pub(super) module: ModuleId,
    pub(super) span: Option<Span>,
    /// The part of it to show: up to the name.
    pub(super) head: Option<Span>,
    /// The definition that it is, or that caused it.
    pub(super) context: Option<(&'static str, &'t str)>,
    pub(super) implicit: bool,
    pub(super) cond: Cond,
    pub(super) features: Vec<RawFeature<'t>>,
    pub(super) doc: Option<Box<Doc>>,
    pub(super) kind: DraftKind<'t>,
}

#[derive(Debug)]
pub(super) enum DraftKind<'t> {
    Builtin(Builtin),
    Enum(RawEnum),
    Array {
        element: TypeRef<'t>,
    },
    Object {
        base: Option<TypeRef<'t>>,
        members: Vec<RawMember<'t>>,
        variants: Option<RawVariants<'t>>,
    },
    Alternate {
        branches: Vec<RawBranch<'t>>,
    },
    Command {
        data: Option<TypeRef<'t>>,
        returns: Option<TypeRef<'t>>,
        flags: Flags,
    },
    Event {
        data: Option<TypeRef<'t>>,
        boxed: bool,
    },
}

impl Draft<'_> {
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

    /// The definition that it is, or that caused it, for messages.
    pub(super) fn context(&self) -> Option<Context> {
        self.context.as_ref().map(|(kind, name)| Context {
            kind,
            name: name.to_string(),
        })
    }

    pub(super) fn is_type(&self) -> bool {
        !matches!(
            self.kind,
            DraftKind::Command { .. } | DraftKind::Event { .. }
        )
    }
}

/// Collects the entities.
#[derive(Debug)]
pub(super) struct Drafts<'t> {
    /// Holds the names that are made up.
    pub(super) arena: &'t Arena,
    /// Room for one.
    pub(super) name: String,
    pub(super) list: Vec<Draft<'t>>,
    pub(super) index: HashMap<&'t str, EntityId>,
    pub(super) problems: Vec<Diagnostic>,
    /// Names whose definition was refused: nobody is to complain that they are unknown.
    pub(super) poisoned: HashSet<&'t str>,
}

impl<'t> Drafts<'t> {
    pub(super) fn reserve(&mut self, count: usize) {
        self.list.reserve(count);
        self.index.reserve(count);
    }

    /// Adds an entity.
    pub(super) fn push(&mut self, draft: Draft<'t>) {
        let id = EntityId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.index.insert(draft.name, id);
        self.list.push(draft);
    }
}

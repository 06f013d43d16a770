//! Entities in QEMU's order, types still by name: predefined ones, then the definitions, each with
//! the implicit entities that it causes in front of it.

use foldhash::HashSet;

use crate::diagnostic::{Context, Diagnostic};
use crate::doc::Doc;
use crate::expr::{Arena, Kept};
use crate::source::Span;

use super::ast::{Flags, RawBranch, RawEnum, RawFeature, RawMember, RawVariants, TypeRef};
use super::docs::{DocProblems, Part};
use super::features::FeatureNames;
use super::model::{Builtin, Cond, EntityId, ModuleId};
use super::symbols::{Symbol, Symbols};

/// An entity before its types are resolved.
#[derive(Debug)]
pub(super) struct Draft<'t> {
    pub(super) name: &'t str,
    pub(super) module: ModuleId,
    pub(super) span: Option<Span>,
    /// Where the part of it to show ends: its name, unless it is implicit.
    pub(super) head: u32,
    /// The definition that it is, or that caused it.
    pub(super) context: Option<(&'static str, &'t str)>,
    pub(super) implicit: bool,
    pub(super) cond: Cond,
    pub(super) features: Box<[RawFeature<'t>]>,
    pub(super) doc: Option<Box<Doc>>,
    pub(super) kind: DraftKind<'t>,
}

#[derive(Debug)]
pub(super) enum DraftKind<'t> {
    Builtin(Builtin),
    Enum(RawEnum),
    Array {
        element: TypeRef,
    },
    Object {
        base: Option<TypeRef>,
        members: Vec<RawMember<'t>>,
        variants: Option<Box<RawVariants<'t>>>,
    },
    Alternate {
        branches: Vec<RawBranch<'t>>,
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

impl Draft<'_> {
    /// Its kind and name, as messages have it.
    pub(super) fn describe(&self) -> String {
        let kind = match &self.kind {
            DraftKind::Builtin(_) => "built-in type",
            DraftKind::Enum(_) => "enum type",
            DraftKind::Array { .. } => {
                let element = self.name.strip_suffix("List").unwrap_or(self.name);
                return format!("array type ['{element}']");
            }
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

    /// The part of it to show, if there is one.
    pub(super) fn head(&self) -> Option<Span> {
        let end = self.head;
        self.span.map(|span| match self.implicit {
            true => span,
            false => Span::new(span.file(), span.start(), end),
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
    pub(super) list: Vec<Kept<'t, Draft<'t>>>,
    pub(super) symbols: Symbols<'t>,
    pub(super) problems: Vec<Diagnostic>,
    pub(super) doc_problems: DocProblems,
    pub(super) features: FeatureNames,
    /// Room for what a comment is to describe.
    pub(super) parts: Vec<Part<'static>>,
    /// Names whose definition was refused: nobody is to complain that they are unknown.
    pub(super) poisoned: HashSet<&'t str>,
}

impl<'t> Drafts<'t> {
    /// The entity of this name.
    pub(super) fn find(&self, name: Symbol) -> Option<&Draft<'t>> {
        let id = self.symbols.meaning(name).entity?;
        self.list.get(id.0 as usize).map(|draft| &**draft)
    }

    /// Adds an entity.
    pub(super) fn push(&mut self, draft: Draft<'t>) {
        let id = EntityId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        let symbol = self.symbols.symbol(draft.name);
        let meaning = self.symbols.meaning_mut(symbol);
        meaning.entity = Some(id);
        meaning.is_type = draft.is_type();
        if let DraftKind::Array { element } = draft.kind {
            self.symbols.meaning_mut(element.name).array = Some(id);
        }
        self.list.push(self.arena.keep(draft));
    }
}

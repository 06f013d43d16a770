//! Definitions in their right shape, types still by name.

use crate::doc::Doc;
use crate::source::Span;
use crate::text::Text;

use super::model::{Cond, EnumMember};
use super::symbols::Symbol;

/// A definition whose expression has been checked by itself.
#[derive(Debug)]
pub(crate) struct Definition<'t> {
    pub(crate) name: &'t str,
    pub(crate) span: Span,
    /// From its start to its name.
    pub(crate) head: Span,
    pub(crate) cond: Cond,
    pub(crate) features: Box<[RawFeature<'t>]>,
    pub(crate) doc: Option<Box<Doc>>,
    pub(crate) kind: DefinitionKind<'t>,
}

#[derive(Debug)]
pub(crate) enum DefinitionKind<'t> {
    Enum(RawEnum),
    Struct {
        base: Option<TypeRef>,
        members: Vec<RawMember<'t>>,
    },
    Union {
        base: Data<'t>,
        variants: RawVariants<'t>,
    },
    Alternate {
        branches: Vec<RawBranch<'t>>,
    },
    Command {
        data: Option<Data<'t>>,
        returns: Option<TypeRef>,
        flags: Flags,
    },
    Event {
        data: Option<Data<'t>>,
        boxed: bool,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct RawEnum {
    pub(crate) prefix: Option<Text>,
    pub(crate) members: Vec<EnumMember>,
}

/// A named type, or members in place.
#[derive(Debug)]
pub(crate) enum Data<'t> {
    Named(TypeRef),
    Inline(Vec<RawMember<'t>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TypeRef {
    /// The name of the type, or of that of the elements.
    pub(crate) name: Symbol,
    pub(crate) array: bool,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct RawMember<'t> {
    pub(crate) name: &'t str,
    pub(crate) optional: bool,
    pub(crate) ty: TypeRef,
    pub(crate) cond: Cond,
    pub(crate) features: Box<[RawFeature<'t>]>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct RawVariants<'t> {
    pub(crate) tag: &'t str,
    pub(crate) tag_span: Span,
    pub(crate) branches: Vec<RawBranch<'t>>,
}

#[derive(Debug)]
pub(crate) struct RawBranch<'t> {
    pub(crate) name: &'t str,
    pub(crate) ty: TypeRef,
    pub(crate) cond: Cond,
    pub(crate) span: Span,
}

#[derive(Debug, Clone)]
pub(crate) struct RawFeature<'t> {
    pub(crate) name: &'t str,
    pub(crate) cond: Cond,
    pub(crate) span: Span,
}

/// The flags of a command, as in [`super::model::Command`].
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the schema language has these flags"
)]
pub(crate) struct Flags {
    pub(crate) boxed: bool,
    pub(crate) generate: bool,
    pub(crate) success_response: bool,
    pub(crate) allow_oob: bool,
    pub(crate) allow_preconfig: bool,
    pub(crate) coroutine: bool,
}

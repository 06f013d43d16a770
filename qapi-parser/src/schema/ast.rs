//! Definitions in their right shape, types still by name.

use crate::doc::Doc;
use crate::source::Span;

use super::model::{Cond, EnumMember};

/// A definition whose expression has been checked by itself.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) span: Span,
    /// From its start to its name.
    pub(crate) head: Span,
    pub(crate) cond: Cond,
    pub(crate) features: Vec<RawFeature>,
    pub(crate) doc: Option<Doc>,
    pub(crate) kind: DefinitionKind,
}

#[derive(Debug)]
pub(crate) enum DefinitionKind {
    Enum(RawEnum),
    Struct {
        base: Option<TypeRef>,
        members: Vec<RawMember>,
    },
    Union {
        base: Data,
        variants: RawVariants,
    },
    Alternate {
        branches: Vec<RawBranch>,
    },
    Command {
        data: Option<Data>,
        returns: Option<TypeRef>,
        flags: Flags,
    },
    Event {
        data: Option<Data>,
        boxed: bool,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct RawEnum {
    pub(crate) prefix: Option<String>,
    pub(crate) members: Vec<EnumMember>,
}

/// A named type, or members in place.
#[derive(Debug)]
pub(crate) enum Data {
    Named(TypeRef),
    Inline(Vec<RawMember>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeRef {
    pub(crate) name: String,
    pub(crate) array: bool,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct RawMember {
    pub(crate) name: String,
    pub(crate) optional: bool,
    pub(crate) ty: TypeRef,
    pub(crate) cond: Cond,
    pub(crate) features: Vec<RawFeature>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct RawVariants {
    pub(crate) tag: String,
    pub(crate) tag_span: Span,
    pub(crate) branches: Vec<RawBranch>,
}

#[derive(Debug)]
pub(crate) struct RawBranch {
    pub(crate) name: String,
    pub(crate) ty: TypeRef,
    pub(crate) cond: Cond,
    pub(crate) span: Span,
}

#[derive(Debug, Clone)]
pub(crate) struct RawFeature {
    pub(crate) name: String,
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

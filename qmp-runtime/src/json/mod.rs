//! QMP's dialect of JSON: a stream of values, QEMU's limits, errors and recovery.
//!
//! Bytes pass three stages: `lex` cuts them into tokens, `stream` gathers the tokens of one
//! message and guards the limits, `parse` checks the grammar and leaves a [`Document`]: the
//! message's bytes and a flat list of nodes that point into them. Nothing is copied or converted
//! before somebody asks for it.

#[cfg(feature = "serde")]
mod build;
mod document;
mod lex;
pub(crate) mod order;
mod parse;
mod stream;
mod text;
mod value;
mod write;

#[cfg(feature = "serde")]
pub(crate) use build::Builder;
pub use document::{Document, Kind, NodeId};
pub use stream::{Item, MAX_NESTING, MAX_TOKEN_BYTES, MAX_TOKENS, Stream};
pub use value::{Map, Number, Value};
pub use write::{Style, Writer};

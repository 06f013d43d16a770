//! QMP's dialect of JSON: a stream of values, QEMU's limits, errors and recovery.
//!
//! Bytes pass three stages: `lex` cuts them into tokens, `stream` finds the ends of messages and guards
//! the limits, `parse` checks the grammar token by token and leaves a [`Document`]: the message's bytes
//! and a flat list of nodes that point into them. Nothing is converted before somebody asks for it. What
//! most of a message is made of takes a short way through the first two, `run`.

#[cfg(feature = "serde")]
mod build;
mod document;
mod lex;
mod node;
pub(crate) mod order;
mod parse;
mod run;
mod source;
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

//! Generates Rust bindings from QAPI schemas.
//!
//! [`configure`] and [`compile`] are for build scripts. They and the command `qapi` are doors to the
//! same engine, [`Generator`], which takes a checked schema and gives texts. The generated code
//! depends on the crate `qmp-runtime` alone. [`introspect`] makes the data of `query-qmp-schema`,
//! [`import`](fn@import) a schema of such data; [`json_schema`] is for other languages, [`html`] for readers.

#![recursion_limit = "512"]

mod builder;
mod error;
mod generator;
pub mod html;
mod import;
pub mod introspect;
pub mod json_schema;
mod options;
mod output;
mod pattern;
mod rest;
mod rust;

pub use builder::{Builder, compile, configure};
pub use error::{Error, ErrorKind};
pub use generator::{Files, Generator};
pub use import::{ImportError, Imported, import};
pub use options::{Conditions, Handlers, Layout, Options};
pub use output::Output;

//! Generates Rust bindings from QAPI schemas.
//!
//! [`configure`] and [`compile`] are for build scripts. They and the command `qapi` are doors to the
//! same engine, [`Generator`], which takes a checked schema and gives texts. The generated code
//! depends on the crate `qmp-runtime` alone. [`introspect`] makes the data of `query-qmp-schema`,
//! [`import`](fn@import) a schema of such data.

mod builder;
mod error;
mod generator;
mod import;
pub mod introspect;
mod options;
mod output;
mod pattern;
mod rest;
mod rust;

pub use builder::{Builder, compile, configure};
pub use error::{Error, ErrorKind};
pub use generator::{Files, Generator};
pub use import::{ImportError, Imported, import};
pub use options::{Conditions, Layout, Options};
pub use output::Output;

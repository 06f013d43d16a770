//! Reads and checks QAPI schemas.
//!
//! Text goes in, a checked, immutable [`Schema`] comes out, or diagnostics: all that are found, not
//! the first only, each with its place and, where there is one, the way out.
//!
//! ```
//! let outcome = qapi_parser::check_str("demo.json", "{ 'command': 'ping', 'returns': 'Pong' }");
//! assert!(outcome.schema.is_none());
//! assert_eq!(
//!     outcome.render(qapi_parser::Format::Short),
//!     "demo.json:1:33: error[QAPI0040]: command's 'returns' uses unknown type 'Pong'\n",
//! );
//! ```
//!
//! The stages are modules: [`source`] and [`loader`], [`lex`], [`expr`], [`mod@include`], [`dialect`],
//! [`doc`], [`schema`], and [`diagnostic`] beside them. No stage looks back.

pub mod diagnostic;
pub mod dialect;
pub mod doc;
pub mod expr;
pub mod include;
pub mod lex;
pub mod loader;
mod outcome;
pub mod schema;
pub mod source;

pub use diagnostic::{Code, Diagnostic, Format, Renderer, Severity};
pub use dialect::Dialect;
pub use doc::Doc;
pub use loader::{FsLoader, Loader, MemoryLoader};
pub use outcome::{Checked, Failure, Outcome};
pub use schema::Schema;
pub use source::{SourceMap, Span};

use std::path::Path;

/// How to check.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// Which dialects are accepted.
    pub dialect: Dialect,
}

impl Options {
    /// The defaults: every dialect.
    pub fn new() -> Options {
        Options::default()
    }

    /// Accepts this dialect.
    #[must_use]
    pub fn dialect(self, dialect: Dialect) -> Options {
        Options { dialect }
    }
}

/// Checks the schema with this root file.
///
/// Never fails as such: what is wrong, an unreadable root file included, is in
/// [`Outcome::diagnostics`].
pub fn check(root: &Path, loader: &dyn Loader, options: &Options) -> Outcome {
    let modern = options.dialect == Dialect::Modern;
    let parsed = include::parse(root, loader, modern);
    let (schema, diagnostics, sources) = schema::build(parsed, modern);
    Outcome {
        schema,
        diagnostics,
        sources,
    }
}

/// Checks the schema with this root file on disk, every dialect accepted.
pub fn check_file(root: impl AsRef<Path>) -> Outcome {
    check(root.as_ref(), &FsLoader::new(), &Options::new())
}

/// Checks a schema of one file, given as text; `name` stands for its path. Includes fail.
pub fn check_str(name: &str, text: &str) -> Outcome {
    let loader = MemoryLoader::new().file(name, text);
    check(Path::new(name), &loader, &Options::new())
}

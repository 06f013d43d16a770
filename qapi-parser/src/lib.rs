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

pub mod compat;
pub mod diagnostic;
pub mod dialect;
pub mod doc;
pub mod expr;
mod files;
pub mod fmt;
pub mod include;
pub mod lex;
pub mod lint;
pub mod loader;
mod outcome;
pub mod schema;
pub mod source;
mod suggest;
mod text;

pub use diagnostic::{Code, Diagnostic, Format, Renderer, Severity};
pub use dialect::Dialect;
pub use doc::Doc;
pub use lint::Level;
pub use loader::{FsLoader, Loader, MemoryLoader};
pub use outcome::{Checked, Failure, Outcome};
pub use schema::Schema;
pub use source::{SourceMap, Span};
pub use text::Text;

use std::path::{Path, PathBuf};

/// How to check.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// Which dialects are accepted.
    pub dialect: Dialect,
    /// Where included files are looked for that are not beside the including one, in this order.
    pub include_dirs: Vec<PathBuf>,
    /// What is to become of warnings, notes and lints.
    pub levels: lint::Levels,
}

impl Options {
    /// The defaults: every dialect.
    pub fn new() -> Options {
        Options::default()
    }

    /// Accepts this dialect.
    #[must_use]
    pub fn dialect(self, dialect: Dialect) -> Options {
        Options { dialect, ..self }
    }

    /// Looks here, too, for included files that are not beside the including one.
    #[must_use]
    pub fn include_dir(mut self, folder: impl Into<PathBuf>) -> Options {
        self.include_dirs.push(folder.into());
        self
    }
}

impl Options {
    /// Says nothing of what this code stands for. Errors cannot be silenced.
    #[must_use]
    pub fn allow(mut self, code: Code) -> Options {
        self.levels.set(code, Level::Allow);
        self
    }

    /// Warns of what this code stands for.
    #[must_use]
    pub fn warn(mut self, code: Code) -> Options {
        self.levels.set(code, Level::Warn);
        self
    }

    /// Takes what this code stands for as an error.
    #[must_use]
    pub fn deny(mut self, code: Code) -> Options {
        self.levels.set(code, Level::Deny);
        self
    }
}

/// Checks the schema with this root file.
///
/// Never fails as such: what is wrong, an unreadable root file included, is in
/// [`Outcome::diagnostics`].
pub fn check(root: &Path, loader: &dyn Loader, options: &Options) -> Outcome {
    let (schema, mut diagnostics, sources) = schema::read(root, loader, options);
    if let Some(schema) = &schema {
        diagnostics.extend(lint::run(schema, &options.levels, loader));
    }
    options.levels.apply(&mut diagnostics);
    let denied = diagnostics.iter().any(Diagnostic::is_error);
    Outcome {
        schema: schema.filter(|_| !denied),
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

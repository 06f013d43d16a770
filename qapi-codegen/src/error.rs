//! Why nothing was generated.

use std::fmt;
use std::path::{Path, PathBuf};

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The schema has errors; the report is in the error.
    Schema,
    /// The schema is sound, but cannot be put into Rust under the options given.
    Unsupported,
    /// The options or the environment of the build script do not fit.
    Config,
    /// A file could not be read or written.
    Io,
}

/// Why nothing was generated.
///
/// `Display` is short. `Debug` is what `fn main() -> Result<(), qapi_codegen::Error>` prints: the
/// report with the source text in question.
pub struct Error(Box<Cause>);

enum Cause {
    Schema(qapi_parser::Failure),
    Unsupported(String),
    Config(String),
    Io {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

impl Error {
    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        match *self.0 {
            Cause::Schema(_) => ErrorKind::Schema,
            Cause::Unsupported(_) => ErrorKind::Unsupported,
            Cause::Config(_) => ErrorKind::Config,
            Cause::Io { .. } => ErrorKind::Io,
        }
    }

    /// The diagnostics, where the schema is at fault.
    pub fn failure(&self) -> Option<&qapi_parser::Failure> {
        match &*self.0 {
            Cause::Schema(failure) => Some(failure),
            _ => None,
        }
    }

    pub(crate) fn unsupported(message: String) -> Self {
        Error(Box::new(Cause::Unsupported(message)))
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Error(Box::new(Cause::Config(message.into())))
    }

    pub(crate) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error(Box::new(Cause::Io {
            doing,
            path: path.to_owned(),
            source,
        }))
    }
}

impl From<qapi_parser::Failure> for Error {
    fn from(failure: qapi_parser::Failure) -> Self {
        Error(Box::new(Cause::Schema(failure)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Cause::Schema(failure) => failure.fmt(f),
            Cause::Unsupported(message) | Cause::Config(message) => f.write_str(message),
            Cause::Io { doing, path, .. } => write!(f, "cannot {doing} {}", path.display()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Cause::Schema(failure) => fmt::Debug::fmt(failure, f),
            Cause::Io { source, .. } => write!(f, "{self}: {source}"),
            _ => fmt::Display::fmt(self, f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            Cause::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

//! Where things stand.

use std::path::{Component, Path, PathBuf};

use qapi_parser::{SourceMap, Span};
use serde_json::{Value, json};

/// Tells files and lines.
#[derive(Debug)]
pub(crate) struct Places<'s> {
    sources: &'s SourceMap,
    /// The folder that absolute paths are seen from, if it is known.
    folder: Option<PathBuf>,
}

impl<'s> Places<'s> {
    /// Places as seen from the current folder.
    pub(crate) fn new(sources: &'s SourceMap) -> Self {
        Places {
            sources,
            folder: std::env::current_dir().ok(),
        }
    }

    /// File and line; null without a span.
    pub(super) fn of(&self, span: Option<Span>) -> Value {
        let location = span.and_then(|span| self.sources.locate(span));
        location.map_or(
            Value::Null,
            |at| json!({ "file": self.file(at.path), "line": at.line }),
        )
    }

    /// A path without detours, with forward slashes.
    pub(super) fn file(&self, path: &Path) -> String {
        let path = direct(path);
        let inside = self
            .folder
            .as_ref()
            .and_then(|folder| path.strip_prefix(folder).ok());
        let parts = inside.unwrap_or(&path).components().map(|part| match part {
            // Joined to the next part, it is the leading slash.
            Component::RootDir => String::new(),
            other => other.as_os_str().to_string_lossy().into_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    }
}

/// The path with each `..` taken together with the folder in front of it.
fn direct(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match (part, out.components().next_back()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                out.pop();
            }
            _ => out.push(part),
        }
    }
    out
}

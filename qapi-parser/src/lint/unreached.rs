//! Schema files that no include directive reaches.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use foldhash::{HashMap, HashSet};

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::lex::{Lexer, TokenKind};
use crate::loader::{Loader, normalize};
use crate::schema::Schema;
use crate::source::Span;

/// A folder with fewer included files than this may hold anything.
const ENOUGH: usize = 2;

/// Looks in the folder of the root file and below it, where included files are: schemas take files
/// from other folders that are not theirs alone.
pub(super) fn run(schema: &Schema, loader: &dyn Loader) -> Vec<Diagnostic> {
    let files = schema.sources().files();
    let Some(root) = files.first() else {
        return Vec::new();
    };
    let home = normalize(folder_of(root.path()));
    let mut names: HashMap<&Path, HashSet<&OsStr>> = HashMap::default();
    for file in files {
        let of_folder = names.entry(folder_of(file.path())).or_default();
        of_folder.extend(file.path().file_name());
    }
    // A folder may have been reached by several ways.
    let mut folders: HashMap<PathBuf, HashSet<&OsStr>> = HashMap::default();
    for (folder, names) in names {
        folders.entry(normalize(folder)).or_default().extend(names);
    }
    let mut found = Vec::new();
    for (folder, names) in folders {
        let included = names.len() - usize::from(folder == home);
        if included >= ENOUGH && folder.starts_with(&home) {
            let all = loader.list(&folder).into_iter();
            let all = all.filter(|path| path.extension().is_some_and(|it| it == "json"));
            let left = all.filter(|path| path.file_name().is_some_and(|it| !names.contains(it)));
            let is_schema = |path: &PathBuf| loader.load(path).is_ok_and(|bytes| is_schema(&bytes));
            let left: Vec<PathBuf> = left.filter(is_schema).collect();
            // Where they are not the exception, the folder has more than one schema.
            if left.len() * 2 <= included {
                found.extend(left);
            }
        }
    }
    found.sort();
    found.iter().map(|path| unreached(path)).collect()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Whether the first expression starts as those of schemas do: JSON has other quotes.
fn is_schema(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let mut lexer = Lexer::new(text, 0);
    let tokens = std::iter::from_fn(|| lexer.token_with_comments().ok());
    let kinds = tokens
        .map(|token| token.kind)
        .take_while(|kind| *kind != TokenKind::End);
    let mut kinds = kinds.filter(|kind| *kind != TokenKind::Comment);
    kinds.next() == Some(TokenKind::Punct('{')) && kinds.next() == Some(TokenKind::Str)
}

fn unreached(path: &Path) -> Diagnostic {
    let message = format!("no include directive reaches '{}'", path.display());
    Diagnostic::error(Code::UnreachedFile, message, Span::NOWHERE)
        .severity(Severity::Warning)
        .nowhere()
        .help("include it, or keep it in another folder")
}

//! The reference material that some tests read; it is no part of the project.

use std::path::PathBuf;

/// A folder of the corpus; none, with a word on the output, when it is absent.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let path =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus")).join(name);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

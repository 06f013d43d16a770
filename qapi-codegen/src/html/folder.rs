//! The reference on disk.

use std::fs;
use std::path::{Path, PathBuf};

use super::frame::MARK;
use crate::error::Error;
use crate::generator::Files;
use crate::output::write_if_changed;

/// Writes a reference into a folder, which is made if need be. A file that has its text already is
/// left alone; pages of an earlier run that are no longer there are removed, and no other file is
/// touched.
///
/// # Errors
/// A file cannot be read, written or removed.
pub fn write(files: &Files, folder: impl AsRef<Path>) -> Result<(), Error> {
    let folder = folder.as_ref();
    for (name, text) in files {
        write_if_changed(&folder.join(name), text)?;
    }
    for path in pages(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !files.contains_key(&*name) {
            fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
    }
    Ok(())
}

/// The pages of ours in a folder.
fn pages(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |error| Error::io("read the folder", folder, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_page = path
            .extension()
            .is_some_and(|extension| extension == "html");
        if is_page && path.is_file() {
            let text = fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
            found.extend(text.starts_with(MARK.as_bytes()).then_some(path));
        }
    }
    found.sort();
    Ok(found)
}

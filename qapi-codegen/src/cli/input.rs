//! The schema that the command line names.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use qapi_parser::{FsLoader, Loader};

use super::Failure;

/// A root file that has been read, with a loader for what it includes.
#[derive(Debug)]
pub(crate) struct Input {
    path: PathBuf,
    root: RefCell<Option<Vec<u8>>>,
    others: FsLoader,
}

impl Input {
    /// Reads the root file; `-` is standard input, whose includes are relative to the current folder.
    pub(crate) fn open(file: OsString) -> Result<Self, Failure> {
        let (path, bytes) = if file == "-" {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut bytes);
            (PathBuf::from("<stdin>"), read.map(|_| bytes))
        } else {
            let path = PathBuf::from(file);
            let bytes = std::fs::read(&path);
            (path, bytes)
        };
        let bytes = bytes.map_err(|error| unreadable(&path, &error))?;
        Ok(Input {
            path,
            root: RefCell::new(Some(bytes)),
            others: FsLoader::new(),
        })
    }

    /// The path of the root, for messages and names.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Loader for Input {
    fn load(&self, path: &Path) -> io::Result<Vec<u8>> {
        // The root is asked for first. Should it include itself, that is found by its path.
        let root = if path == self.path {
            self.root.take()
        } else {
            None
        };
        root.map_or_else(|| self.others.load(path), Ok)
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => "check the path, or use - for standard input",
        io::ErrorKind::IsADirectory => "name the root file in it, often qapi-schema.json",
        io::ErrorKind::PermissionDenied => "check its permissions",
        _ => "check the file",
    };
    Failure(format!("cannot read {}: {error}; {remedy}", path.display()))
}

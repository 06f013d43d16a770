//! The files that the command line names.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use qapi_parser::source::MAX_FILE_SIZE;
use qapi_parser::{FsLoader, Loader};

use super::Failure;

/// A file that has been read.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path; for messages, where it is standard input.
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_standard_input: bool,
}

impl File {
    /// Reads a file; `-` is standard input.
    pub(crate) fn read(name: OsString) -> Result<Self, Failure> {
        let is_standard_input = name == "-";
        let (path, bytes) = if is_standard_input {
            (PathBuf::from("<stdin>"), contents(io::stdin().lock()))
        } else {
            let path = PathBuf::from(name);
            let bytes = std::fs::File::open(&path).and_then(contents);
            (path, bytes)
        };
        let bytes = bytes.map_err(|error| unreadable(&path, &error))?;
        Ok(File {
            path,
            bytes,
            is_standard_input,
        })
    }
}

/// The bytes up to one more than a schema file may have: enough to see that there are too many.
fn contents(from: impl io::Read) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(MAX_FILE_SIZE).map_or(u64::MAX, |limit| limit + 1);
    let mut bytes = Vec::new();
    from.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads them all, or none.
pub(crate) fn read_all(names: Vec<OsString>) -> Result<Vec<File>, Failure> {
    if names.iter().filter(|name| *name == "-").count() > 1 {
        let message = "standard input can be read once only; name it once";
        return Err(Failure(message.to_owned()));
    }
    names.into_iter().map(File::read).collect()
}

/// A root file that has been read, with a loader for what it includes.
#[derive(Debug)]
pub(crate) struct Input {
    path: PathBuf,
    root: RefCell<Option<Vec<u8>>>,
    others: FsLoader,
}

impl Input {
    /// Reads the root file; the includes of standard input are relative to the current folder.
    pub(crate) fn open(file: OsString) -> Result<Self, Failure> {
        File::read(file).map(Input::from)
    }

    /// The path of the root, for messages and names.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl From<File> for Input {
    fn from(file: File) -> Self {
        Input {
            path: file.path,
            root: RefCell::new(Some(file.bytes)),
            others: FsLoader::new(),
        }
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

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        self.others.list(folder)
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

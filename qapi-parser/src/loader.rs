//! Where schema files come from: the disk, or memory in tests and macros.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use crate::source::MAX_FILE_SIZE;

/// A source of schema files.
///
/// The compiler asks for each file once, with the path of the root as given, or the folder of the
/// including file joined with the text of the directive (`..` is not resolved).
pub trait Loader {
    /// The bytes of a file.
    ///
    /// # Errors
    ///
    /// Whatever keeps the file from being read; it becomes a diagnostic at the include directive.
    fn load(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The files in a folder, in any order, each with the folder in front: for the lint that looks
    /// for schema files which no directive reaches. A loader that cannot tell lists none.
    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let _ = folder;
        Vec::new()
    }
}

/// Reads from the file system and remembers what it was asked for.
#[derive(Debug, Default)]
pub struct FsLoader {
    opened: RefCell<Vec<PathBuf>>,
}

impl FsLoader {
    /// A loader that has read nothing yet.
    pub fn new() -> FsLoader {
        FsLoader::default()
    }

    /// Every path that was asked for, in order, those that could not be read included: a build
    /// script is to run again when one of them changes or appears.
    pub fn opened(&self) -> Vec<PathBuf> {
        self.opened.borrow().clone()
    }
}

impl Loader for FsLoader {
    fn load(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.opened.borrow_mut().push(path.to_owned());
        // One byte more than allowed is enough to see that a file is too large.
        let limit = u64::try_from(MAX_FILE_SIZE).map_or(u64::MAX, |limit| limit + 1);
        let file = File::open(path)?;
        let size = file.metadata().map_or(0, |data| data.len().min(limit));
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let here = folder.as_os_str().is_empty();
        let entries = std::fs::read_dir(if here { Path::new(".") } else { folder });
        let entries = entries.into_iter().flatten().flatten();
        entries
            .map(|entry| folder.join(entry.file_name()))
            .collect()
    }
}

/// Files held in memory, found by their normalised path.
#[derive(Debug, Clone, Default)]
pub struct MemoryLoader {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl MemoryLoader {
    /// A loader without files.
    pub fn new() -> MemoryLoader {
        MemoryLoader::default()
    }

    /// Adds a file, in the place of one of the same path.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) -> MemoryLoader {
        self.files.insert(normalize(path.as_ref()), bytes.into());
        self
    }
}

impl Loader for MemoryLoader {
    fn load(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.files.get(&normalize(path));
        found.cloned().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "No such file or directory (in memory)",
            )
        })
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let folder = normalize(folder);
        let within = |path: &&PathBuf| path.parent() == Some(&folder);
        self.files.keys().filter(within).cloned().collect()
    }
}

/// The path without `.` and with `..` taken literally, as text: two paths of the same file are
/// taken for the same unless links are in play.
pub(crate) fn normalize(path: &Path) -> PathBuf {
    let mut out = PathBuf::with_capacity(path.as_os_str().len());
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => out.push(".."),
            },
            other => out.push(other),
        }
    }
    out
}

/// `path` as seen from the folder `base`, which is normalised, with forward slashes.
pub(crate) fn relative(path: &Path, base: &Path) -> String {
    let path = normalize(path);
    let shared = path
        .components()
        .zip(base.components())
        .take_while(|(a, b)| a == b)
        .count();
    let ups = base.components().skip(shared).map(|_| "..".to_owned());
    let rest = path
        .components()
        .skip(shared)
        .map(|part| part.as_os_str().to_string_lossy().into());
    ups.chain(rest).collect::<Vec<String>>().join("/")
}

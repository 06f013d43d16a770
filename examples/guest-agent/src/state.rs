//! What outlives the process: the next file handle, and that file systems are frozen.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracing::warn;

/// The first file handle of all.
const FIRST_HANDLE: i64 = 1000;

/// The folder where the state is kept, if it is kept at all.
#[derive(Debug, Clone, Default)]
pub struct State {
    folder: Option<PathBuf>,
}

impl State {
    /// State in a folder that is there.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        State {
            folder: Some(folder.into()),
        }
    }

    /// The file that exists while file systems are frozen.
    pub fn frozen_mark(&self) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join("guest-agent.isfrozen"))
    }

    fn handles(&self) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join("guest-agent.handles"))
    }

    /// The first handle that no earlier process has given out.
    pub(crate) fn next_handle(&self) -> i64 {
        let text = self
            .handles()
            .and_then(|path| fs::read_to_string(path).ok());
        let number = text.and_then(|text| text.trim().parse().ok());
        number.map_or(FIRST_HANDLE, |number: i64| number.max(FIRST_HANDLE))
    }

    /// Takes note of the next handle: one of a client from before a restart must not mean another file.
    pub(crate) fn keep_handle(&self, next: i64) {
        if let Some(path) = self.handles() {
            warn_of(fs::write(&path, next.to_string()), &path);
        }
    }

    pub(crate) fn was_frozen(&self) -> bool {
        self.frozen_mark().is_some_and(|path| path.exists())
    }

    pub(crate) fn set_frozen(&self, yes: bool) {
        if let Some(path) = self.frozen_mark() {
            let result = match yes {
                true => fs::write(&path, ""),
                false => fs::remove_file(&path),
            };
            warn_of(result, &path);
        }
    }
}

fn warn_of(result: io::Result<()>, path: &Path) {
    if let Err(error) = result {
        warn!("cannot keep state in {}: {error}", path.display());
    }
}

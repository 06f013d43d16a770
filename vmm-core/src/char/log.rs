//! A copy of all output in a file.

use std::fs::File;
use std::path::PathBuf;

use super::CharError;

/// A log to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The file.
    pub path: PathBuf,
    /// Whether to keep what the file holds.
    pub append: bool,
}

impl LogConfig {
    pub(super) fn open(&self) -> Result<File, CharError> {
        let mut options = File::options();
        options
            .create(true)
            .write(true)
            .append(self.append)
            .truncate(!self.append);
        options.open(&self.path).map_err(|error| CharError::Log {
            path: self.path.clone(),
            error,
        })
    }
}

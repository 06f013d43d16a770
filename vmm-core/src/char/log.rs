//! A copy of all output in a file.

use std::fs::File;
use std::path::PathBuf;

use super::CharError;
use crate::fdset::{FdSets, Purpose};

/// A log to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The file.
    pub path: PathBuf,
    /// Whether to keep what the file holds.
    pub append: bool,
}

impl LogConfig {
    pub(super) fn open(&self, sets: &FdSets) -> Result<File, CharError> {
        let append = self.append;
        let opened = sets.open(&self.path, Purpose::Write { append });
        opened.map_err(|error| CharError::Log {
            path: self.path.clone(),
            error,
        })
    }
}

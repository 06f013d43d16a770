//! A copy of all output in a file.

use std::fs::File;
use std::path::PathBuf;

use rustix::fs::OFlags;

use super::CharError;
use crate::fdset::{FdSets, Purpose, is_set};

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
        if let Some(set) = self.path.to_str().filter(|path| is_set(path)) {
            let how = if append {
                OFlags::APPEND
            } else {
                OFlags::TRUNC
            };
            let opened = sets.duplicate(set, OFlags::WRONLY | OFlags::CREATE | how);
            return opened.map_err(|error| CharError::Other(error.to_string()));
        }
        let opened = sets.open(&self.path, Purpose::Write { append });
        opened.map_err(|error| CharError::Log {
            path: self.path.clone(),
            error,
        })
    }
}

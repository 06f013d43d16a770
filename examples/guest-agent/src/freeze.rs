//! Freezing, thawing and trimming file systems.

use std::io;
use std::path::{Path, PathBuf};

use qmp_runtime::QmpError;
use tracing::{debug, error, warn};

use crate::errors::{failed, reason};
use crate::gate::Gate;
use crate::mounts;
use crate::qga::types::{GuestFilesystemTrimResponse, GuestFilesystemTrimResult};
use crate::state::State;
use crate::system::System;

/// What freezing needs.
pub(crate) struct Freezer<'a> {
    pub(crate) system: &'a dyn System,
    pub(crate) gate: &'a Gate,
    pub(crate) state: &'a State,
    /// A program to be run before a freeze and after a thaw.
    pub(crate) hook: Option<&'a Path>,
}

impl Freezer<'_> {
    /// Freezes all file systems on disks; how many were. On an error all are thawed again.
    pub(crate) fn freeze(&self) -> Result<i64, QmpError> {
        let folders = folders(self.system)?;
        self.run_hook("freeze")?;
        // From here on nothing may be written, logs included: a write to a frozen file system waits for a
        // thaw that would never come.
        self.set_frozen(true);
        match self.freeze_all(&folders) {
            Ok(0) => {
                self.set_frozen(false);
                Ok(0)
            }
            Ok(count) => Ok(count),
            Err(error) => {
                if let Err(error) = self.thaw() {
                    error!("after a freeze that failed: {error}");
                }
                Err(error)
            }
        }
    }

    fn freeze_all(&self, folders: &[PathBuf]) -> Result<i64, QmpError> {
        let mut count = 0;
        // What is mounted on top of another one goes first.
        for folder in folders.iter().rev() {
            match self.system.freeze(folder) {
                Ok(()) => count += 1,
                Err(error) if passes_over(&error) => {}
                failure => failed(failure, &format!("failed to freeze {}", folder.display()))?,
            }
        }
        Ok(count)
    }

    /// Thaws all file systems on disks; how many were frozen.
    pub(crate) fn thaw(&self) -> Result<i64, QmpError> {
        let folders = folders(self.system)?;
        let mut count = 0;
        for folder in &folders {
            // It may have been frozen more than once.
            let mut thawed = false;
            while self.system.thaw(folder).is_ok() {
                thawed = true;
            }
            count += i64::from(thawed);
        }
        self.set_frozen(false);
        self.run_hook("thaw")?;
        Ok(count)
    }

    /// The mark is written before the freeze and removed after the thaw.
    fn set_frozen(&self, yes: bool) {
        if yes {
            debug!("no logs while file systems are frozen");
            self.state.set_frozen(true);
            self.gate.set_frozen(true);
        } else if self.gate.is_frozen() {
            self.gate.set_frozen(false);
            self.state.set_frozen(false);
            debug!("logs again");
        }
    }

    fn run_hook(&self, what: &str) -> Result<(), QmpError> {
        let Some(hook) = self.hook else {
            return Ok(());
        };
        let shown = hook.display();
        match self.system.run(hook, &[what]) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let text = format!("the hook {shown} has failed for '{what}'");
                Err(QmpError::generic(text))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                warn!("there is no hook {shown}");
                Ok(())
            }
            failure => failed(failure, &format!("cannot run the hook {shown}")).map(drop),
        }
    }
}

/// Trims all file systems on disks.
pub(crate) fn trim(
    system: &dyn System,
    minimum: Option<i64>,
) -> Result<GuestFilesystemTrimResponse, QmpError> {
    let minimum = minimum.unwrap_or_default();
    let Ok(bytes) = u64::try_from(minimum) else {
        let text = format!("value '{minimum}' is invalid for argument minimum");
        return Err(QmpError::generic(text));
    };
    let trim_one = |folder: PathBuf| {
        let path = folder.to_string_lossy().into_owned();
        let mut result = GuestFilesystemTrimResult::new(path);
        match system.trim(&folder, bytes) {
            Ok(trimmed) => {
                result.trimmed = Some(number(trimmed.bytes));
                result.minimum = Some(number(trimmed.minimum));
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                result.error = Some("trim not supported".to_owned());
            }
            Err(error) => result.error = Some(format!("failed to trim: {}", reason(&error))),
        }
        result
    };
    let paths = folders(system)?.into_iter().map(trim_one).collect();
    Ok(GuestFilesystemTrimResponse { paths })
}

fn number(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn folders(system: &dyn System) -> Result<Vec<PathBuf>, QmpError> {
    let table = failed(system.mounts(), "failed to read the mount table")?;
    Ok(mounts::on_disks(&table))
}

/// The file system cannot be frozen, or is so already: it is mounted at several places.
fn passes_over(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(
        kind,
        io::ErrorKind::Unsupported | io::ErrorKind::ResourceBusy
    )
}

//! Nothing but talk.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use rustix::system::RebootCommand;
use tracing::info;

use super::{System, Trimmed};

/// Says what it would do, and does not. What only asks is asked of another system.
#[derive(Clone)]
pub struct DryRun {
    asked: Arc<dyn System>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    actions: Vec<String>,
    frozen: BTreeSet<PathBuf>,
}

impl std::fmt::Debug for DryRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DryRun")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl DryRun {
    /// What is asked is asked of `asked`.
    pub fn new(asked: Arc<dyn System>) -> Self {
        DryRun {
            asked,
            state: Arc::default(),
        }
    }

    /// What would have been done since the last call of this.
    pub fn take_actions(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().actions)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, action: String) -> MutexGuard<'_, State> {
        info!("dry run: {action}");
        let mut state = self.lock();
        state.actions.push(action);
        state
    }
}

impl System for DryRun {
    fn mounts(&self) -> io::Result<String> {
        self.asked.mounts()
    }

    fn freeze(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.note(format!("freeze {}", folder.display()));
        match state.frozen.insert(folder.to_owned()) {
            true => Ok(()),
            false => Err(Errno::BUSY.into()),
        }
    }

    fn thaw(&self, folder: &Path) -> io::Result<()> {
        if !self.lock().frozen.remove(folder) {
            return Err(Errno::INVAL.into());
        }
        drop(self.note(format!("thaw {}", folder.display())));
        Ok(())
    }

    fn trim(&self, folder: &Path, minimum: u64) -> io::Result<Trimmed> {
        drop(self.note(format!("trim {} from {minimum} bytes", folder.display())));
        Ok(Trimmed { bytes: 0, minimum })
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> io::Result<bool> {
        let program = program.display();
        drop(self.note(format!("run {program} {}", arguments.join(" "))));
        Ok(true)
    }

    fn sleep_states(&self) -> io::Result<String> {
        self.asked.sleep_states()
    }

    fn sleep(&self, state: &str) -> io::Result<()> {
        drop(self.note(format!("sleep {state}")));
        Ok(())
    }

    fn end(&self, how: RebootCommand) -> io::Result<()> {
        drop(self.note(format!("end {how:?}")));
        Ok(())
    }
}

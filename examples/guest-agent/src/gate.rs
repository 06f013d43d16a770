//! Which commands may run: what the guest's administrator permits, and what is safe while file systems are
//! frozen.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use qmp_runtime::{ErrorClass, QmpError};

/// What may run while file systems are frozen: it writes to no file.
const SAFE_WHEN_FROZEN: [&str; 6] = [
    "guest-ping",
    "guest-info",
    "guest-sync",
    "guest-sync-delimited",
    "guest-fsfreeze-status",
    "guest-fsfreeze-thaw",
];

/// What the administrator permits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Permitted {
    /// Every command.
    #[default]
    All,
    /// These, and no others.
    Only(BTreeSet<String>),
    /// All but these.
    AllBut(BTreeSet<String>),
}

/// Says of a command whether it may run now.
#[derive(Debug, Default)]
pub struct Gate {
    permitted: Permitted,
    frozen: AtomicBool,
}

impl Gate {
    /// A gate that lets through what is permitted.
    pub fn new(permitted: Permitted) -> Self {
        Gate {
            permitted,
            frozen: AtomicBool::new(false),
        }
    }

    /// Whether file systems are frozen, as far as the agent knows.
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::SeqCst)
    }

    pub(crate) fn set_frozen(&self, yes: bool) {
        self.frozen.store(yes, Ordering::SeqCst);
    }

    /// Whether a command may run now.
    ///
    /// # Errors
    /// It may not.
    pub fn check(&self, name: &str) -> Result<(), QmpError> {
        let permitted = match &self.permitted {
            Permitted::All => true,
            Permitted::Only(names) => names.contains(name),
            Permitted::AllBut(names) => !names.contains(name),
        };
        if permitted && (!self.is_frozen() || SAFE_WHEN_FROZEN.contains(&name)) {
            return Ok(());
        }
        Err(QmpError::new(
            ErrorClass::COMMAND_NOT_FOUND,
            format!("Command {name} has been disabled: the command is not allowed"),
        ))
    }
}

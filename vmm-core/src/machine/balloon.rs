//! The machine's balloon, if it has one: how much of its memory the guest has.

use std::sync::{Arc, Mutex, Weak};

use super::lifecycle::Lifecycle;
use super::{Machine, MachineError};
use crate::sync::lock;

/// A device that a guest gives memory back through.
pub(crate) trait Balloon: Send + Sync {
    /// Asks the guest to get along with `bytes`.
    fn set_target(&self, bytes: u64);

    /// Bytes that the guest has left, as it says.
    fn actual(&self) -> u64;
}

/// The place for one such device; clones share it.
#[derive(Clone, Default)]
pub struct Balloons(Arc<Mutex<Option<Weak<dyn Balloon>>>>);

impl std::fmt::Debug for Balloons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Balloons")
            .field(&self.get().is_some())
            .finish()
    }
}

impl Balloons {
    /// Puts a device there; false where there is one.
    pub(crate) fn install(&self, balloon: &Arc<dyn Balloon>) -> bool {
        let mut place = lock(&self.0);
        let is_free = place.as_ref().is_none_or(|old| old.strong_count() == 0);
        if is_free {
            *place = Some(Arc::downgrade(balloon));
        }
        is_free
    }

    fn get(&self) -> Option<Arc<dyn Balloon>> {
        lock(&self.0).as_ref()?.upgrade()
    }
}

impl Lifecycle {
    fn balloon(&self) -> Result<Arc<dyn Balloon>, MachineError> {
        let _state = self.operate()?;
        self.services.balloon.get().ok_or(MachineError::NoBalloon)
    }
}

impl Machine {
    /// Asks the guest to get along with `bytes` of memory. What it does about it
    /// is told as [`MachineEvent::BalloonChange`](super::MachineEvent::BalloonChange).
    ///
    /// # Errors
    /// There is no balloon, or the machine has ended or is not configured.
    pub fn set_balloon(&self, bytes: u64) -> Result<(), MachineError> {
        self.lifecycle().balloon()?.set_target(bytes);
        Ok(())
    }

    /// Bytes of memory that the guest has.
    ///
    /// # Errors
    /// There is no balloon, or the machine has ended or is not configured.
    pub fn balloon(&self) -> Result<u64, MachineError> {
        Ok(self.lifecycle().balloon()?.actual())
    }
}

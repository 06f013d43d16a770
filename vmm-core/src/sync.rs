//! Locks that survive a panicking thread: one failed device must not take the
//! control path of the machine with it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, whether or not an earlier holder panicked.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

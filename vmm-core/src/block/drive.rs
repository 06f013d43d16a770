//! Drives: what stands between a device and its image.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::lock::Claim;
use super::{Node, Statistics};
use crate::sync::lock;

/// Whether an error has stopped the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IoStatus {
    /// None has.
    #[default]
    Ok,
    /// One has.
    Failed,
    /// The host's disk is full.
    NoSpace,
}

/// What a device wants of the drive that it takes.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// The ID or the path of the device.
    pub device: &'a str,
    /// Its path.
    pub path: &'a str,
    /// What it calls the drive.
    pub property: &'a str,
    /// Whether it gets on with others that write to the image.
    pub shares_writes: bool,
}

/// What a device reads and writes through.
#[derive(Debug)]
pub struct Drive {
    pub(super) name: String,
    pub(super) node: Option<Arc<Node>>,
    pub(super) write_back: AtomicBool,
    /// What the user wants in this respect.
    pub(super) configured_write_back: AtomicBool,
    /// Whether the device gets on with others that write to the image.
    pub(super) shares_writes: AtomicBool,
    pub(super) status: Mutex<Option<IoStatus>>,
    pub(super) statistics: Statistics,
    pub(super) device: Mutex<Option<String>>,
    pub(super) path: Mutex<Option<String>>,
    pub(super) resized: Mutex<Option<Resized>>,
    /// What the drive does without a device.
    pub(super) _claim: Option<Claim>,
    /// What the device does.
    pub(super) claim: Mutex<Option<Claim>>,
}

/// What a device does when its disk is of another size.
pub(crate) struct Resized(pub(super) Box<dyn Fn(u64) + Send + Sync>);

impl std::fmt::Debug for Resized {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resized")
    }
}

impl Drive {
    /// Its name; empty for one that a device made for itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The image, if there is one.
    #[must_use]
    pub fn node(&self) -> Option<&Arc<Node>> {
        self.node.as_ref()
    }

    /// Whether writes need not be on stable storage at once.
    #[must_use]
    pub fn writes_back(&self) -> bool {
        self.write_back.load(Ordering::Acquire)
    }

    /// Says whether writes need not be on stable storage at once.
    pub fn set_write_back(&self, on: bool) {
        self.write_back.store(on, Ordering::Release);
    }

    /// What the user wants in this respect is so again.
    pub fn restore_write_back(&self) {
        self.set_write_back(self.configured_write_back.load(Ordering::Acquire));
    }

    /// What the user of the device wants in this respect.
    pub fn configure_write_back(&self, on: bool) {
        self.configured_write_back.store(on, Ordering::Release);
        self.restore_write_back();
    }

    /// Whether an error has stopped the machine; nothing where none ever does.
    #[must_use]
    pub fn io_status(&self) -> Option<IoStatus> {
        *lock(&self.status)
    }

    /// An error stops the machine, or it goes on.
    pub fn set_io_status(&self, status: IoStatus) {
        *lock(&self.status) = Some(status);
    }

    /// The machine goes on.
    pub fn clear_error(&self) {
        if let Some(status) = &mut *lock(&self.status) {
            *status = IoStatus::Ok;
        }
    }

    /// Requests of the device.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// What the device does when its disk is of another size.
    pub(crate) fn on_resize(&self, act: impl Fn(u64) + Send + Sync + 'static) {
        *lock(&self.resized) = Some(Resized(Box::new(act)));
    }

    /// The ID or path of the device that uses it.
    #[must_use]
    pub fn device(&self) -> Option<String> {
        lock(&self.device).clone()
    }
}

//! Images and their layers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Disk, Statistics, Zeroes};

/// An image, or a layer of one.
#[derive(Debug)]
pub struct Node {
    pub(super) name: String,
    pub(super) driver: &'static str,
    pub(super) path: String,
    pub(super) disk: Arc<Disk>,
    pub(super) child: Option<Arc<Node>>,
    pub(super) read_only: bool,
    pub(super) unmap: bool,
    pub(super) no_flush: bool,
    pub(super) direct: bool,
    pub(super) zeroes: Zeroes,
    pub(super) active: AtomicBool,
    /// Whether it goes with what it was made for, not by itself.
    pub(super) is_owned: bool,
    /// Requests that reach it from above.
    pub(super) statistics: Statistics,
}

impl Node {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What there is to say of where its bytes are from.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it does: `file`, `host_device`, `raw`, `null-co` or `blkdebug`.
    #[must_use]
    pub fn driver(&self) -> &'static str {
        self.driver
    }

    /// The file in the end.
    #[must_use]
    pub fn disk(&self) -> &Arc<Disk> {
        &self.disk
    }

    /// The node below.
    #[must_use]
    pub fn child(&self) -> Option<&Arc<Node>> {
        self.child.as_ref()
    }

    /// What this one calls it.
    #[must_use]
    pub fn child_name(&self) -> Option<&'static str> {
        self.child.as_ref().map(|_| match self.driver {
            "blkdebug" => "image",
            _ => "file",
        })
    }

    /// The node at the very end.
    #[must_use]
    pub fn bottom(&self) -> &Node {
        self.child.as_ref().map_or(self, |child| child.bottom())
    }

    /// Whether it cannot be written to.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether space that is given back is given to the host.
    #[must_use]
    pub fn unmaps(&self) -> bool {
        self.unmap && self.child.as_ref().is_none_or(|child| child.unmaps())
    }

    /// Whether nothing needs to be on stable storage, ever.
    #[must_use]
    pub fn never_flushes(&self) -> bool {
        self.no_flush
    }

    /// Whether the host's cache is passed by.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// Whether it is in use here: if not, another process may have the image.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// It and those below are in use here, or are not.
    pub(super) fn set_active(&self, on: bool) {
        self.active.store(on, Ordering::Release);
        if let Some(child) = &self.child {
            child.set_active(on);
        }
    }

    /// What becomes of writes that are zeroes throughout, as it was asked for.
    #[must_use]
    pub fn zeroes(&self) -> Zeroes {
        self.zeroes
    }

    /// What becomes of zeroes, with what the nodes below do; whether their space may go.
    pub(crate) fn makes_zeroes(&self) -> Option<bool> {
        match self.zeroes {
            Zeroes::Written => self.child.as_ref()?.makes_zeroes(),
            Zeroes::Made => Some(false),
            Zeroes::Unmapped => Some(self.unmaps()),
        }
    }

    pub(super) fn has_read_only_layer(&self) -> bool {
        let child = self.child.as_ref();
        child.is_some_and(|child| child.read_only || child.has_read_only_layer())
    }

    /// Requests that reached it.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}

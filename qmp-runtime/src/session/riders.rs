//! Which request descriptors belong to that came along with its bytes.
//!
//! A read of a socket may return the end of one request and the beginning of the next one, with descriptors that
//! ride on the latter; where in the bytes they ride cannot be known.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::json::Item;

/// A request, and the descriptors that came with it.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) item: Item,
    pub(crate) fds: Vec<OwnedFd>,
}

/// Descriptors of requests that are not complete yet.
#[derive(Debug, Default)]
pub(super) struct Riders {
    /// Came with an earlier part of the request that is being read.
    begun: Vec<OwnedFd>,
    /// Came with the input that is being read: they are of its first request, unless that one has some already.
    new: Vec<OwnedFd>,
}

impl Riders {
    /// These come with the input that is read next.
    pub(super) fn come(&mut self, fds: Vec<OwnedFd>) {
        self.new = fds;
    }

    /// A request is complete; those that belong to it.
    pub(super) fn of_request(&mut self) -> Vec<OwnedFd> {
        let from = match self.begun.is_empty() {
            true => &mut self.new,
            false => &mut self.begun,
        };
        std::mem::take(from)
    }

    /// The input is used up. Descriptors replace those that came with the same request, as in QEMU.
    pub(super) fn end_input(&mut self) {
        if !self.new.is_empty() {
            self.begun = std::mem::take(&mut self.new);
        }
    }
}

/// Descriptors that a request has left: a later one may take them, unless it has some of its own.
#[derive(Debug, Default)]
pub(crate) struct LeftFds(Mutex<Vec<OwnedFd>>);

impl LeftFds {
    fn lock(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a request may take that has come with these.
    pub(crate) fn with(&self, fds: Vec<OwnedFd>) -> Vec<OwnedFd> {
        let left = std::mem::take(&mut *self.lock());
        match fds.is_empty() {
            true => left,
            false => fds,
        }
    }

    /// A request has left these.
    pub(crate) fn leave(&self, fds: Vec<OwnedFd>) {
        if !fds.is_empty() {
            *self.lock() = fds;
        }
    }
}

//! What was done to a disk, in numbers.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::lock;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Waits for stable storage.
    Flush,
    /// Gives space back.
    Unmap,
}

/// The requests of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Bytes of those that were done.
    pub bytes: u64,
    /// Those that were done.
    pub operations: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that made no sense.
    pub invalid: u64,
    /// Those that were done together with the one in front of them.
    pub merged: u64,
    /// The time that they took, all in all.
    pub time: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    kinds: [Counted; 4],
    highest: u64,
    last: Option<Instant>,
}

/// Counts of requests.
#[derive(Debug, Default)]
pub struct Statistics(Mutex<State>);

impl Statistics {
    /// The requests of a kind so far.
    #[must_use]
    pub fn of(&self, kind: Operation) -> Counted {
        lock(&self.0).kinds[kind as usize]
    }

    /// The end of what was written furthest from the beginning.
    #[must_use]
    pub fn highest_write(&self) -> u64 {
        lock(&self.0).highest
    }

    /// A request was done.
    pub fn done(&self, kind: Operation, bytes: u64, time: Duration) {
        let mut state = lock(&self.0);
        let counted = &mut state.kinds[kind as usize];
        counted.bytes += bytes;
        counted.operations += 1;
        counted.time += time;
        state.last = Some(Instant::now());
    }

    /// How long nothing was done; nothing before the first request.
    #[must_use]
    pub fn idle(&self) -> Option<Duration> {
        lock(&self.0).last.map(|last| last.elapsed())
    }

    /// The host refused a request.
    pub fn failed(&self, kind: Operation, time: Duration) {
        let mut state = lock(&self.0);
        let counted = &mut state.kinds[kind as usize];
        counted.failed += 1;
        counted.time += time;
    }

    /// A request made no sense.
    pub fn invalid(&self, kind: Operation) {
        lock(&self.0).kinds[kind as usize].invalid += 1;
    }

    /// So many requests were joined to the ones in front of them.
    pub fn merged(&self, kind: Operation, requests: u64) {
        lock(&self.0).kinds[kind as usize].merged += requests;
    }

    /// Something was written up to `end`.
    pub fn written_to(&self, end: u64) {
        let mut state = lock(&self.0);
        state.highest = state.highest.max(end);
    }
}

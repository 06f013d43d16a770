//! Events that wait to be taken: a bounded number of bytes of them, and the gaps between them.

use std::collections::VecDeque;

use super::{ClientError, Gap, RawEvent};

/// Events in their order, with what is known to be missing.
#[derive(Debug)]
pub(super) struct EventQueue {
    entries: VecDeque<Entry>,
    /// What the events in it may take, in bytes of memory.
    limit: usize,
    /// About what they take.
    used: usize,
    /// How many were dropped in front of the first one.
    dropped: u64,
    /// There was a connection, and there has not been another one since.
    is_lost: bool,
}

#[derive(Debug)]
enum Entry {
    Event(RawEvent, usize),
    Reconnected,
}

impl EventQueue {
    pub(super) fn new(limit: usize) -> Self {
        EventQueue {
            entries: VecDeque::new(),
            limit,
            used: 0,
            dropped: 0,
            is_lost: false,
        }
    }

    /// Adds an event that takes about `size` bytes; makes room for it at the expense of the oldest.
    pub(super) fn push(&mut self, event: RawEvent, size: usize) {
        self.entries.push_back(Entry::Event(event, size));
        self.used += size;
        while self.used > self.limit {
            match self.entries.pop_front() {
                Some(Entry::Event(_, size)) => {
                    self.used -= size;
                    self.dropped += 1;
                }
                Some(Entry::Reconnected) => {}
                None => break,
            }
        }
    }

    /// The connection was lost; when there is another one, that shows between the events of the two.
    pub(super) fn lost(&mut self) {
        self.is_lost = true;
    }

    /// Commands can be sent, and events come.
    pub(super) fn ready(&mut self) {
        let was_lost = std::mem::take(&mut self.is_lost);
        if was_lost && !matches!(self.entries.back(), Some(Entry::Reconnected)) {
            self.entries.push_back(Entry::Reconnected);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.dropped == 0
    }

    /// The next event, or a gap in their sequence.
    pub(super) fn pop(&mut self) -> Option<Result<RawEvent, ClientError>> {
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            return Some(Err(ClientError::Gap(Gap::Overflow { dropped })));
        }
        Some(match self.entries.pop_front()? {
            Entry::Event(event, size) => {
                self.used -= size;
                Ok(event)
            }
            Entry::Reconnected => Err(ClientError::Gap(Gap::Reconnected)),
        })
    }
}

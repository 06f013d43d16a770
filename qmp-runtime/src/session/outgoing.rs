//! What waits to be sent to one client, and how much of it may.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// With more than this waiting, the next request waits for the client to read.
const REPLY_BACKLOG: usize = 256 << 10;
/// With more events than this waiting, another one ends the session: a client that has stopped reading
/// must neither cost more memory nor be left with a gap that it cannot see.
const EVENT_BACKLOG: usize = 4 << 20;
/// With descriptors of more replies than this waiting, the next request waits, too.
const FDS_BACKLOG: usize = 8;
/// A buffer larger than this is given back once it is empty.
const KEEP_BYTES: usize = 64 << 10;

/// The outgoing side of a session; replies and events go through it in their order.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    waiting: VecDeque<u8>,
    /// Descriptors that wait, each time with the number of the byte that they go along with.
    fds: VecDeque<(u64, Vec<OwnedFd>)>,
    /// How many bytes have been sent.
    sent: u64,
    /// How many bytes of events were queued since nothing was waiting.
    events: usize,
    subscribed: bool,
    closed: bool,
}

impl Outgoing {
    /// Lets events through from now on.
    pub(crate) fn subscribe(&mut self) {
        self.subscribed = true;
    }

    /// Whether events are let through.
    pub(crate) fn takes_events(&self) -> bool {
        self.subscribed && !self.closed
    }

    /// Queues the greeting or a reply.
    pub(crate) fn reply(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.waiting.extend(bytes);
        }
    }

    /// Has descriptors go along with the next byte that is queued.
    pub(crate) fn attach(&mut self, fds: Vec<OwnedFd>) {
        if !self.closed && !fds.is_empty() {
            let at = self.sent + self.waiting.len() as u64;
            self.fds.push_back((at, fds));
        }
    }

    /// Queues an event, if the client takes events; ends the session of one that does not read them.
    pub(crate) fn event(&mut self, line: &[u8]) {
        if !self.takes_events() {
            return;
        }
        self.waiting.extend(line);
        self.events += line.len();
    }

    /// Ends the session if it has too many events to read.
    pub(crate) fn check_events(&mut self) {
        if self.events > EVENT_BACKLOG {
            self.close();
        }
    }

    /// Whether the client has so much to read that its next request has to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() > REPLY_BACKLOG || self.fds.len() > FDS_BACKLOG
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many bytes there are to send.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The next bytes to send, and the descriptors that go along with the first of them.
    pub(crate) fn next(&self) -> (&[u8], &[OwnedFd]) {
        let bytes = self.waiting.as_slices().0;
        let mut all = self.fds.iter().peekable();
        let fds = all
            .next_if(|&&(at, _)| at == self.sent)
            .map_or(&[][..], |(_, fds)| fds);
        // What comes after the next descriptors has to wait for them.
        let end = all.next().map_or(bytes.len(), |&(at, _)| {
            bytes.len().min((at - self.sent) as usize)
        });
        (&bytes[..end], fds)
    }

    /// Takes note that so many of them were sent.
    pub(crate) fn sent(&mut self, count: usize) {
        if count > 0 && self.fds.front().is_some_and(|&(at, _)| at == self.sent) {
            self.fds.pop_front();
        }
        self.waiting.drain(..count);
        self.sent += count as u64;
        if self.waiting.is_empty() {
            self.events = 0;
            self.waiting.shrink_to(KEEP_BYTES);
        }
    }

    /// Ends the session; what waits is dropped.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.waiting = VecDeque::new();
        self.fds = VecDeque::new();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }
}

//! Bytes that wait to be sent, with descriptors that ride on some of them.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// A buffer larger than this is given back once it is empty.
const KEEP_BYTES: usize = 64 << 10;

/// Bytes that wait to be sent.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// How many of the bytes have been sent.
    sent: usize,
    /// Descriptors, with the place of the byte that they ride on.
    riders: VecDeque<(usize, Vec<OwnedFd>)>,
}

impl Outgoing {
    /// The end of the buffer; `fds` ride on the first byte that is added.
    pub(super) fn append(&mut self, fds: Vec<OwnedFd>) -> &mut Vec<u8> {
        if !fds.is_empty() {
            self.riders.push_back((self.bytes.len(), fds));
        }
        &mut self.bytes
    }

    /// What to send next: bytes, and the descriptors that go with the first of them.
    pub(super) fn next(&self) -> (&[u8], &[OwnedFd]) {
        let mut riders = self.riders.iter();
        let mut end = self.bytes.len();
        let mut fds = &[][..];
        if let Some((at, first)) = riders.next() {
            if *at == self.sent {
                fds = first;
                end = riders.next().map_or(end, |(at, _)| *at);
            } else {
                end = *at;
            }
        }
        (&self.bytes[self.sent..end], fds)
    }

    /// Takes note that so many bytes were sent; the descriptors that rode on them are closed.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent += count;
        while self.riders.front().is_some_and(|(at, _)| *at < self.sent) {
            self.riders.pop_front();
        }
        if self.sent >= self.bytes.len() {
            self.clear();
        }
    }

    /// Forgets what has not been sent.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEEP_BYTES);
        self.sent = 0;
        self.riders.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }
}

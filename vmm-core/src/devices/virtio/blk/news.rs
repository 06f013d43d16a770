//! When a guest is told that requests are done: once for many of them, if they do not take long.

use std::time::{Duration, Instant};

use super::super::mmio::Transport;
use super::super::queue::Chain;

/// How long the end of a request may be kept from the guest while others are served.
const PATIENCE: Duration = Duration::from_micros(100);

/// Requests of one queue that are done, and that the guest has not been told of.
pub(super) struct News<'a> {
    transport: &'a Transport,
    /// The queue, the life of the chains, and when the first of them was done.
    first: Option<(u16, u64, Instant)>,
}

impl<'a> News<'a> {
    pub(super) fn new(transport: &'a Transport) -> Self {
        Self {
            transport,
            first: None,
        }
    }

    /// One more was put back.
    pub(super) fn add(&mut self, chain: &Chain) {
        match self.first {
            Some((_, _, since)) if since.elapsed() >= PATIENCE => self.tell(),
            Some(_) => {}
            None => self.first = Some((chain.queue, chain.life, Instant::now())),
        }
    }

    /// Tells the guest of all so far.
    pub(super) fn tell(&mut self) {
        if let Some((queue, life, _)) = self.first.take() {
            self.transport.announce(queue, life);
        }
    }
}

impl Drop for News<'_> {
    fn drop(&mut self) {
        self.tell();
    }
}

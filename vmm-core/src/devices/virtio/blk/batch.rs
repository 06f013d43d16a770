//! Requests that follow each other on the disk are one for the host.
//!
//! They are joined in the order in which the guest made them available and in no other, so that what overlaps, or stands
//! on both sides of a flush, is done in turn.

use std::io;
use std::time::{Duration, Instant};

use super::super::queue::Chain;
use super::Blk;
use super::news::News;
use super::transfer::{BUFFER, Transfer};
use crate::sync::lock;

/// So many requests are joined at most: the last one keeps the first one waiting.
const MOST: usize = 32;

/// Transfers in one direction, each from where the one before ends.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) parts: Vec<(Chain, Transfer)>,
    pub(super) whole: Option<Transfer>,
}

impl Batch {
    /// Takes one more, if it continues what there is.
    pub(super) fn add(&mut self, chain: Chain, transfer: Transfer) -> Result<(), Chain> {
        let joined = self.whole.and_then(|whole| whole.join(transfer));
        match joined.filter(|joined| joined.length <= BUFFER && self.parts.len() < MOST) {
            Some(joined) => {
                self.whole = Some(joined);
                self.parts.push((chain, transfer));
                Ok(())
            }
            None => Err(chain),
        }
    }

    /// One with its first request.
    pub(super) fn of(chain: Chain, transfer: Transfer) -> Self {
        let mut batch = Self::default();
        batch.start(chain, transfer);
        batch
    }

    /// Whether this has to wait until all of it is done.
    pub(super) fn conflicts(&self, transfer: &Transfer) -> bool {
        self.whole.is_some_and(|whole| whole.conflicts(transfer))
    }

    /// Takes the first one.
    pub(super) fn start(&mut self, chain: Chain, transfer: Transfer) {
        self.whole = Some(transfer);
        self.parts.push((chain, transfer));
    }
}

impl Blk {
    /// Does what was gathered; false where nothing should follow.
    ///
    /// If the host refuses several at once, each is tried alone: the guest hears of those that fail.
    pub(super) fn finish(&self, batch: &mut Batch, news: &mut News<'_>) -> bool {
        let Some(whole) = batch.whole.take() else {
            return true;
        };
        let start = Instant::now();
        let result = {
            let mut buffer = lock(&self.buffer);
            match &batch.parts[..] {
                [(chain, transfer)] => self.move_one(chain, *transfer, &mut buffer),
                parts => self.move_all(whole, parts, &mut buffer),
            }
        };
        self.settle_all(whole, &mut batch.parts, (result, start.elapsed()), news)
    }

    /// Gives back what was moved, or not, in so long; false where nothing should follow.
    pub(super) fn settle_all(
        &self,
        whole: Transfer,
        parts: &mut Vec<(Chain, Transfer)>,
        (result, time): (io::Result<()>, Duration),
        news: &mut News<'_>,
    ) -> bool {
        let joined = parts.len().saturating_sub(1) as u64;
        if joined > 0 {
            self.drive.statistics().merged(whole.operation, joined);
        } else if result.is_err()
            && let Some((chain, transfer)) = parts.pop()
        {
            let outcome = self.moved(transfer, result, time);
            return self.settle(chain, outcome, news);
        }
        let is_done = result.is_ok();
        let mut parts = parts.drain(..);
        while let Some((chain, transfer)) = parts.next() {
            let outcome = match is_done {
                true => self.moved(transfer, Ok(()), time),
                false => self.transfer(&chain, transfer),
            };
            if !self.settle(chain, outcome, news) {
                lock(&self.failed).extend(parts.map(|(chain, _)| chain));
                return false;
            }
        }
        true
    }
}

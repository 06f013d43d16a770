//! Requests that follow each other on the disk are one for the host.
//!
//! They are joined in the order in which the guest made them available and in no other, so that what overlaps, or stands
//! on both sides of a flush, is done in turn.

use super::super::queue::Chain;
use super::news::News;
use super::transfer::{BUFFER, Transfer};
use super::{Blk, Outcome};
use crate::sync::lock;

/// So many requests are joined at most: the last one keeps the first one waiting.
const MOST: usize = 32;

/// Transfers in one direction, each from where the one before ends.
#[derive(Debug, Default)]
pub(super) struct Batch {
    parts: Vec<(Chain, Transfer)>,
    whole: Option<Transfer>,
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
        let done_at_once = match batch.whole.take() {
            Some(whole) if batch.parts.len() > 1 => self.transfer_all(whole, &batch.parts).is_ok(),
            _ => false,
        };
        let mut parts = batch.parts.drain(..);
        while let Some((chain, transfer)) = parts.next() {
            let outcome = match done_at_once {
                true => Outcome::of(transfer),
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

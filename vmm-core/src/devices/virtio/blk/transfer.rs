//! Bytes between guest memory and the disk.

use std::io;
use std::time::Instant;

use virtio_bindings::virtio_blk::VIRTIO_BLK_S_OK;

use super::super::queue::Chain;
use super::request::Request;
use super::{Blk, Outcome, done};
use crate::block::Operation;
use crate::sync::lock;

/// Bytes that are moved at a time.
pub(super) const BUFFER: u64 = 1 << 18;

/// Bytes to be moved, all of which are on the disk, in whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transfer {
    pub(super) operation: Operation,
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Transfer {
    /// This one and what follows, as one.
    pub(super) fn join(self, next: Self) -> Option<Self> {
        let follows = self.operation == next.operation && self.offset + self.length == next.offset;
        follows.then(|| Self {
            length: self.length + next.length,
            ..self
        })
    }

    /// Where the data begins in the chain.
    fn start(&self) -> u64 {
        match self.operation {
            Operation::Read => 0,
            _ => Request::HEADER,
        }
    }
}

impl Outcome {
    /// That of bytes that were moved.
    pub(super) fn of(transfer: Transfer) -> Self {
        let is_read = transfer.operation == Operation::Read;
        done(VIRTIO_BLK_S_OK, if is_read { transfer.length } else { 0 })
    }
}

impl Blk {
    /// What a request moves, if it does and so many bytes are on the disk.
    pub(super) fn transfer_of(&self, request: &Request, chain: &Chain) -> Option<Transfer> {
        let (sector, length) = match *request {
            Request::Read { sector } => (sector, chain.writable() - 1),
            Request::Write { sector } => (sector, chain.readable() - Request::HEADER),
            _ => return None,
        };
        Some(Transfer {
            operation: request.operation(),
            offset: self.range(sector, length)?,
            length,
        })
    }

    /// Moves what one request asks for.
    pub(super) fn transfer(&self, chain: &Chain, transfer: Transfer) -> Outcome {
        let Transfer {
            operation, length, ..
        } = transfer;
        let start = Instant::now();
        let result = match operation {
            Operation::Read => self.read(chain, transfer),
            _ => self.write(chain, transfer),
        };
        let statistics = self.drive.statistics();
        match result {
            Ok(()) => {
                statistics.done(operation, length, start.elapsed());
                Outcome::of(transfer)
            }
            Err(error) => {
                statistics.failed(operation, start.elapsed());
                self.fail(operation, &error)
            }
        }
    }

    /// Moves what several requests ask for, which is `whole`, at once.
    pub(super) fn transfer_all(
        &self,
        whole: Transfer,
        parts: &[(Chain, Transfer)],
    ) -> io::Result<()> {
        let statistics = self.drive.statistics();
        statistics.merged(whole.operation, parts.len().saturating_sub(1) as u64);
        let start = Instant::now();
        let mut buffer = lock(&self.buffer);
        let bytes = buffer.room(usize::try_from(whole.length).unwrap_or_default());
        match whole.operation {
            Operation::Read => {
                self.disk.read(whole.offset, bytes)?;
                each(bytes, parts, |chain, part, bytes| {
                    chain.write(part.start(), bytes);
                });
            }
            _ => {
                self.begin_write(whole.offset + whole.length)?;
                each(bytes, parts, |chain, part, bytes| {
                    chain.read(part.start(), bytes);
                });
                self.put(whole.offset, bytes)?;
                self.end_write()?;
            }
        }
        let time = start.elapsed();
        for (_, part) in parts {
            statistics.done(part.operation, part.length, time);
        }
        Ok(())
    }

    fn read(&self, chain: &Chain, transfer: Transfer) -> io::Result<()> {
        self.pieces(transfer, |at, bytes| {
            self.disk.read(transfer.offset + at, bytes)?;
            chain.write(transfer.start() + at, bytes);
            Ok(())
        })
    }

    fn write(&self, chain: &Chain, transfer: Transfer) -> io::Result<()> {
        self.begin_write(transfer.offset + transfer.length)?;
        self.pieces(transfer, |at, bytes| {
            chain.read(transfer.start() + at, bytes);
            self.put(transfer.offset + at, bytes)
        })?;
        self.end_write()
    }

    /// Writes bytes, or has the host make them where they are zeroes and the user wants that.
    fn put(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.node.makes_zeroes() {
            Some(unmap) if is_zero(bytes) => self.disk.zero(offset, bytes.len() as u64, unmap),
            _ => self.disk.write(offset, bytes),
        }
    }

    /// Moves bytes piece by piece.
    fn pieces(
        &self,
        transfer: Transfer,
        mut each: impl FnMut(u64, &mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut buffer = lock(&self.buffer);
        let mut at = 0;
        while at < transfer.length {
            let part = (transfer.length - at).min(BUFFER);
            each(at, buffer.room(usize::try_from(part).unwrap_or_default()))?;
            at += part;
        }
        Ok(())
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

/// Hands out the bytes of each part.
fn each(
    mut bytes: &mut [u8],
    parts: &[(Chain, Transfer)],
    mut move_part: impl FnMut(&Chain, &Transfer, &mut [u8]),
) {
    for (chain, part) in parts {
        let length = usize::try_from(part.length).unwrap_or_default();
        let (own, rest) = bytes.split_at_mut(length.min(bytes.len()));
        move_part(chain, part, own);
        bytes = rest;
    }
}

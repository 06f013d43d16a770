//! Bytes between guest memory and the disk.

use std::io;
use std::time::{Duration, Instant};

use virtio_bindings::virtio_blk::VIRTIO_BLK_S_OK;

use super::super::queue::Chain;
use super::request::Request;
use super::{Blk, Outcome, done};
use crate::block::{Buffer, Operation};
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

    /// Whether it makes a difference which of the two comes first.
    pub(super) fn conflicts(&self, other: &Self) -> bool {
        let writes = [self, other]
            .iter()
            .any(|one| one.operation != Operation::Read);
        let overlap =
            self.offset < other.offset + other.length && other.offset < self.offset + self.length;
        writes && overlap
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
        let start = Instant::now();
        let result = self.move_one(chain, transfer, &mut lock(&self.buffer));
        self.moved(transfer, result, start.elapsed())
    }

    /// Counts a request whose bytes were moved, or not; what becomes of it.
    pub(super) fn moved(
        &self,
        transfer: Transfer,
        result: io::Result<()>,
        time: Duration,
    ) -> Outcome {
        let statistics = self.drive.statistics();
        match result {
            Ok(()) => {
                statistics.done(transfer.operation, transfer.length, time);
                Outcome::of(transfer)
            }
            Err(error) => {
                statistics.failed(transfer.operation, time);
                self.fail(transfer.operation, &error)
            }
        }
    }

    /// Moves the bytes of one request.
    pub(super) fn move_one(
        &self,
        chain: &Chain,
        transfer: Transfer,
        buffer: &mut Buffer,
    ) -> io::Result<()> {
        match transfer.operation {
            Operation::Read => self.read(chain, transfer, buffer),
            _ => self.write(chain, transfer, buffer),
        }
    }

    /// Moves the bytes of several requests, which are `whole`, at once.
    pub(super) fn move_all(
        &self,
        whole: Transfer,
        parts: &[(Chain, Transfer)],
        buffer: &mut Buffer,
    ) -> io::Result<()> {
        let bytes = buffer.room(usize::try_from(whole.length).unwrap_or_default());
        match whole.operation {
            Operation::Read => {
                self.disk.read(whole.offset, bytes)?;
                scatter(bytes, parts);
            }
            _ => {
                self.begin_write(whole.offset + whole.length)?;
                gather(bytes, parts);
                self.put(whole.offset, bytes)?;
                self.end_write()?;
            }
        }
        Ok(())
    }

    fn read(&self, chain: &Chain, transfer: Transfer, buffer: &mut Buffer) -> io::Result<()> {
        pieces(transfer, buffer, |at, bytes| {
            self.disk.read(transfer.offset + at, bytes)?;
            chain.write(transfer.start() + at, bytes);
            Ok(())
        })
    }

    fn write(&self, chain: &Chain, transfer: Transfer, buffer: &mut Buffer) -> io::Result<()> {
        self.begin_write(transfer.offset + transfer.length)?;
        pieces(transfer, buffer, |at, bytes| {
            chain.read(transfer.start() + at, bytes);
            self.put(transfer.offset + at, bytes)
        })?;
        self.end_write()
    }

    /// Writes bytes, or has the host make them where they are zeroes and the user wants that.
    pub(super) fn put(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.node.makes_zeroes() {
            Some(unmap) if is_zero(bytes) => self.disk.zero(offset, bytes.len() as u64, unmap),
            _ => self.disk.write(offset, bytes),
        }
    }
}

/// Moves bytes piece by piece.
fn pieces(
    transfer: Transfer,
    buffer: &mut Buffer,
    mut each: impl FnMut(u64, &mut [u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut at = 0;
    while at < transfer.length {
        let part = (transfer.length - at).min(BUFFER);
        each(at, buffer.room(usize::try_from(part).unwrap_or_default()))?;
        at += part;
    }
    Ok(())
}

pub(super) fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

/// Gives the guest what was read, each part its own.
pub(super) fn scatter(bytes: &mut [u8], parts: &[(Chain, Transfer)]) {
    each(bytes, parts, |chain, part, bytes| {
        chain.write(part.start(), bytes);
    });
}

/// Takes from the guest what is to be written, part by part.
pub(super) fn gather(bytes: &mut [u8], parts: &[(Chain, Transfer)]) {
    each(bytes, parts, |chain, part, bytes| {
        chain.read(part.start(), bytes);
    });
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

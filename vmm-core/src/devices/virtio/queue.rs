//! A queue: what the guest makes available, taken out chain by chain, and given
//! back.
//!
//! The rings' bookkeeping is that of `virtio-queue`. Chains are followed here,
//! because a guest that breaks the rules must be told so: that crate ends a
//! malformed chain as if it were complete.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use virtio_bindings::bindings::virtio_ring::VRING_AVAIL_F_NO_INTERRUPT;
use virtio_queue::desc::RawDescriptor;
use virtio_queue::desc::split::Descriptor;
use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap};

/// The most entries that a queue can have, and the most pieces of a chain.
pub(super) const MAX_SIZE: u16 = 1024;

const DESCRIPTOR_SIZE: u32 = 16;
/// In the ring of what is available: behind flags and index.
const AVAIL_RING: u64 = 4;

/// A guest that breaks the rules of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// The rings are not in memory.
    #[error("the rings of a queue are not in memory")]
    Rings,
    /// More is available than the queue holds.
    #[error("the guest moved the index of a queue too far")]
    Index,
    /// A descriptor that is not in the table.
    #[error("descriptor {0} is not in its table")]
    Head(u16),
    /// More descriptors than there can be.
    #[error("a chain of descriptors is a loop or too long")]
    Loop,
    /// A table of descriptors that is none.
    #[error("a bad table of indirect descriptors")]
    Indirect,
    /// A piece of no bytes.
    #[error("a buffer of no bytes")]
    Empty,
    /// Something to be read behind something to be written.
    #[error("buffers in the wrong order")]
    Order,
    /// A piece that is not in memory.
    #[error("a buffer that is not in memory")]
    NotRam,
    /// What a device's own rules forbid.
    #[error("{0}")]
    Request(&'static str),
}

/// A piece of guest memory, all of which is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    address: u64,
    length: u32,
}

/// What the guest hands over with one entry: bytes to be read, then bytes to be
/// written.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(super) queue: u16,
    pub(super) head: u16,
    /// The count of resets when it was taken.
    pub(super) life: u64,
    memory: Arc<GuestMemoryMmap<()>>,
    readable: Vec<Piece>,
    writable: Vec<Piece>,
}

impl Chain {
    /// Bytes that the guest wants to be read.
    pub(crate) fn readable(&self) -> u64 {
        total(&self.readable)
    }

    /// Bytes that the guest wants to be written.
    pub(crate) fn writable(&self) -> u64 {
        total(&self.writable)
    }

    /// Address and length of each piece that is to be written.
    pub(crate) fn writable_pieces(&self) -> impl Iterator<Item = (u64, u64)> + use<'_> {
        let pieces = self.writable.iter();
        pieces.map(|piece| (piece.address, u64::from(piece.length)))
    }

    /// Fills `bytes` with what is to be read from `offset` on; how many there were.
    pub(crate) fn read(&self, offset: u64, bytes: &mut [u8]) -> usize {
        walk(&self.readable, offset, bytes.len(), |address, range| {
            let part = bytes.get_mut(range).unwrap_or_default();
            self.memory.read_slice(part, address).is_ok()
        })
    }

    /// Puts `bytes` at `offset` of what is to be written; how many found room.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> usize {
        walk(&self.writable, offset, bytes.len(), |address, range| {
            let part = bytes.get(range).unwrap_or_default();
            self.memory.write_slice(part, address).is_ok()
        })
    }
}

fn total(pieces: &[Piece]) -> u64 {
    pieces.iter().map(|piece| u64::from(piece.length)).sum()
}

/// Calls `each` with address and range of the parts of `length` bytes from
/// `offset` on; how many bytes there were.
fn walk(
    pieces: &[Piece],
    mut offset: u64,
    length: usize,
    mut each: impl FnMut(GuestAddress, std::ops::Range<usize>) -> bool,
) -> usize {
    let mut done = 0;
    for piece in pieces {
        let size = u64::from(piece.length);
        if offset >= size {
            offset -= size;
            continue;
        }
        let left = usize::try_from(size - offset).unwrap_or(usize::MAX);
        let part = left.min(length - done);
        if part == 0 || !each(GuestAddress(piece.address + offset), done..done + part) {
            break; // full, or memory that is gone
        }
        done += part;
        offset = 0;
    }
    done
}

/// The next chain, if there is one.
pub(super) fn take(
    queue: &mut Queue,
    memory: &Arc<GuestMemoryMmap<()>>,
    number: u16,
    life: u64,
) -> Result<Option<Chain>, Malformed> {
    match next_head(queue, memory)? {
        Some(head) => chain_at(queue, memory, number, life, head).map(Some),
        None => Ok(None),
    }
}

/// The chain that begins at descriptor `head`, which is in the table.
pub(super) fn chain_at(
    queue: &Queue,
    memory: &Arc<GuestMemoryMmap<()>>,
    number: u16,
    life: u64,
    head: u16,
) -> Result<Chain, Malformed> {
    let mut chain = Chain {
        queue: number,
        head,
        life,
        memory: Arc::clone(memory),
        readable: Vec::new(),
        writable: Vec::new(),
    };
    let table = Table {
        address: queue.desc_table(),
        length: u32::from(queue.size()),
        is_indirect: false,
    };
    if let Some(indirect) = chain.follow(&table, head)? {
        chain.follow(&indirect, 0)?;
    }
    Ok(chain)
}

/// Takes the next entry out of the ring.
fn next_head(queue: &mut Queue, memory: &GuestMemoryMmap<()>) -> Result<Option<u16>, Malformed> {
    let available = queue
        .avail_idx(memory, Ordering::Acquire)
        .map_err(|_| Malformed::Rings)?
        .0;
    let next = queue.next_avail();
    let waiting = available.wrapping_sub(next);
    if waiting == 0 {
        return Ok(None);
    }
    if waiting > queue.size() {
        return Err(Malformed::Index);
    }
    let slot = u64::from(next % queue.size().max(1));
    let at = queue.avail_ring().checked_add(AVAIL_RING + 2 * slot);
    let head = at
        .and_then(|at| memory.load(GuestAddress(at), Ordering::Relaxed).ok())
        .map(u16::from_le)
        .ok_or(Malformed::Rings)?;
    if head >= queue.size() {
        return Err(Malformed::Head(head));
    }
    queue.set_next_avail(next.wrapping_add(1));
    Ok(Some(head))
}

/// Where descriptors are.
struct Table {
    address: u64,
    length: u32,
    is_indirect: bool,
}

impl Table {
    fn get(
        &self,
        memory: &GuestMemoryMmap<()>,
        index: u16,
        otherwise: Malformed,
    ) -> Result<Descriptor, Malformed> {
        if u32::from(index) >= self.length {
            return Err(Malformed::Head(index));
        }
        let offset = u64::from(index) * u64::from(DESCRIPTOR_SIZE);
        let at = self.address.checked_add(offset).ok_or(otherwise)?;
        let raw: RawDescriptor = memory.read_obj(GuestAddress(at)).map_err(|_| otherwise)?;
        Ok(Descriptor::from(raw))
    }
}

impl Chain {
    /// Takes in what `table` lists from `index` on; the table that it goes on in.
    fn follow(&mut self, table: &Table, mut index: u16) -> Result<Option<Table>, Malformed> {
        let otherwise = match table.is_indirect {
            true => Malformed::Indirect,
            false => Malformed::Rings,
        };
        for _ in 0..table.length.min(u32::from(MAX_SIZE)) {
            let memory = Arc::clone(&self.memory);
            let descriptor = table.get(&memory, index, otherwise)?;
            if descriptor.refers_to_indirect_table() {
                return match table.is_indirect || descriptor.has_next() {
                    true => Err(Malformed::Indirect),
                    false => indirect(&descriptor).map(Some),
                };
            }
            self.add(&descriptor)?;
            if !descriptor.has_next() {
                return Ok(None);
            }
            index = descriptor.next();
        }
        Err(Malformed::Loop)
    }

    fn add(&mut self, descriptor: &Descriptor) -> Result<(), Malformed> {
        let piece = Piece {
            address: descriptor.addr().0,
            length: descriptor.len(),
        };
        let length = usize::try_from(piece.length).unwrap_or(usize::MAX);
        if length == 0 {
            return Err(Malformed::Empty);
        }
        if self.readable.len() + self.writable.len() >= usize::from(MAX_SIZE) {
            return Err(Malformed::Loop);
        }
        if !GuestMemoryBackend::check_range(&*self.memory, descriptor.addr(), length) {
            return Err(Malformed::NotRam);
        }
        if descriptor.is_write_only() {
            self.writable.push(piece);
        } else if self.writable.is_empty() {
            self.readable.push(piece);
        } else {
            return Err(Malformed::Order);
        }
        Ok(())
    }
}

fn indirect(descriptor: &Descriptor) -> Result<Table, Malformed> {
    let length = descriptor.len() / DESCRIPTOR_SIZE;
    if length == 0 || !descriptor.len().is_multiple_of(DESCRIPTOR_SIZE) {
        return Err(Malformed::Indirect);
    }
    Ok(Table {
        address: descriptor.addr().0,
        length,
        is_indirect: true,
    })
}

/// Gives `chain` back with `written` bytes.
pub(super) fn give_back(
    queue: &mut Queue,
    memory: &GuestMemoryMmap<()>,
    chain: &Chain,
    written: u32,
) -> Result<(), Malformed> {
    queue
        .add_used(memory, chain.head, written)
        .map_err(|_| Malformed::Rings)
}

/// Whether the guest wants to know of what was given back since this was asked last.
pub(super) fn wants_interrupt(
    queue: &mut Queue,
    memory: &GuestMemoryMmap<()>,
) -> Result<bool, Malformed> {
    if queue.event_idx_enabled() {
        return queue
            .needs_notification(memory)
            .map_err(|_| Malformed::Rings);
    }
    std::sync::atomic::fence(Ordering::SeqCst); // the guest's wish after our index
    let flags: u16 = memory
        .load(GuestAddress(queue.avail_ring()), Ordering::Relaxed)
        .map_err(|_| Malformed::Rings)?;
    Ok(u32::from(u16::from_le(flags)) & VRING_AVAIL_F_NO_INTERRUPT == 0)
}

//! A guest that uses a disk.

use iced_x86::code_asm as x;

use super::program::{Program, Result as Step, assemble};
use super::virtio::{BUFFERS, Buffer, CONFIG, Wait};
use super::{AssembleError, Guest};

pub(super) const DEVICE_ID: u32 = 2;
pub(super) const QUEUE: u32 = 0;
/// Features: the guest flushes; it can choose how writes are cached.
pub(super) const FEATURES: u32 = 1 << 9 | 1 << 11;
const WRITE_CACHE: u32 = CONFIG + 0x20;

const HEADER: u32 = BUFFERS;
const STATUS: u32 = BUFFERS + 0x20;
const SEGMENT: u32 = BUFFERS + 0x40;
pub(super) const DATA: u32 = BUFFERS + 0x1000;
/// Bytes of data that are printed.
pub(super) const SHOWN: u32 = 8;

/// Something to ask a disk for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlkRequest {
    /// The disk's name; it is printed.
    Id,
    /// So many bytes from a sector on; the first eight are printed.
    Read(u32, u32),
    /// So many bytes of one value, to a sector and what follows.
    Write(u32, u32, u8),
    /// Everything on stable storage.
    Flush,
    /// So many sectors from one on are of no use any more.
    Discard(u32, u32),
    /// So many sectors from one on become zeroes; their space may go or not.
    Zero(u32, u32, bool),
    /// A request of a kind that there is not.
    Unknown,
    /// So many bytes from the beginning, so often; nothing is printed.
    Again(u32, u32),
    /// Whether writes go through a cache; no request, there is no answer.
    WriteCache(bool),
}

/// Prints `blk: ` and the number of sectors in eight hexadecimal digits. Then it
/// makes requests, one after the other, and prints the status of each as two
/// digits with what it is to print of the data. In the end it prints `blk: done`
/// and powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn blk(wait: Wait, requests: &[BlkRequest]) -> Result<Guest, AssembleError> {
    assemble(|p| {
        p.virtio_find(DEVICE_ID)?;
        p.virtio_start(FEATURES, &[QUEUE], wait)?;
        p.print("blk: ")?;
        for shift in [24, 16, 8, 0] {
            p.virtio_get(CONFIG)?;
            p.asm.shr(x::eax, shift)?;
            p.print_hex()?;
        }
        p.print("\n")?;
        for request in requests {
            make(p, wait, *request)?;
        }
        p.print("blk: done\n")?;
        p.power_off()
    })
}

fn make(p: &mut Program, wait: Wait, request: BlkRequest) -> Step {
    let (kind, sector, data): (u32, u32, &[Buffer]) = match request {
        BlkRequest::WriteCache(on) => {
            return p.asm.mov(x::byte_ptr(x::r12 + WRITE_CACHE), u32::from(on));
        }
        BlkRequest::Again(bytes, times) => return again(p, wait, bytes, times),
        BlkRequest::Id => (8, 0, &[Buffer::In(DATA, 20)]),
        BlkRequest::Read(sector, bytes) => {
            let half = bytes / 2; // in two pieces
            let halves = [
                Buffer::In(DATA, half),
                Buffer::In(DATA + half, bytes - half),
            ];
            return exchange(p, wait, (0, sector), &halves, request);
        }
        BlkRequest::Write(sector, bytes, value) => {
            fill(p, bytes, value)?;
            let half = bytes / 2;
            let halves = [
                Buffer::Out(DATA, half),
                Buffer::Out(DATA + half, bytes - half),
            ];
            return exchange(p, wait, (1, sector), &halves, request);
        }
        BlkRequest::Flush => (4, 0, &[]),
        BlkRequest::Discard(sector, sectors) => {
            segment(p, sector, sectors, 0)?;
            (11, 0, &[Buffer::Out(SEGMENT, 16)])
        }
        BlkRequest::Zero(sector, sectors, unmap) => {
            segment(p, sector, sectors, u32::from(unmap))?;
            (13, 0, &[Buffer::Out(SEGMENT, 16)])
        }
        BlkRequest::Unknown => (0x4711, 0, &[]),
    };
    exchange(p, wait, (kind, sector), data, request)
}

/// Reads the same bytes again and again.
fn again(p: &mut Program, wait: Wait, bytes: u32, times: u32) -> Step {
    let mut next = p.label();
    for offset in [0, 4, 8, 12] {
        p.asm.mov(x::dword_ptr(HEADER + offset), 0)?;
    }
    let buffers = [
        Buffer::Out(HEADER, 16),
        Buffer::In(DATA, bytes),
        Buffer::In(STATUS, 1),
    ];
    p.virtio_describe(QUEUE, &buffers)?;
    p.asm.mov(x::r13d, times)?;
    p.asm.set_label(&mut next)?;
    p.virtio_submit(QUEUE)?;
    p.virtio_wait(QUEUE, wait)?;
    p.asm.dec(x::r13d)?;
    p.asm.jnz(next)
}

/// Makes a request, and prints what comes of it.
fn exchange(
    p: &mut Program,
    wait: Wait,
    (kind, sector): (u32, u32),
    data: &[Buffer],
    request: BlkRequest,
) -> Step {
    for (offset, value) in [(0, kind), (4, 0), (8, sector), (12, 0)] {
        p.asm.mov(x::dword_ptr(HEADER + offset), value)?;
    }
    p.asm.mov(x::dword_ptr(STATUS), 0xff)?;
    let mut buffers = vec![Buffer::Out(HEADER, 16)];
    buffers.extend(data);
    buffers.push(Buffer::In(STATUS, 1));
    p.virtio_send(QUEUE, &buffers)?;
    p.virtio_wait(QUEUE, wait)?;
    p.asm.mov(x::al, x::byte_ptr(STATUS))?;
    p.print_hex()?;
    match request {
        BlkRequest::Id => {
            p.print(" ")?;
            p.asm.mov(x::byte_ptr(DATA + 20), 0)?;
            p.print_at(DATA)?;
        }
        BlkRequest::Read(..) => {
            p.print(" ")?;
            p.asm.mov(x::ecx, SHOWN)?;
            p.print_bytes(DATA)?;
        }
        _ => {}
    }
    p.print("\n")
}

fn fill(p: &mut Program, bytes: u32, value: u8) -> Step {
    fill_at(p, DATA, bytes, value)
}

pub(super) fn fill_at(p: &mut Program, address: u32, bytes: u32, value: u8) -> Step {
    let mut next = p.label();
    p.asm.mov(x::edi, address)?;
    p.asm.mov(x::ecx, bytes / 4)?;
    p.asm.mov(x::eax, u32::from_le_bytes([value; 4]))?;
    p.asm.set_label(&mut next)?;
    p.asm.stosd()?;
    p.asm.dec(x::ecx)?;
    p.asm.jnz(next)
}

fn segment(p: &mut Program, sector: u32, sectors: u32, flags: u32) -> Step {
    for (offset, value) in [(0, sector), (4, 0), (8, sectors), (12, flags)] {
        p.asm.mov(x::dword_ptr(SEGMENT + offset), value)?;
    }
    Ok(())
}

//! Guests that ask a disk for many things at once.

use iced_x86::code_asm as x;

use super::blk::{DATA, DEVICE_ID, FEATURES, QUEUE, SHOWN, fill_at};
use super::program::{Program, Result as Step, assemble};
use super::virtio::{BUFFERS, NOTIFY, Wait, rings};
use super::{AssembleError, BlkRequest, Guest};

/// Requests at once, at most.
pub const DEEP: u32 = 32;

/// The descriptors of all requests fit into it, and whole rounds.
const SIZE: u32 = 128;
const HEADERS: u32 = BUFFERS;
const STATUSES: u32 = BUFFERS + 16 * DEEP;
/// Descriptors of a request.
const PIECES: u32 = 3;

/// Descriptor flags: another one follows; the device writes.
const NEXT: u32 = 1;
const WRITE: u32 = 2;

/// Prints `deep` and a newline; then it reads so many bytes, in [`DEEP`] requests at once, each `stride` sectors behind
/// the one before, so many times, looking at the ring until all are done. In the end it prints `done` and powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn deep_blk(bytes: u32, stride: u32, times: u32) -> Result<Guest, AssembleError> {
    assemble(|p| {
        start(p)?;
        for request in 0..DEEP {
            let data = DATA + bytes * request;
            describe(p, request, (0, stride * request), (data, bytes))?;
        }
        p.print("deep\n")?;
        let mut next = p.label();
        p.asm.mov(x::r13d, times)?;
        p.asm.set_label(&mut next)?;
        submit(p, DEEP)?;
        p.asm.dec(x::r13d)?;
        p.asm.jnz(next)?;
        p.print("done\n")?;
        p.power_off()
    })
}

/// Makes the requests, [`DEEP`] of them at most, all at once, each with memory of its own for up to 4096 bytes. Then it
/// prints the status of each as two digits, and the first eight bytes of what it read; in the end `done`, and powers off.
/// There are reads, writes and flushes; others ask for the disk's name, which is not printed.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn blk_at_once(requests: &[BlkRequest]) -> Result<Guest, AssembleError> {
    let requests = || (0..DEEP).zip(requests);
    assemble(|p| {
        start(p)?;
        for (number, request) in requests() {
            let data = DATA + 0x1000 * number;
            let (kind, sector, bytes) = match *request {
                BlkRequest::Read(sector, bytes) => (0, sector, bytes),
                BlkRequest::Write(sector, bytes, value) => {
                    fill_at(p, data, bytes, value)?;
                    (1, sector, bytes)
                }
                BlkRequest::Flush => (4, 0, 0),
                _ => (8, 0, 20),
            };
            describe(p, number, (kind, sector), (data, bytes))?;
        }
        submit(p, requests().count() as u32)?;
        for (number, request) in requests() {
            p.asm.mov(x::al, x::byte_ptr(STATUSES + number))?;
            p.print_hex()?;
            if matches!(request, BlkRequest::Read(..)) {
                p.print(" ")?;
                p.asm.mov(x::ecx, SHOWN)?;
                p.print_bytes(DATA + 0x1000 * number)?;
            }
            p.print("\n")?;
        }
        p.print("done\n")?;
        p.power_off()
    })
}

/// Takes the disk, with a ring in which the requests stand one behind the other.
fn start(p: &mut Program) -> Step {
    p.queue_size = SIZE;
    p.virtio_find(DEVICE_ID)?;
    p.virtio_start(FEATURES, &[QUEUE], Wait::Poll)?;
    let [_, available, _] = rings(QUEUE);
    for slot in 0..SIZE {
        let head = PIECES * (slot % DEEP);
        p.asm.mov(x::word_ptr(available + 4 + 2 * slot), head)?;
    }
    Ok(())
}

/// Describes a request of a kind for a sector, with its data: address and bytes, which may be none.
fn describe(
    p: &mut Program,
    request: u32,
    (kind, sector): (u32, u32),
    (data, bytes): (u32, u32),
) -> Step {
    let (header, status) = (HEADERS + 16 * request, STATUSES + request);
    for (offset, value) in [(0, kind), (4, 0), (8, sector), (12, 0)] {
        p.asm.mov(x::dword_ptr(header + offset), value)?;
    }
    p.asm.mov(x::byte_ptr(status), 0xff)?;
    let first = PIECES * request;
    let direction = if kind == 1 { 0 } else { WRITE };
    let behind_header = if bytes == 0 { first + 2 } else { first + 1 };
    for (number, address, length, next) in [
        (first, header, 16, NEXT | behind_header << 16),
        (first + 1, data, bytes, direction | NEXT | (first + 2) << 16),
        (first + 2, status, 1, WRITE),
    ] {
        let at = rings(QUEUE)[0] + 16 * number;
        for (offset, value) in [(0, address), (4, 0), (8, length), (12, next)] {
            p.asm.mov(x::dword_ptr(at + offset), value)?;
        }
    }
    Ok(())
}

/// Makes so many requests available, and looks at the ring until they are done.
fn submit(p: &mut Program, requests: u32) -> Step {
    let [_, available, used] = rings(QUEUE);
    let mut wait = p.label();
    p.asm.add(x::word_ptr(available + 2), requests)?;
    p.virtio_set(NOTIFY, QUEUE)?;
    p.asm.set_label(&mut wait)?;
    p.asm.mov(x::ax, x::word_ptr(used + 2))?;
    p.asm.cmp(x::ax, x::word_ptr(available + 2))?;
    p.asm.jne(wait)
}

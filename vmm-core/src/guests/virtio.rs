//! A driver for virtio devices, in as few instructions as it takes: one request
//! at a time, in queues of eight entries.
//!
//! | address                  | what |
//! |--------------------------|------|
//! | 0x200000 + 0x4000 * queue | descriptors; rings at 0x1000 and 0x2000 from there |
//! | 0x240000 - 0x3fffff      | [`BUFFERS`] |

use iced_x86::code_asm as x;

use super::program::{PAGE, PD_HIGH, Program, Result as Step, UNCACHED};

/// For what the guests read and write.
pub(super) const BUFFERS: u32 = 0x24_0000;

const TRANSPORTS: u32 = 0xfeb0_0000;
/// As many as QEMU's board can have.
const END: u32 = TRANSPORTS + 24 * 0x200;
const IO_APIC: u32 = 0xfec0_0000;
const LOCAL_APIC: u32 = 0xfee0_0000;
/// Inputs of the I/O APIC that come before those of the transports.
const FIRST_INPUT: u32 = 16;
const VECTOR: u32 = 0x30;

/// Entries of a queue that is filled here.
pub(super) const QUEUE_SIZE: u32 = 8;
/// Bytes of a buffer for what comes in.
const POSTED: u32 = 256;
/// Registers of a transport.
const DEVICE_ID: u32 = 0x08;
const DRIVER_FEATURES: u32 = 0x20;
const DRIVER_FEATURES_HALF: u32 = 0x24;
const QUEUE: u32 = 0x30;
const QUEUE_NUMBER: u32 = 0x38;
const QUEUE_READY: u32 = 0x44;
pub(super) const NOTIFY: u32 = 0x50;
const INTERRUPTS: u32 = 0x60;
const ACKNOWLEDGE: u32 = 0x64;
const STATUS: u32 = 0x70;
pub(super) const CONFIG: u32 = 0x100;

/// A part of a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Buffer {
    /// Address and length of what the device reads.
    Out(u32, u32),
    /// Address and length of what it writes.
    In(u32, u32),
}

/// Where a queue's rings are.
pub(super) fn rings(queue: u32) -> [u32; 3] {
    let start = 0x20_0000 + queue * 0x4000;
    [start, start + 0x1000, start + 0x2000]
}

/// How a guest learns that a request is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It looks at the ring again and again.
    Poll,
    /// It sleeps until the device interrupts it.
    Interrupt,
}

impl Program {
    /// Finds the device of a kind; its registers are at `r12` then. Prints
    /// `no device` and powers off where there is none.
    pub(super) fn virtio_find(&mut self, kind: u32) -> Step {
        for page in [TRANSPORTS, IO_APIC] {
            let slot = (page >> 21) % 512;
            let entry = PD_HIGH + slot * 8;
            let aligned = page & !0x1f_ffff;
            self.asm
                .mov(x::dword_ptr(entry), aligned | PAGE | UNCACHED)?;
            self.asm.mov(x::dword_ptr(entry + 4), 0)?;
        }
        let (mut next, mut found) = (self.label(), self.label());
        self.asm.mov(x::r12d, TRANSPORTS)?;
        self.asm.set_label(&mut next)?;
        self.virtio_get(DEVICE_ID)?;
        self.asm.cmp(x::eax, kind)?;
        self.asm.je(found)?;
        self.asm.add(x::r12d, 0x200)?;
        self.asm.cmp(x::r12d, END)?;
        self.asm.jb(next)?;
        self.print("no device\n")?;
        self.power_off()?;
        self.asm.set_label(&mut found)
    }

    /// A register into `eax`.
    pub(super) fn virtio_get(&mut self, register: u32) -> Step {
        self.asm.mov(x::eax, x::dword_ptr(x::r12 + register))
    }

    pub(super) fn virtio_set(&mut self, register: u32, value: u32) -> Step {
        self.asm.mov(x::dword_ptr(x::r12 + register), value)
    }

    /// Sets the device up with these features (of the lower half) and queues.
    pub(super) fn virtio_start(&mut self, features: u32, queues: &[u32], wait: Wait) -> Step {
        for status in [0, 1, 3] {
            self.virtio_set(STATUS, status)?;
        }
        for (half, value) in [(0, features), (1, 1)] {
            self.virtio_set(DRIVER_FEATURES_HALF, half)?;
            self.virtio_set(DRIVER_FEATURES, value)?;
        }
        self.virtio_set(STATUS, 0xb)?;
        for &queue in queues {
            self.virtio_queue(queue)?;
        }
        if wait == Wait::Interrupt {
            self.virtio_interrupt()?;
        }
        self.virtio_set(STATUS, 0xf)
    }

    fn virtio_queue(&mut self, queue: u32) -> Step {
        let places = rings(queue);
        let mut clear = self.label();
        self.asm.mov(x::edi, places[0])?;
        self.asm.set_label(&mut clear)?;
        self.asm.mov(x::dword_ptr(x::rdi), 0)?;
        self.asm.add(x::edi, 4)?;
        // the first bytes of each are all that is used
        self.asm.test(x::edi, 0xff)?;
        self.asm.jnz(clear)?;
        for ring in &places[1..] {
            for word in 0..32 {
                self.asm.mov(x::dword_ptr(ring + 4 * word), 0)?;
            }
        }
        self.virtio_set(QUEUE, queue)?;
        self.virtio_set(QUEUE_NUMBER, self.queue_size)?;
        for (register, place) in [0x80, 0x90, 0xa0].into_iter().zip(places) {
            self.virtio_set(register, place)?;
            self.virtio_set(register + 4, 0)?;
        }
        self.virtio_set(QUEUE_READY, 1)
    }

    /// Routes the device's interrupt to a handler that acknowledges it.
    fn virtio_interrupt(&mut self) -> Step {
        let (handler, mut over) = (self.label(), self.label());
        self.handlers(&[(VECTOR, handler)])?;
        self.interrupts(0)?; // firmware may have left a timer running
        self.asm.mov(x::eax, LOCAL_APIC)?;
        self.asm.mov(x::dword_ptr(x::rax + 0xf0), 0x1ff)?; // on
        self.asm.mov(x::eax, x::r12d)?;
        self.asm.sub(x::eax, TRANSPORTS)?;
        self.asm.shr(x::eax, 8)?; // two registers an input
        self.asm.add(x::eax, 0x10 + 2 * FIRST_INPUT)?;
        self.asm.mov(x::edi, IO_APIC)?;
        self.asm.mov(x::dword_ptr(x::rdi), x::eax)?;
        self.asm.mov(x::dword_ptr(x::rdi + 0x10), VECTOR)?;
        self.asm.inc(x::eax)?;
        self.asm.mov(x::dword_ptr(x::rdi), x::eax)?;
        self.asm.mov(x::dword_ptr(x::rdi + 0x10), 0)?; // the first CPU
        self.asm.jmp(over)?;
        self.handler(handler, |p| {
            p.virtio_get(INTERRUPTS)?;
            p.asm.mov(x::dword_ptr(x::r12 + ACKNOWLEDGE), x::eax)?;
            p.asm.mov(x::eax, LOCAL_APIC)?;
            p.asm.mov(x::dword_ptr(x::rax + 0xb0), 0)
        })?;
        self.asm.set_label(&mut over)
    }

    /// Makes one request available, and tells the device.
    pub(super) fn virtio_send(&mut self, queue: u32, buffers: &[Buffer]) -> Step {
        self.virtio_describe(queue, buffers)?;
        self.virtio_submit(queue)
    }

    /// Writes the descriptors of a request.
    pub(super) fn virtio_describe(&mut self, queue: u32, buffers: &[Buffer]) -> Step {
        let [descriptors, ..] = rings(queue);
        let last = buffers.len().saturating_sub(1);
        for (index, buffer) in buffers.iter().enumerate() {
            let (address, length, flag) = match *buffer {
                Buffer::Out(address, length) => (address, length, 0),
                Buffer::In(address, length) => (address, length, 2),
            };
            let number = u32::try_from(index).unwrap_or_default();
            let more = u32::from(index < last);
            let at = descriptors + 16 * number;
            for (offset, value) in [
                (0, address),
                (4, 0),
                (8, length),
                (12, flag | more | (number + 1) << 16),
            ] {
                self.asm.mov(x::dword_ptr(at + offset), value)?;
            }
        }
        Ok(())
    }

    /// Makes the first buffer of a request `ecx` bytes long.
    pub(super) fn virtio_length(&mut self, queue: u32) -> Step {
        let [descriptors, ..] = rings(queue);
        self.asm.mov(x::dword_ptr(descriptors + 8), x::ecx)
    }

    /// Puts the first buffer of a request at `r9d`.
    pub(super) fn virtio_address(&mut self, queue: u32) -> Step {
        let [descriptors, ..] = rings(queue);
        self.asm.mov(x::dword_ptr(descriptors), x::r9d)
    }

    /// Makes all entries of a queue available for what comes in, with
    /// [`POSTED`] bytes each from `buffers` on.
    pub(super) fn virtio_post(&mut self, queue: u32, buffers: u32) -> Step {
        let [descriptors, available, _] = rings(queue);
        for index in 0..QUEUE_SIZE {
            let at = descriptors + 16 * index;
            for (offset, value) in [(0, buffers + POSTED * index), (4, 0), (8, POSTED), (12, 2)] {
                self.asm.mov(x::dword_ptr(at + offset), value)?;
            }
            let slot = available + 4 + 2 * index;
            self.asm.mov(x::word_ptr(slot), index)?;
        }
        self.asm.mov(x::word_ptr(available + 2), QUEUE_SIZE)?;
        self.virtio_set(NOTIFY, queue)
    }

    /// The next entry that came back from a queue, of which `seen` were seen:
    /// its number in `r8d`, its buffer in `r9d`, the bytes in it in `r10d`. Goes
    /// to `none` where there is none.
    pub(super) fn virtio_taken(
        &mut self,
        queue: u32,
        seen: x::AsmRegister32,
        buffers: u32,
        none: x::CodeLabel,
    ) -> Step {
        let [_, _, used] = rings(queue);
        self.asm.mov(x::eax, x::dword_ptr(used))?;
        self.asm.shr(x::eax, 16)?;
        self.asm.cmp(x::eax, seen)?;
        self.asm.je(none)?;
        self.asm.mov(x::eax, seen)?;
        self.asm.and(x::eax, QUEUE_SIZE - 1)?;
        self.asm.inc(seen)?;
        self.asm.and(seen, 0xffff)?;
        self.asm.mov(x::edi, used + 4)?;
        self.asm.mov(x::r8d, x::dword_ptr(x::rdi + x::rax * 8))?;
        self.asm
            .mov(x::r10d, x::dword_ptr(x::rdi + x::rax * 8 + 4))?;
        self.asm.mov(x::r9d, x::r8d)?;
        self.asm.shl(x::r9d, POSTED.ilog2())?;
        self.asm.add(x::r9d, buffers)
    }

    /// Makes entry `r8d` available again.
    pub(super) fn virtio_repost(&mut self, queue: u32) -> Step {
        let [_, available, _] = rings(queue);
        self.asm.mov(x::eax, x::dword_ptr(available))?;
        self.asm.shr(x::eax, 16)?;
        self.asm.mov(x::edx, x::eax)?;
        self.asm.and(x::edx, QUEUE_SIZE - 1)?;
        self.asm.mov(x::edi, available + 4)?;
        self.asm.mov(x::word_ptr(x::rdi + x::rdx * 2), x::r8w)?;
        self.asm.inc(x::eax)?;
        self.asm.mov(x::word_ptr(available + 2), x::ax)?;
        self.virtio_set(NOTIFY, queue)
    }

    /// Makes the request available that is described, and tells the device.
    pub(super) fn virtio_submit(&mut self, queue: u32) -> Step {
        let [_, available, _] = rings(queue);
        self.asm.mov(x::eax, x::dword_ptr(available))?;
        self.asm.shr(x::eax, 16)?; // the index, behind the flags
        self.asm.mov(x::edx, x::eax)?;
        self.asm.and(x::edx, QUEUE_SIZE - 1)?;
        self.asm.mov(x::edi, available + 4)?;
        self.asm.mov(x::word_ptr(x::rdi + x::rdx * 2), 0)?; // the first descriptor
        self.asm.inc(x::eax)?;
        self.asm.mov(x::word_ptr(available + 2), x::ax)?;
        self.virtio_set(NOTIFY, queue)
    }

    /// Goes to `done` where the device has given all requests of a queue back.
    pub(super) fn virtio_is_done(&mut self, queue: u32, done: x::CodeLabel) -> Step {
        let [_, available, used] = rings(queue);
        self.asm.mov(x::eax, x::dword_ptr(used))?;
        self.asm.shr(x::eax, 16)?;
        self.asm.mov(x::edx, x::dword_ptr(available))?;
        self.asm.shr(x::edx, 16)?;
        self.asm.cmp(x::eax, x::edx)?;
        self.asm.je(done)
    }

    /// Waits until the device has given all requests of a queue back; the
    /// number of bytes that it wrote for the last is in `ecx` then.
    pub(super) fn virtio_wait(&mut self, queue: u32, wait: Wait) -> Step {
        let [_, _, used] = rings(queue);
        let (mut again, mut done) = (self.label(), self.label());
        self.asm.set_label(&mut again)?;
        if wait == Wait::Interrupt {
            self.asm.cli()?;
        }
        self.virtio_is_done(queue, done)?;
        if wait == Wait::Interrupt {
            self.asm.sti()?;
            self.asm.hlt()?;
        }
        self.asm.jmp(again)?;
        self.asm.set_label(&mut done)?;
        self.asm.dec(x::eax)?;
        self.asm.and(x::eax, QUEUE_SIZE - 1)?;
        self.asm.mov(x::edi, used + 4)?;
        self.asm.mov(x::ecx, x::dword_ptr(x::rdi + x::rax * 8 + 4))
    }
}

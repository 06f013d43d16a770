//! A guest with serial ports of virtio.

use iced_x86::code_asm as x;

use super::program::{Program, Result as Step, assemble};
use super::virtio::{BUFFERS, Buffer, CONFIG, Wait};
use super::{AssembleError, Guest};

const DEVICE_ID: u32 = 3;
/// The features: several ports, and a byte at any time.
const FEATURES: u32 = 1 << 1 | 1 << 2;
const EMERGENCY: u32 = CONFIG + 8;
const CONTROL_IN: u32 = 2;
const CONTROL_OUT: u32 = 3;
const WAIT: Wait = Wait::Interrupt;

/// Messages.
const DEVICE_READY: u32 = 0;
const PORT_ADD: u32 = 1;
const PORT_READY: u32 = 3;
const PORT_OPEN: u32 = 6;

const MESSAGE: u32 = BUFFERS;
/// Buffers for what comes in.
const CONTROL_BUFFERS: u32 = BUFFERS + 0x1000;
const PORT_BUFFERS: [u32; 2] = [BUFFERS + 0x2000, BUFFERS + 0x3000];

/// Sends `!` without setting anything up, opens all ports that it is told of,
/// and prints what it is told: `ctl: ` and a message in hexadecimal, with the
/// name that may follow. What comes in at the first two ports it prints as
/// `in: ` in hexadecimal, and sends it back.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn console() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let (mut main, mut control) = (p.label(), p.label());
        let (mut first, mut second, mut rest) = (p.label(), p.label(), p.label());
        p.virtio_find(DEVICE_ID)?;
        p.virtio_start(FEATURES, &[0, 1, 2, 3, 4, 5], WAIT)?;
        p.virtio_set(EMERGENCY, u32::from(b'!'))?;
        for seen in [x::r13d, x::r14d, x::r15d] {
            p.asm.xor(seen, seen)?; // how much of each queue has been seen
        }
        p.virtio_post(CONTROL_IN, CONTROL_BUFFERS)?;
        p.virtio_post(0, PORT_BUFFERS[0])?;
        p.virtio_post(4, PORT_BUFFERS[1])?;
        p.asm.xor(x::r11d, x::r11d)?;
        say(p, DEVICE_READY)?;

        p.asm.set_label(&mut main)?;
        p.asm.cli()?;
        p.virtio_taken(CONTROL_IN, x::r13d, CONTROL_BUFFERS, control)?;
        listen(p)?;
        p.asm.jmp(main)?;
        p.asm.set_label(&mut control)?;
        p.virtio_taken(0, x::r14d, PORT_BUFFERS[0], first)?;
        echo(p, 0)?;
        p.asm.jmp(main)?;
        p.asm.set_label(&mut first)?;
        p.virtio_taken(4, x::r15d, PORT_BUFFERS[1], second)?;
        echo(p, 4)?;
        p.asm.jmp(main)?;
        p.asm.set_label(&mut second)?;
        p.asm.jmp(rest)?;
        p.asm.set_label(&mut rest)?;
        p.asm.sti()?;
        p.asm.hlt()?;
        p.asm.jmp(main)
    })
}

/// Says something about the port `r11d`.
fn say(p: &mut Program, event: u32) -> Step {
    p.asm.mov(x::dword_ptr(MESSAGE), x::r11d)?;
    p.asm.mov(x::dword_ptr(MESSAGE + 4), event | 1 << 16)?;
    p.virtio_send(CONTROL_OUT, &[Buffer::Out(MESSAGE, 8)])?;
    p.virtio_wait(CONTROL_OUT, WAIT)
}

/// Prints a message of `r10d` bytes at `r9d`, and opens the port that it tells of.
fn listen(p: &mut Program) -> Step {
    let (mut nameless, mut other) = (p.label(), p.label());
    p.print("ctl: ")?;
    p.asm.mov(x::edi, x::r9d)?;
    p.asm.mov(x::ecx, 8)?;
    p.print_bytes_at_edi()?;
    p.asm.cmp(x::r10d, 8)?;
    p.asm.jbe(nameless)?;
    p.print(" ")?;
    p.asm.lea(x::esi, x::ptr(x::r9 + 8))?;
    p.print_at_esi()?;
    p.asm.set_label(&mut nameless)?;
    p.print("\n")?;
    p.asm.mov(x::r11d, x::dword_ptr(x::r9))?;
    p.asm.movzx(x::eax, x::word_ptr(x::r9 + 4))?;
    p.virtio_repost(CONTROL_IN)?;
    p.asm.movzx(x::eax, x::word_ptr(x::r9 + 4))?;
    p.asm.cmp(x::eax, PORT_ADD)?;
    p.asm.jne(other)?;
    say(p, PORT_READY)?;
    say(p, PORT_OPEN)?;
    p.asm.set_label(&mut other)
}

/// Prints `r10d` bytes at `r9d`, and sends them back.
fn echo(p: &mut Program, queue: u32) -> Step {
    p.print("in: ")?;
    p.asm.mov(x::edi, x::r9d)?;
    p.asm.mov(x::ecx, x::r10d)?;
    p.print_bytes_at_edi()?;
    p.print("\n")?;
    p.virtio_describe(queue + 1, &[Buffer::Out(0, 0)])?;
    p.asm.mov(x::ecx, x::r10d)?;
    p.virtio_length(queue + 1)?;
    p.virtio_address(queue + 1)?;
    p.virtio_submit(queue + 1)?;
    p.virtio_wait(queue + 1, WAIT)?;
    p.virtio_repost(queue)
}

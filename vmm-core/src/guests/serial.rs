//! Guests that talk over the first serial port.

use iced_x86::code_asm as x;

use super::program::{self, COM1, Program, SERIAL_VECTOR, assemble};
use super::{AssembleError, Guest};

/// Prints `hello from q-min` and a newline, then powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn hello() -> Result<Guest, AssembleError> {
    assemble(|p| {
        p.print("hello from q-min\n")?;
        p.power_off()
    })
}

/// Prints `ports` and a newline, writes to a port so often, and prints `done` and a newline; then it powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn ports(port: u16, writes: u32) -> Result<Guest, AssembleError> {
    port_loop(port, writes, |p| p.asm.out(x::dx, x::al))
}

/// As [`ports`], but it reads.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn port_reads(port: u16, reads: u32) -> Result<Guest, AssembleError> {
    port_loop(port, reads, |p| p.asm.in_(x::al, x::dx))
}

/// Accesses in a round of the loop: what else there is in it may cost as much where a guest's kernel is emulated.
const UNROLLED: u32 = 16;

fn port_loop(
    port: u16,
    times: u32,
    access: impl Fn(&mut Program) -> program::Result,
) -> Result<Guest, AssembleError> {
    assemble(|p| {
        p.print("ports\n")?;
        p.asm.mov(x::edx, u32::from(port))?;
        for _ in 0..times % UNROLLED {
            access(p)?;
        }
        if times >= UNROLLED {
            let mut next = p.label();
            p.asm.mov(x::ecx, times / UNROLLED)?;
            p.asm.set_label(&mut next)?;
            for _ in 0..UNROLLED {
                access(p)?;
            }
            p.asm.dec(x::ecx)?;
            p.asm.jnz(next)?;
        }
        p.print("done\n")?;
        p.power_off()
    })
}

/// Prints `echo` and a newline, then sends back each byte it receives, by
/// interrupt; byte 0x04 powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn echo() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let received = p.label();
        p.handlers(&[(SERIAL_VECTOR, received)])?;
        p.interrupts(1 << 4)?;
        p.out8(COM1 + 4, 0x0b)?; // DTR, RTS, OUT2: the interrupt gate of a PC
        p.print("echo\n")?;
        p.out8(COM1 + 1, 1)?; // interrupt on received data
        p.idle()?;
        p.handler(received, |p| {
            let (mut next, mut done, mut send) = (p.label(), p.label(), p.label());
            p.in8(COM1 + 2)?;
            p.asm.set_label(&mut next)?;
            p.in8(COM1 + 5)?;
            p.asm.test(x::al, 1)?;
            p.asm.jz(done)?;
            p.in8(COM1)?;
            p.asm.cmp(x::al, 4)?;
            p.asm.jne(send)?;
            p.power_off()?;
            p.asm.set_label(&mut send)?;
            p.asm.out(x::dx, x::al)?;
            p.asm.jmp(next)?;
            p.asm.set_label(&mut done)?;
            p.end_of_interrupt()
        })
    })
}

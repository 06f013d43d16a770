//! Guests that use the real-time clock.

use iced_x86::code_asm as x;

use super::program::{CLOCK_VECTOR, Program, Result as Step, assemble};
use super::{AssembleError, BACKLOG, Guest, TICKS};

const INDEX: u32 = 0x70;
const DATA: u32 = 0x71;
const STATUS_A: u32 = 0x0a;
const STATUS_B: u32 = 0x0b;
const STATUS_C: u32 = 0x0c;
/// 24 hours, BCD.
const FORMAT: u32 = 1 << 1;
const SET: u32 = 1 << 7;
const PERIODIC: u32 = 1 << 6;
/// Status A: [`CLOCK_TICKS_PER_SECOND`](super::CLOCK_TICKS_PER_SECOND).
const RATE: u32 = 0x2b;

fn write(p: &mut Program, register: u32, value: u32) -> Step {
    p.out8(INDEX, register)?;
    p.out8(DATA, value)
}

fn read(p: &mut Program, register: u32) -> Step {
    p.out8(INDEX, register)?;
    p.in8(DATA)
}

/// Prints `clock: running` and counts interrupts of the clock in [`TICKS`], and
/// in [`BACKLOG`] those that came as soon as another was acknowledged.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn clock_ticks() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let clock = p.label();
        p.asm.mov(x::dword_ptr(TICKS), 0)?;
        p.asm.mov(x::dword_ptr(BACKLOG), 0)?;
        p.handlers(&[(CLOCK_VECTOR, clock)])?;
        p.interrupts(1 << 8)?;
        write(p, STATUS_A, RATE)?;
        write(p, STATUS_B, PERIODIC | FORMAT)?;
        p.print("clock: running\n")?;
        p.idle()?;

        p.handler(clock, |p| {
            let (mut next, mut done) = (p.label(), p.label());
            read(p, STATUS_C)?;
            p.asm.inc(x::dword_ptr(TICKS))?;
            p.asm.set_label(&mut next)?;
            read(p, STATUS_C)?;
            p.asm.test(x::al, PERIODIC)?;
            p.asm.jz(done)?;
            p.asm.inc(x::dword_ptr(TICKS))?;
            p.asm.inc(x::dword_ptr(BACKLOG))?;
            p.asm.jmp(next)?;
            p.asm.set_label(&mut done)?;
            p.out8(0xa0, 0x20)?;
            p.end_of_interrupt()
        })
    })
}

/// Sets the clock to 03:04:05 on 2030-01-02, prints the minutes that it shows
/// then (`minute 04`), and powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn set_clock() -> Result<Guest, AssembleError> {
    assemble(|p| {
        write(p, STATUS_B, SET | FORMAT)?;
        for (register, value) in [
            (0x32, 0x20),
            (0x09, 0x30),
            (0x08, 0x01),
            (0x07, 0x02),
            (0x04, 0x03),
            (0x02, 0x04),
            (0x00, 0x05),
        ] {
            write(p, register, value)?;
        }
        write(p, STATUS_B, FORMAT)?;
        p.print("minute ")?;
        read(p, 0x02)?;
        p.print_hex()?;
        p.print("\n")?;
        p.power_off()
    })
}

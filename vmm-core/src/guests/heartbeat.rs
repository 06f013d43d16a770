//! Guests that run on until they are told to stop.

use iced_x86::code_asm as x;

use super::program::{NMI_VECTOR, POWER_VECTOR, TIMER_VECTOR, assemble};
use super::{AssembleError, DIRTY, Guest, NMIS, PATTERN_ADDRESS, PATTERN_SIZE, SPINS, TICKS};

/// Input of the timer, in Hz, over the frequency that is wanted.
const TIMER_DIVISOR: u32 = 1_193_182 / super::TICKS_PER_SECOND;

/// The demo guest: clears [`TICKS`] and [`NMIS`], writes its pattern to
/// [`PATTERN_ADDRESS`], prints `heartbeat: running` and a newline, and counts
/// timer interrupts in [`TICKS`]. A non-maskable interrupt is counted in
/// [`NMIS`] and prints `heartbeat: NMI`; the power button prints
/// `heartbeat: good night` and powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn heartbeat() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let (timer, nmi, power) = (p.label(), p.label(), p.label());
        p.asm.mov(x::dword_ptr(TICKS), 0)?;
        p.asm.mov(x::dword_ptr(NMIS), 0)?;
        p.handlers(&[
            (NMI_VECTOR, nmi),
            (TIMER_VECTOR, timer),
            (POWER_VECTOR, power),
        ])?;

        let mut next = p.label();
        p.asm.mov(x::edi, low(PATTERN_ADDRESS))?;
        p.asm.xor(x::ecx, x::ecx)?;
        p.asm.set_label(&mut next)?;
        p.asm.imul_3(x::eax, x::ecx, 0x0101_0101)?;
        p.asm.xor(x::eax, 0x5a5a_5a5a)?;
        p.asm.stosd()?;
        p.asm.inc(x::ecx)?;
        p.asm.cmp(x::ecx, low(PATTERN_SIZE / 4))?;
        p.asm.jb(next)?;

        p.interrupts(1 << 0 | 1 << 9)?;
        p.out8(0x43, 0x34)?; // channel 0, rate generator
        p.out8(0x40, TIMER_DIVISOR & 0xff)?;
        p.out8(0x40, TIMER_DIVISOR >> 8)?;
        p.out16(0x602, 1 << 8)?; // power button
        p.print("heartbeat: running\n")?;
        p.idle()?;

        p.handler(timer, |p| {
            p.asm.inc(x::dword_ptr(TICKS))?;
            p.end_of_interrupt()
        })?;
        p.handler(nmi, |p| {
            p.asm.inc(x::dword_ptr(NMIS))?;
            p.print("heartbeat: NMI\n")
        })?;
        p.handler(power, |p| {
            p.out16(0x600, 1 << 8)?;
            p.print("heartbeat: good night\n")?;
            p.power_off()
        })
    })
}

/// Counts in [`SPINS`] without ever waiting.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn spin() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let mut again = p.label();
        p.asm.mov(x::dword_ptr(SPINS), 0)?;
        p.print("spin\n")?;
        p.asm.set_label(&mut again)?;
        p.asm.inc(x::dword_ptr(SPINS))?;
        p.asm.jmp(again)
    })
}

/// Prints `dirty` and a newline, and writes a number that grows to every page of [`DIRTY`], again and again.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn dirty() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let (mut again, mut next) = (p.label(), p.label());
        p.print("dirty\n")?;
        p.asm.xor(x::eax, x::eax)?;
        p.asm.set_label(&mut again)?;
        p.asm.inc(x::eax)?;
        p.asm.mov(x::edi, low(DIRTY.start))?;
        p.asm.set_label(&mut next)?;
        p.asm.mov(x::dword_ptr(x::rdi), x::eax)?;
        p.asm.add(x::edi, 4096)?;
        p.asm.cmp(x::edi, low(DIRTY.end))?;
        p.asm.jb(next)?;
        p.asm.jmp(again)
    })
}

/// The constants above lie in the first 4 GiB.
fn low(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

//! A guest whose memory does not change while it counts.

use iced_x86::code_asm as x;

use super::program::assemble;
use super::{AssembleError, Guest};

/// u32: what is not zero has [`count`] count once.
pub const GO: u64 = 0x1_2020;
/// The second serial port's register that keeps a byte and does nothing.
const SCRATCH: u32 = 0x2f8 + 7;

/// Prints `count` and a newline. Whenever [`GO`] is not zero it clears it, counts in a register of the CPU and in one
/// of a device, and prints both as two hexadecimal digits each, in a line.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn count() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let mut again = p.label();
        p.out8(SCRATCH, 0)?;
        p.asm.mov(x::dword_ptr(GO), 0)?;
        p.asm.xor(x::r12d, x::r12d)?;
        p.print("count\n")?;
        p.asm.set_label(&mut again)?;
        p.asm.mov(x::eax, x::dword_ptr(GO))?;
        p.asm.test(x::eax, x::eax)?;
        p.asm.jz(again)?;
        p.asm.mov(x::dword_ptr(GO), 0)?;
        p.asm.inc(x::r12d)?;
        p.in8(SCRATCH)?;
        p.asm.inc(x::al)?;
        p.asm.out(x::dx, x::al)?;
        p.asm.mov(x::eax, x::r12d)?;
        p.print_hex()?;
        p.print(" ")?;
        p.in8(SCRATCH)?;
        p.print_hex()?;
        p.print("\n")?;
        p.asm.jmp(again)
    })
}

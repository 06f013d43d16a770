//! A guest that paints.

use iced_x86::code_asm as x;

use super::program::{PAGE, PD_HIGH, UNCACHED, assemble};
use super::{AssembleError, Guest};

/// Pixels in a line of the picture that [`vga`] paints.
pub const PICTURE_WIDTH: u32 = 160;
/// Lines of that picture.
pub const PICTURE_HEIGHT: u32 = 100;

const FRAME_BUFFER: u32 = 0xe000_0000;

/// Red, green and blue of a pixel of that picture.
#[must_use]
pub fn pixel(column: u32, row: u32) -> [u8; 3] {
    [column, row, column ^ row].map(|part| part.to_le_bytes()[0])
}

/// Sets a mode with 32 bits a pixel, paints [`pixel`]s, prints `vga: painted`,
/// and waits for nothing.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn vga() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let slot = (FRAME_BUFFER >> 21) % 512;
        let entry = PD_HIGH + slot * 8;
        p.asm
            .mov(x::dword_ptr(entry), FRAME_BUFFER | PAGE | UNCACHED)?;
        p.asm.mov(x::dword_ptr(entry + 4), 0)?;
        for (register, value) in [
            (4, 0),
            (1, PICTURE_WIDTH),
            (2, PICTURE_HEIGHT),
            (3, 32),
            (4, 0x41), // on, with a linear frame buffer
        ] {
            p.out16(0x1ce, register)?;
            p.out16(0x1cf, value)?;
        }
        let (mut line, mut next) = (p.label(), p.label());
        p.asm.mov(x::edi, FRAME_BUFFER)?;
        p.asm.xor(x::ebx, x::ebx)?; // row
        p.asm.set_label(&mut line)?;
        p.asm.xor(x::ecx, x::ecx)?; // column
        p.asm.set_label(&mut next)?;
        p.asm.mov(x::eax, x::ecx)?;
        p.asm.shl(x::eax, 16)?; // red
        p.asm.mov(x::edx, x::ecx)?;
        p.asm.xor(x::edx, x::ebx)?;
        p.asm.or(x::eax, x::edx)?; // blue
        p.asm.mov(x::edx, x::ebx)?;
        p.asm.shl(x::edx, 8)?;
        p.asm.or(x::eax, x::edx)?; // green
        p.asm.stosd()?;
        p.asm.inc(x::ecx)?;
        p.asm.cmp(x::ecx, PICTURE_WIDTH)?;
        p.asm.jb(next)?;
        p.asm.inc(x::ebx)?;
        p.asm.cmp(x::ebx, PICTURE_HEIGHT)?;
        p.asm.jb(line)?;
        p.print("vga: painted\n")?;
        p.park()
    })
}

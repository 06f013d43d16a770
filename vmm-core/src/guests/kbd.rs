//! A guest that prints what keyboard and mouse say.

use iced_x86::code_asm as x;

use super::program::{KEYBOARD_VECTOR, MOUSE_VECTOR, Program, Result as Step, assemble};
use super::{AssembleError, Guest};

const DATA: u32 = 0x60;
const COMMAND: u32 = 0x64;
const FULL: u32 = 1 << 0;
const FROM_MOUSE: u32 = 1 << 5;

/// Turns keyboard and mouse on, prints `kbd: ready`, and then a line for each
/// byte: `k` or `m` for who said it, and the byte. Scan codes are of set 1
/// where `translate` is set, of set 2 otherwise.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn kbd(translate: bool) -> Result<Guest, AssembleError> {
    assemble(|p| {
        let (keyboard, mouse) = (p.label(), p.label());
        p.handlers(&[(KEYBOARD_VECTOR, keyboard), (MOUSE_VECTOR, mouse)])?;
        for (port, value) in [
            (COMMAND, 0xaa), // self test
            (COMMAND, 0xa8), // the mouse may speak
            (COMMAND, 0x60), // interrupts
            (DATA, if translate { 0x43 } else { 0x03 }),
        ] {
            p.out8(port, value)?;
            drain(p)?;
        }
        p.out8(DATA, 0xf4)?;
        drain(p)?;
        p.out8(COMMAND, 0xd4)?;
        p.out8(DATA, 0xf4)?;
        drain(p)?;
        p.interrupts(1 << 1 | 1 << 12)?;
        p.print("kbd: ready\n")?;
        p.idle()?;

        p.handler(keyboard, |p| {
            tell(p)?;
            p.end_of_interrupt()
        })?;
        p.handler(mouse, |p| {
            tell(p)?;
            p.out8(0xa0, 0x20)?;
            p.end_of_interrupt()
        })
    })
}

/// Prints the byte that waits, and whose it is. An interrupt may be late, and
/// the byte gone.
fn tell(p: &mut Program) -> Step {
    let (mut mouse, mut byte, mut done) = (p.label(), p.label(), p.label());
    p.in8(COMMAND)?;
    p.asm.test(x::al, FULL)?;
    p.asm.jz(done)?;
    p.asm.test(x::al, FROM_MOUSE)?;
    p.asm.jnz(mouse)?;
    p.print("k")?;
    p.asm.jmp(byte)?;
    p.asm.set_label(&mut mouse)?;
    p.print("m")?;
    p.asm.set_label(&mut byte)?;
    p.in8(DATA)?;
    p.print_hex()?;
    p.print("\n")?;
    p.asm.set_label(&mut done)?;
    p.asm.nop()
}

/// Reads what waits, if anything does.
fn drain(p: &mut Program) -> Step {
    p.in8(DATA)?;
    p.in8(DATA)?;
    p.in8(DATA)
}

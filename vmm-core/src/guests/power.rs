//! Guests that end, one way or another.

use iced_x86::code_asm as x;

use super::program::{Program, Result as Step, assemble};
use super::{AssembleError, BOOT_MAGIC, BOOTS, Guest};

/// Prints `poke`, writes `value` to `port`, prints `alive`, and waits for nothing.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn poke(port: u16, value: u8) -> Result<Guest, AssembleError> {
    assemble(|p| {
        p.print("poke\n")?;
        p.out8(port.into(), value.into())?;
        p.print("alive\n")?;
        p.park()
    })
}

const PANIC_PORT: u32 = 0x505;

/// Where [`wild_jump`] goes: mapped, next to the local APIC, and nothing.
const VOID: u32 = 0xfee0_1000;

/// A way to reset a PC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetBy {
    /// Command 0xfe to the keyboard controller.
    KeyboardController,
    /// 0x06 to the reset control register.
    ResetControl,
    /// An exception without a handler for it or for those that follow.
    TripleFault,
}

/// Prints `first start` and resets; when started again with memory kept,
/// prints `second start` and powers off. Counts starts in [`BOOTS`].
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn reset(by: ResetBy) -> Result<Guest, AssembleError> {
    assemble(|p| {
        let mut again = p.label();
        p.asm.mov(x::eax, x::dword_ptr(BOOTS))?;
        p.asm.cmp(x::eax, BOOT_MAGIC + 1)?;
        p.asm.je(again)?;
        p.asm.mov(x::dword_ptr(BOOTS), BOOT_MAGIC + 1)?;
        p.print("first start\n")?;
        reset_now(p, by)?;
        p.park()?;
        p.asm.set_label(&mut again)?;
        p.asm.inc(x::dword_ptr(BOOTS))?;
        p.print("second start\n")?;
        p.power_off()
    })
}

fn reset_now(p: &mut Program, by: ResetBy) -> Step {
    match by {
        ResetBy::KeyboardController => p.out8(0x64, 0xfe),
        ResetBy::ResetControl => p.out8(0xcf9, 0x06),
        ResetBy::TripleFault => {
            let table = p.data(&[0; 10]); // limit 0, base 0
            p.asm.lidt(x::ptr(table))?;
            p.asm.ud2()
        }
    }
}

/// Prints `panic`, reports a panic, and should it run on, prints `alive` and
/// powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn panic() -> Result<Guest, AssembleError> {
    report("panic\n", 1)
}

/// Prints `crash`, reports that a crash kernel takes over, prints `alive` and
/// powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn crash_load() -> Result<Guest, AssembleError> {
    report("crash\n", 2)
}

/// Prints `goodbye`, asks for a shutdown through the panic port, and stands
/// still.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn pv_shutdown() -> Result<Guest, AssembleError> {
    assemble(|p| {
        p.print("goodbye\n")?;
        p.out8(PANIC_PORT, 4)?;
        p.park()
    })
}

fn report(text: &str, bits: u32) -> Result<Guest, AssembleError> {
    assemble(|p| {
        p.print(text)?;
        p.out8(PANIC_PORT, bits)?;
        p.print("alive\n")?;
        p.power_off()
    })
}

/// Prints `into the void` and jumps to where no memory is: the code there can
/// be neither run nor emulated.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn wild_jump() -> Result<Guest, AssembleError> {
    assemble(|p| {
        p.print("into the void\n")?;
        p.asm.mov(x::eax, VOID)?;
        p.asm.jmp(x::rax)
    })
}

/// Prints `good night`, sleeps, and once woken prints `good morning` and
/// powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn suspend() -> Result<Guest, AssembleError> {
    asleep(|_| Ok(()))
}

/// [`suspend`] with the keyboard turned on: a key wakes it.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn suspend_with_keyboard() -> Result<Guest, AssembleError> {
    asleep(|p| p.out8(0x60, 0xf4))
}

fn asleep(prepare: impl FnOnce(&mut Program) -> Step) -> Result<Guest, AssembleError> {
    assemble(|p| {
        prepare(p)?;
        p.print("good night\n")?;
        p.out16(0x604, 0x2400)?;
        p.print("good morning\n")?;
        p.power_off()
    })
}

/// Writes `value` to the test exit: the exit code is `value * 2 + 1`.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn debug_exit(value: u8) -> Result<Guest, AssembleError> {
    assemble(|p| {
        p.out8(0x501, value.into())?;
        p.park()
    })
}

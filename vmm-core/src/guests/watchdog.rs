//! A guest that a watchdog barks at.

use iced_x86::code_asm as x;

use super::program::{NMI_VECTOR, POWER_VECTOR, assemble};
use super::{AssembleError, BOOT_MAGIC, BOOTS, Guest};

/// Prints `watchdog: armed` and starts a timer of no time at all. An NMI prints
/// `watchdog: NMI`, the power button `watchdog: good night` and powers off.
/// Started again, it prints `watchdog: second start` and powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn watchdog() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let (mut again, nmi, power) = (p.label(), p.label(), p.label());
        p.asm.mov(x::eax, x::dword_ptr(BOOTS))?;
        p.asm.cmp(x::eax, BOOT_MAGIC + 1)?;
        p.asm.je(again)?;
        p.asm.mov(x::dword_ptr(BOOTS), BOOT_MAGIC + 1)?;
        p.handlers(&[(NMI_VECTOR, nmi), (POWER_VECTOR, power)])?;
        p.interrupts(1 << 9)?;
        p.out16(0x602, 1 << 8)?; // power button
        p.print("watchdog: armed\n")?;
        p.out8(0x443, 0x0f)?;
        p.idle()?;

        p.handler(nmi, |p| p.print("watchdog: NMI\n"))?;
        p.handler(power, |p| {
            p.out16(0x600, 1 << 8)?;
            p.print("watchdog: good night\n")?;
            p.power_off()
        })?;
        p.asm.set_label(&mut again)?;
        p.print("watchdog: second start\n")?;
        p.power_off()
    })
}

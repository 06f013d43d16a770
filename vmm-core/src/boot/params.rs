//! Parameters that all protocols have.

use super::CMDLINE;
use super::error::BootProblem;
use crate::machine::GuestRam;

/// The type of memory that the guest may use, in every protocol's map.
pub(super) const TYPE_RAM: u32 = 1;

/// What PC firmware leaves of the first 640 KiB.
const LOW_RAM_END: u64 = 0x9fc00;
const HIGH_RAM_START: u64 = 1 << 20;

/// Start and length of the memory that the guest may use.
pub(super) fn memory_map(ram: &GuestRam) -> impl Iterator<Item = (u64, u64)> {
    let high = ram.boot_ranges().map(|(start, length)| match start {
        0 => (HIGH_RAM_START, length.saturating_sub(HIGH_RAM_START)),
        _ => (start, length),
    });
    std::iter::once((0, LOW_RAM_END)).chain(high)
}

/// Writes the command line, which may have `max` bytes.
pub(super) fn write_cmdline(ram: &GuestRam, cmdline: &str, max: usize) -> Result<(), BootProblem> {
    let length = cmdline.len();
    let max = max.min(super::CMDLINE_MAX);
    if length > max {
        return Err(BootProblem::CmdlineTooLong { length, max });
    }
    if cmdline.contains('\0') {
        return Err(BootProblem::CmdlineZero);
    }
    ram.write(CMDLINE, cmdline.as_bytes())?;
    ram.write(CMDLINE + length as u64, &[0])?;
    Ok(())
}

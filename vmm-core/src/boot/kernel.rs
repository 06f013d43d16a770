//! What the formats have in common: a kernel that has been put into memory.

use linux_loader::loader::bootparam::setup_header;

use super::error::BootProblem;
use super::{bzimage, elf, flat};
use crate::machine::GuestRam;

/// A kernel in memory, and what it says about its parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    /// Its first instruction.
    pub(super) address: u64,
    /// The first address that it leaves free.
    pub(super) end: u64,
    /// Where a RAM disk has to end.
    pub(super) initrd_end: u64,
    /// The longest command line, without its final zero byte.
    pub(super) cmdline_max: usize,
    pub(super) protocol: Protocol,
}

/// How a kernel wants to be started.
#[derive(Debug, Clone, Copy)]
pub(super) enum Protocol {
    /// PVH.
    Pvh,
    /// Linux' own, with what the kernel says of itself.
    Linux {
        header: setup_header,
        /// In 64-bit mode.
        wide: bool,
    },
}

/// Puts `image`, of whatever format, into `ram`.
pub(super) fn load(image: &[u8], ram: &GuestRam) -> Result<Kernel, BootProblem> {
    if image.is_empty() {
        Err(BootProblem::Empty)
    } else if elf::is_elf(image) {
        elf::load(image, ram)
    } else if bzimage::is_bzimage(image) {
        bzimage::load(image, ram)
    } else {
        flat::load(image, ram)
    }
}

/// The `N` bytes at `at`.
pub(super) fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

//! Guests for tests and demonstrations: a few hundred bytes each, assembled
//! here, deterministic, in long mode and integer code only, so that they run
//! where kernel mode is emulated, too (emulators know no 32-bit `iret`).
//!
//! All share this memory map, next to the start parameters that
//! [`boot`](crate::boot) documents:
//!
//! | address  | what |
//! |----------|------|
//! | 0x8000   | code that further CPUs start at |
//! | 0x8800   | [`AP_COUNT`] |
//! | 0x10000  | descriptor tables |
//! | 0x12000  | [`TICKS`], [`NMIS`], [`SPINS`], [`BACKLOG`], [`PLUG_KEEPS`], [`GO`] |
//! | 0x13000  | page tables: the first 16 MiB and the local APIC |
//! | 0x90000  | stack, downwards |
//! | 0x100000 | the program |
//! | 0x170000 | [`BOOTS`], beyond what firmware of other machines clears |
//! | 0x180000 | [`PATTERN_ADDRESS`] |
//! | 0x200000 | queues and buffers of virtio devices |

mod balloon;
mod blk;
mod blk_deep;
mod clock;
mod console;
mod count;
mod elf;
mod heartbeat;
mod init;
mod kbd;
mod linux;
mod mem;
mod plug;
mod power;
mod program;
mod rng;
mod serial;
mod smp;
mod vga;
mod virtio;
mod watchdog;

use std::sync::Arc;

pub use balloon::{BALLOON_PAGES, BALLOON_TOTAL, balloon};
pub use blk::{BlkRequest, blk};
pub use blk_deep::{DEEP, blk_at_once, deep_blk};
pub use clock::{clock_ticks, set_clock};
pub use console::console;
pub use count::{GO, count};
pub use heartbeat::{dirty, heartbeat, spin};
pub use init::initramfs;
pub use kbd::kbd;
pub use linux::{ABOUT_64_BIT, bzimage, linux_parameters, pvh_parameters, vmlinux};
pub use mem::{MEM_MARK, MEM_MARK_OFFSET, mem};
pub use plug::{PLUG_KEEPS, PLUG_REFUSAL, PLUG_REPORT, plug};
pub use power::{
    ResetBy, crash_load, debug_exit, panic, poke, pv_shutdown, reset, suspend,
    suspend_with_keyboard, wild_jump,
};
pub use rng::{RNG_BYTES, rng};
pub use serial::{echo, hello, port_reads, ports};
pub use smp::smp;
pub use vga::{PICTURE_HEIGHT, PICTURE_WIDTH, pixel, vga};
pub use virtio::Wait;
pub use watchdog::watchdog;

use crate::boot::FLAT_ADDRESS;
use crate::machine::{BootConfig, Image};

/// u32: timer interrupts since start ([`heartbeat`]).
pub const TICKS: u64 = 0x12000;
/// u32: interrupts of the clock that came as soon as another was acknowledged
/// ([`clock_ticks`]).
pub const BACKLOG: u64 = 0x1_2010;
/// Interrupts of the clock that [`clock_ticks`] asks for in a second.
pub const CLOCK_TICKS_PER_SECOND: u32 = 32;
/// u32: [`BOOT_MAGIC`] plus the number of starts since power-on ([`reset`]).
pub const BOOTS: u64 = 0x17_0000;
/// u32: non-maskable interrupts since start ([`heartbeat`]).
pub const NMIS: u64 = 0x12008;
/// u32: rounds of the busy loop ([`spin`]).
pub const SPINS: u64 = 0x1200c;
/// u16: further CPUs that have started ([`smp`], [`plug`]).
pub const AP_COUNT: u64 = 0x8800;
/// What [`BOOTS`] counts from.
pub const BOOT_MAGIC: u32 = 0xb007_0000;
/// Where [`heartbeat`] writes its pattern: the u32 at offset `4 * i` is
/// [`pattern`]`(i)`.
pub const PATTERN_ADDRESS: u64 = 0x18_0000;
/// Bytes of the pattern.
pub const PATTERN_SIZE: u64 = 4096;
/// The memory that [`dirty`] writes to.
pub const DIRTY: std::ops::Range<u64> = 0x40_0000..0xc0_0000;
/// Timer interrupts of [`heartbeat`] in a second, about.
pub const TICKS_PER_SECOND: u32 = 100;

/// Word `index` of the pattern.
#[must_use]
pub fn pattern(index: u32) -> u32 {
    index.wrapping_mul(0x0101_0101) ^ 0x5a5a_5a5a
}

/// A guest that cannot be assembled: a mistake in this module, found by its tests.
#[derive(Debug, thiserror::Error)]
#[error("the guest cannot be assembled: {0}")]
pub struct AssembleError(#[from] iced_x86::IcedError);

/// An assembled guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    code: Vec<u8>,
}

impl Guest {
    /// The program as a flat binary, for [`FLAT_ADDRESS`].
    #[must_use]
    pub fn flat(&self) -> &[u8] {
        &self.code
    }

    /// The program as an ELF64 file with a PVH note.
    #[must_use]
    pub fn elf(&self) -> Vec<u8> {
        elf::with_pvh_note(&self.code, FLAT_ADDRESS)
    }

    /// The configuration that starts the ELF file.
    #[must_use]
    pub fn boot(&self) -> BootConfig {
        BootConfig::new(Image::Bytes(Arc::from(self.elf())))
    }

    /// The configuration that starts the flat binary.
    #[must_use]
    pub fn boot_flat(&self) -> BootConfig {
        BootConfig::new(Image::Bytes(Arc::from(self.flat())))
    }
}

//! The parameters of the PVH protocol, in the first megabyte.
//!
//! | address | what |
//! |---------|------|
//! | 0x6000  | `hvm_start_info` |
//! | 0x6040  | module list: the RAM disk |
//! | 0x7000  | memory map |
//! | 0x20000 | command line |

use linux_loader::loader::elf::start_info::{
    hvm_memmap_table_entry, hvm_modlist_entry, hvm_start_info,
};
use vm_memory::ByteValued;

use super::BootError;
use crate::machine::GuestRam;

const START_INFO: u64 = 0x6000;
const MODULES: u64 = 0x6040;
const MEMORY_MAP: u64 = 0x7000;
const CMDLINE: u64 = 0x20000;

/// The longest command line, its final zero byte included.
pub(super) const CMDLINE_MAX: usize = 0x10000;

const MAGIC: u32 = 0x336e_c578;
const VERSION: u32 = 1; // with a memory map
const TYPE_RAM: u32 = 1;

/// What PC firmware leaves of the first 640 KiB.
const LOW_RAM_END: u64 = 0x9fc00;
const HIGH_RAM_START: u64 = 1 << 20;

/// Writes the parameters; the address of `hvm_start_info`.
pub(super) fn write(
    ram: &GuestRam,
    cmdline: &str,
    initrd: Option<(u64, u64)>,
    rsdp: u64,
) -> Result<u64, BootError> {
    if cmdline.len() >= CMDLINE_MAX || cmdline.contains('\0') {
        return Err(BootError::Cmdline);
    }
    ram.write(CMDLINE, cmdline.as_bytes())?;
    ram.write(CMDLINE + cmdline.len() as u64, &[0])?;
    let mut entries = 0u32;
    for (slot, (addr, size)) in (0u64..).zip(usable(ram)) {
        let entry = hvm_memmap_table_entry {
            addr,
            size,
            type_: TYPE_RAM,
            reserved: 0,
        };
        ram.write(
            MEMORY_MAP + slot * size_of::<hvm_memmap_table_entry>() as u64,
            entry.as_slice(),
        )?;
        entries += 1;
    }
    let mut info = hvm_start_info {
        magic: MAGIC,
        version: VERSION,
        cmdline_paddr: CMDLINE,
        rsdp_paddr: rsdp,
        memmap_paddr: MEMORY_MAP,
        memmap_entries: entries,
        ..Default::default()
    };
    if let Some((paddr, size)) = initrd {
        let module = hvm_modlist_entry {
            paddr,
            size,
            ..Default::default()
        };
        ram.write(MODULES, module.as_slice())?;
        info.nr_modules = 1;
        info.modlist_paddr = MODULES;
    }
    ram.write(START_INFO, info.as_slice())?;
    Ok(START_INFO)
}

/// The memory that the guest may use.
fn usable(ram: &GuestRam) -> impl Iterator<Item = (u64, u64)> {
    let high = ram.boot_ranges().map(|(start, length)| match start {
        0 => (HIGH_RAM_START, length.saturating_sub(HIGH_RAM_START)),
        _ => (start, length),
    });
    std::iter::once((0, LOW_RAM_END)).chain(high)
}

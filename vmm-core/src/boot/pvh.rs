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

use super::error::BootProblem;
use super::{CMDLINE, params};
use crate::machine::GuestRam;

const START_INFO: u64 = 0x6000;
const MODULES: u64 = 0x6040;
const MEMORY_MAP: u64 = 0x7000;

/// The longest command line, without its final zero byte: the protocol knows no
/// limit.
pub(super) const CMDLINE_MAX: usize = super::CMDLINE_MAX;
/// Where a RAM disk has to end: kernels start in 32-bit mode.
pub(super) const INITRD_END: u64 = 1 << 32;

const MAGIC: u32 = 0x336e_c578;
const VERSION: u32 = 1; // with a memory map

/// Writes the parameters, of which the command line is at [`CMDLINE`] already;
/// the address of `hvm_start_info`.
pub(super) fn write(
    ram: &GuestRam,
    initrd: Option<(u64, u64)>,
    rsdp: u64,
) -> Result<u64, BootProblem> {
    let mut entries = 0u32;
    for (slot, (addr, size)) in (0u64..).zip(params::memory_map(ram)) {
        let entry = hvm_memmap_table_entry {
            addr,
            size,
            type_: params::TYPE_RAM,
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

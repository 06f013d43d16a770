//! The parameters of Linux' boot protocol, in the first megabyte.
//!
//! | address | what |
//! |---------|------|
//! | 0x5000  | segment descriptors that the CPU starts with |
//! | 0x6000  | the zero page: setup header, memory map, where the rest is |
//! | 0x9000  | page tables for the 64-bit entry: 4 GiB, one to one |
//! | 0x20000 | command line |
//!
//! The source is Linux' `Documentation/arch/x86/boot.rst`.

use linux_loader::loader::bootparam::{boot_e820_entry, boot_params, setup_header};
use vm_memory::ByteValued;

use super::error::BootProblem;
use super::{CMDLINE, params};
use crate::machine::GuestRam;

const GDT: u64 = 0x5000;
const ZERO_PAGE: u64 = 0x6000;
const PML4: u64 = 0x9000;
const PDPT: u64 = 0xa000;
const PAGE_DIRECTORIES: u64 = 0xb000;

/// The selectors that the protocol asks for are 0x10 and 0x18.
const DESCRIPTORS: [u64; 5] = [
    0,
    0,
    0x00af_9b00_0000_ffff, // 64-bit code
    0x00cf_9300_0000_ffff, // data
    0x0000_8b00_0000_0067, // a task that is never switched to or from
];
const DESCRIPTORS_32: [u64; 5] = [
    0,
    0,
    0x00cf_9b00_0000_ffff, // 32-bit code
    0x00cf_9300_0000_ffff,
    0x0000_8b00_0000_0067,
];

const PRESENT_WRITABLE: u64 = 3;
const LARGE_PAGE: u64 = 0x83;
const LARGE_PAGE_SHIFT: u64 = 21;
const IDENTITY_GIB: u64 = 4;

const BOOT_FLAG: u16 = 0xaa55;
const MAGIC: u32 = u32::from_le_bytes(*b"HdrS");
const VERSION: u16 = 0x20c;
const LOADED_HIGH: u8 = 1;
/// A loader without a number of its own.
const UNKNOWN_LOADER: u8 = 0xff;

/// The longest command line of a kernel that says nothing about it, without its
/// final zero byte: Linux on x86 keeps 2048.
pub(super) const CMDLINE_MAX: usize = 2047;
/// Where a RAM disk has to end for 64-bit kernels that say nothing about it.
pub(super) const INITRD_END: u64 = 1 << 31;

/// What an uncompressed kernel would say of itself if it had a setup header.
pub(super) fn default_header() -> setup_header {
    setup_header {
        boot_flag: BOOT_FLAG,
        header: MAGIC,
        version: VERSION,
        loadflags: LOADED_HIGH,
        kernel_alignment: 1 << 24,
        cmdline_size: 2047,
        initrd_addr_max: 0x7fff_ffff,
        ..Default::default()
    }
}

/// Addresses of what the CPU starts with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters {
    pub(super) zero_page: u64,
    pub(super) page_table: u64,
    pub(super) gdt: u64,
    pub(super) gdt_size: u16,
}

/// Writes the parameters; the command line is at [`CMDLINE`] already.
pub(super) fn write(
    ram: &GuestRam,
    header: setup_header,
    wide: bool,
    initrd: Option<(u64, u64)>,
    rsdp: u64,
) -> Result<Parameters, BootProblem> {
    let mut page = boot_params {
        hdr: header,
        acpi_rsdp_addr: rsdp,
        ..Default::default()
    };
    page.hdr.type_of_loader = UNKNOWN_LOADER;
    page.hdr.cmd_line_ptr = low(CMDLINE);
    if let Some((address, size)) = initrd {
        page.hdr.ramdisk_image = low(address);
        page.hdr.ramdisk_size = low(size);
    }
    let map = params::memory_map(ram);
    for ((addr, size), entry) in map.zip(&mut page.e820_table) {
        *entry = boot_e820_entry {
            addr,
            size,
            r#type: params::TYPE_RAM,
        };
        page.e820_entries += 1;
    }
    ram.write(ZERO_PAGE, page.as_slice())?;
    let descriptors = if wide { DESCRIPTORS } else { DESCRIPTORS_32 };
    write_words(ram, GDT, descriptors)?;
    if wide {
        page_tables(ram)?;
    }
    Ok(Parameters {
        zero_page: ZERO_PAGE,
        page_table: PML4,
        gdt: GDT,
        gdt_size: size_of_val(&DESCRIPTORS) as u16,
    })
}

fn page_tables(ram: &GuestRam) -> Result<(), BootProblem> {
    ram.zero(PML4, PAGE_DIRECTORIES - PML4)?;
    write_words(ram, PML4, [PDPT | PRESENT_WRITABLE])?;
    let directories = (0..IDENTITY_GIB).map(|gib| PAGE_DIRECTORIES + gib * 4096);
    write_words(
        ram,
        PDPT,
        directories.map(|address| address | PRESENT_WRITABLE),
    )?;
    let pages = (0..IDENTITY_GIB * 512).map(|page| page << LARGE_PAGE_SHIFT | LARGE_PAGE);
    write_words(ram, PAGE_DIRECTORIES, pages)
}

fn write_words(
    ram: &GuestRam,
    address: u64,
    words: impl IntoIterator<Item = u64>,
) -> Result<(), BootProblem> {
    let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    Ok(ram.write(address, &bytes)?)
}

/// An address or a size that is below 4 GiB because low memory ends there.
fn low(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

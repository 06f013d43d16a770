//! Guests that print what they were given: command line and RAM disk, by the
//! PVH protocol or by Linux' own.

use iced_x86::code_asm as x;
use linux_loader::loader::bootparam::{XLF_KERNEL_64, setup_header};
use vm_memory::ByteValued;

use super::program::{ENTRY_64, Program, STACK_TOP, assemble, assemble_behind};
use super::{AssembleError, Guest, elf};
use crate::boot::FLAT_ADDRESS;

/// Bytes of a sector, and of what precedes the kernel in a bzImage: the boot
/// sector and one more.
const SECTOR: usize = 512;
const SETUP_SECTORS: u8 = 1;

/// Offsets into `hvm_start_info` and the entry of a module.
const PVH_MODULE_COUNT: u32 = 12;
const PVH_MODULES: u32 = 16;
const PVH_CMDLINE: u32 = 24;
const MODULE_SIZE: u32 = 8;

/// Offsets into the zero page.
const E820_ENTRIES: u32 = 0x1e8;
const RAMDISK_IMAGE: u32 = 0x218;
const RAMDISK_SIZE: u32 = 0x21c;
const CMDLINE: u32 = 0x228;
const RSDP: u32 = 0x70;
const E820_TABLE: u32 = 0x2d0;

/// What [`linux_parameters`] prints first when it was entered in 64-bit mode.
pub const ABOUT_64_BIT: &str = "entered in 64-bit mode\n";

/// Prints `cmdline:`, the command line, `initrd:`, as much of the RAM disk as
/// its size says, and `end`, each followed by a newline, then powers off. For
/// the PVH protocol.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn pvh_parameters() -> Result<Guest, AssembleError> {
    assemble(|p| {
        p.asm.mov(x::r12d, x::ebx)?;
        p.print("cmdline:")?;
        p.asm.mov(x::rsi, x::qword_ptr(x::r12 + PVH_CMDLINE))?;
        p.print_text()?;
        p.print("\ninitrd:")?;
        let mut none = p.label();
        p.asm.cmp(x::dword_ptr(x::r12 + PVH_MODULE_COUNT), 0)?;
        p.asm.je(none)?;
        p.asm.mov(x::r13, x::qword_ptr(x::r12 + PVH_MODULES))?;
        p.asm.mov(x::r14, x::qword_ptr(x::r13))?;
        p.asm.mov(x::r15, x::qword_ptr(x::r13 + MODULE_SIZE))?;
        print_bytes(p)?;
        p.asm.set_label(&mut none)?;
        p.print("\nend\n")?;
        p.power_off()
    })
}

/// The same for Linux' boot protocol, with [`ABOUT_64_BIT`] if it was entered
/// so, and before `end` the ACPI tables' first bytes and the size of high memory
/// in MiB, in hexadecimal. Its images are [`vmlinux`] and [`bzimage`].
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn linux_parameters() -> Result<Guest, AssembleError> {
    assemble_behind(ENTRY_64, |p| {
        p.asm.mov(x::r12d, x::esi)?;
        p.asm.mov(x::esp, STACK_TOP)?;
        // the way from 32-bit mode leaves another table of descriptors
        let mut narrow = p.label();
        p.asm.mov(x::eax, x::cs)?;
        p.asm.cmp(x::eax, 0x10)?;
        p.asm.jne(narrow)?;
        p.print(ABOUT_64_BIT)?;
        p.asm.set_label(&mut narrow)?;
        p.print("cmdline:")?;
        p.asm.mov(x::esi, x::dword_ptr(x::r12 + CMDLINE))?;
        p.print_text()?;
        p.print("\ninitrd:")?;
        p.asm.mov(x::r14d, x::dword_ptr(x::r12 + RAMDISK_IMAGE))?;
        p.asm.mov(x::r15d, x::dword_ptr(x::r12 + RAMDISK_SIZE))?;
        print_bytes(p)?;
        p.print("\nacpi:")?;
        p.asm.mov(x::r14, x::qword_ptr(x::r12 + RSDP))?;
        p.asm.mov(x::r15d, 7)?;
        print_bytes(p)?;
        p.print("\nmemory:")?;
        p.asm.movzx(x::eax, x::byte_ptr(x::r12 + E820_ENTRIES))?;
        p.print_hex()?;
        p.print(" ")?;
        p.asm
            .mov(x::rax, x::qword_ptr(x::r12 + (E820_TABLE + 20 + 8)))?;
        p.asm.shr(x::rax, 20)?;
        p.print_hex()?;
        p.print("\nend\n")?;
        p.power_off()
    })
}

/// Prints `r15` bytes from `r14` on; changes both.
fn print_bytes(p: &mut Program) -> super::program::Result {
    let buffer = p.data(&[0; 2]);
    let (mut next, mut done) = (p.label(), p.label());
    p.asm.set_label(&mut next)?;
    p.asm.test(x::r15, x::r15)?;
    p.asm.jz(done)?;
    p.asm.mov(x::al, x::byte_ptr(x::r14))?;
    p.asm.lea(x::rsi, x::ptr(buffer))?;
    p.asm.mov(x::byte_ptr(x::rsi), x::al)?;
    p.print_text()?;
    p.asm.inc(x::r14)?;
    p.asm.dec(x::r15)?;
    p.asm.jmp(next)?;
    p.asm.set_label(&mut done)?;
    p.asm.nop() // labels of the caller may follow
}

/// `guest` as an ELF file without a PVH note, to be entered in 64-bit mode.
#[must_use]
pub fn vmlinux(guest: &Guest) -> Vec<u8> {
    let entry = FLAT_ADDRESS + u64::from(ENTRY_64);
    elf::without_note(guest.flat(), FLAT_ADDRESS, entry)
}

/// `guest` as a bzImage whose setup header is what `change` makes of that of a
/// kernel with a 64-bit entry.
#[must_use]
pub fn bzimage(guest: &Guest, change: impl FnOnce(&mut setup_header)) -> Vec<u8> {
    let code = guest.flat().len().next_multiple_of(16);
    let mut header = setup_header {
        setup_sects: SETUP_SECTORS,
        syssize: u32::try_from(code / 16).unwrap_or(u32::MAX),
        boot_flag: 0xaa55,
        jump: 0x66eb, // to 0x268, behind the last field of this version
        header: u32::from_le_bytes(*b"HdrS"),
        version: 0x20c,
        loadflags: 1,
        code32_start: 0x10_0000,
        initrd_addr_max: 0x7fff_ffff,
        kernel_alignment: 1 << 20,
        relocatable_kernel: 1,
        xloadflags: XLF_KERNEL_64,
        cmdline_size: 255,
        pref_address: FLAT_ADDRESS,
        init_size: 0x2_0000,
        ..Default::default()
    };
    change(&mut header);
    let setup = (usize::from(header.setup_sects) + 1) * SECTOR;
    let mut file = vec![0; 0x1f1];
    file.extend_from_slice(header.as_slice());
    file.resize(setup, 0);
    file.extend_from_slice(guest.flat());
    file.resize(setup + code, 0);
    file
}

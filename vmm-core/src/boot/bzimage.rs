//! Compressed Linux kernels, which unpack themselves.
//!
//! The setup header at 0x1f1 says what the kernel can do; its fields and their
//! versions are those of Linux' `Documentation/arch/x86/boot.rst`. Kernels with
//! a 64-bit entry are started there, others at their 32-bit entry; their
//! real-mode code is never run.

use std::io::Cursor;

use linux_loader::loader::KernelLoader;
use linux_loader::loader::bootparam::{XLF_KERNEL_64, setup_header};
use linux_loader::loader::bzimage::BzImage;
use vm_memory::{ByteValued, GuestAddress};

use super::FLAT_ADDRESS;
use super::error::BootProblem;
use super::kernel::{Kernel, Protocol, field};
use crate::machine::GuestRam;

const HEADER: usize = 0x1f1;
const MAGIC: usize = 0x202;
const SECTOR: u64 = 512;
const LOADED_HIGH: u8 = 1;
const ENTRY_64: u64 = 0x200;

/// Boot protocol versions that brought a field.
const WITH_INITRD_MAX: u16 = 0x203;
const WITH_CMDLINE_SIZE: u16 = 0x206;
const WITH_INIT_SIZE: u16 = 0x20a;
const WITH_64_BIT_ENTRY: u16 = 0x20c;

/// What older kernels are known to take.
const OLD_INITRD_MAX: u32 = 0x37ff_ffff;
const OLD_CMDLINE_SIZE: u32 = 255;

pub(super) fn is_bzimage(image: &[u8]) -> bool {
    field(image, MAGIC) == Some(*b"HdrS")
}

pub(super) fn load(image: &[u8], ram: &GuestRam) -> Result<Kernel, BootProblem> {
    let header = header(image)?;
    let (version, loadflags) = (header.version, header.loadflags);
    if version < 0x200 {
        let text = format!("its boot protocol has version {version:#x}");
        return Err(BootProblem::BzImage(text));
    }
    if loadflags & LOADED_HIGH == 0 {
        return Err(BootProblem::ZImage);
    }
    let code_size = code_size(image, &header)?;
    let (start, size) = room(&header, code_size)?;
    if !ram.contains(FLAT_ADDRESS, code_size) || !ram.contains(start, size) {
        return Err(BootProblem::TooLarge {
            size,
            address: start,
            ram: ram.size(),
        });
    }
    BzImage::load(
        &*ram.memory(),
        Some(GuestAddress(FLAT_ADDRESS)),
        &mut Cursor::new(image),
        None,
    )
    .map_err(|error| BootProblem::BzImage(error.to_string()))?;
    let wide = version >= WITH_64_BIT_ENTRY && header.xloadflags & XLF_KERNEL_64 != 0;
    if wide && code_size <= ENTRY_64 {
        let address = FLAT_ADDRESS + ENTRY_64;
        return Err(BootProblem::EntryOutside { address });
    }
    let initrd_max = match version {
        WITH_INITRD_MAX.. => header.initrd_addr_max,
        _ => OLD_INITRD_MAX,
    };
    let cmdline_size = match version {
        WITH_CMDLINE_SIZE.. => header.cmdline_size,
        _ => OLD_CMDLINE_SIZE,
    };
    Ok(Kernel {
        address: FLAT_ADDRESS + if wide { ENTRY_64 } else { 0 },
        end: start.saturating_add(size).max(FLAT_ADDRESS + code_size),
        initrd_end: u64::from(initrd_max) + 1,
        cmdline_max: usize::try_from(cmdline_size).unwrap_or(usize::MAX),
        protocol: Protocol::Linux { header, wide },
    })
}

/// The setup header; what the kernel's version does not have is zero.
fn header(image: &[u8]) -> Result<setup_header, BootProblem> {
    let broken = || BootProblem::BzImage("its setup header is cut off".to_owned());
    // the operand of a jump over the header says where it ends
    let jump = *image.get(0x201).ok_or_else(broken)?;
    let end = MAGIC + usize::from(jump);
    let bytes = image.get(HEADER..end).ok_or_else(broken)?;
    let mut header = setup_header::default();
    let target = header.as_mut_slice();
    let length = bytes.len().min(target.len());
    target[..length].copy_from_slice(&bytes[..length]);
    Ok(header)
}

/// Bytes of the file behind the real-mode code.
fn code_size(image: &[u8], header: &setup_header) -> Result<u64, BootProblem> {
    let sectors = match header.setup_sects {
        0 => 4,
        sectors => u64::from(sectors),
    };
    let setup = (sectors + 1) * SECTOR;
    let size = image.len() as u64;
    let expected = setup + u64::from(header.syssize) * 16;
    if size < expected || size <= setup {
        return Err(BootProblem::CutOff {
            size,
            expected: expected.max(setup + 1),
        });
    }
    Ok(size - setup)
}

/// Where the kernel unpacks itself to, and how much memory it uses there.
fn room(header: &setup_header, code_size: u64) -> Result<(u64, u64), BootProblem> {
    if header.version < WITH_INIT_SIZE {
        return Ok((FLAT_ADDRESS, code_size));
    }
    let alignment = u64::from(header.kernel_alignment);
    let aligned = match header.relocatable_kernel {
        0 => Some(FLAT_ADDRESS),
        _ => FLAT_ADDRESS.checked_next_multiple_of(alignment.max(1)),
    };
    let start = aligned.unwrap_or(u64::MAX).max(header.pref_address);
    let size = u64::from(header.init_size);
    match start.checked_add(size) {
        Some(_) => Ok((start, size)),
        None => {
            let text = format!("it wants to be at {start:#x}");
            Err(BootProblem::BzImage(text))
        }
    }
}

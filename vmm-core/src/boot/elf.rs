//! ELF64 kernels, with a PVH entry or without.
//!
//! The loader crate reads the file and copies what the file holds; this module
//! adds what a reset needs (segments are zeroed beyond the file's bytes) and
//! refuses files that would overwrite the start parameters.

use std::io::Cursor;

use linux_loader::loader::KernelLoader;
use linux_loader::loader::elf::{Elf, PvhBootCapability};

use super::error::BootProblem;
use super::kernel::{Kernel, Protocol, field};
use super::{FLAT_ADDRESS, linux, pvh};
use crate::machine::GuestRam;

const MAGIC: &[u8] = b"\x7fELF";
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const MACHINE_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: usize = 56;

pub(super) fn is_elf(image: &[u8]) -> bool {
    image.starts_with(MAGIC)
}

/// A part of the file, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    file_size: u64,
    memory_size: u64,
}

pub(super) fn load(image: &[u8], ram: &GuestRam) -> Result<Kernel, BootProblem> {
    let segments = segments(image)?;
    if segments.iter().any(|segment| segment.kind == PT_INTERP) {
        return Err(BootProblem::Program);
    }
    let parts: Vec<_> = segments
        .into_iter()
        .filter(|segment| segment.kind == PT_LOAD && segment.memory_size > 0)
        .collect();
    if parts.is_empty() {
        return Err(BootProblem::Elf("it has nothing to load".to_owned()));
    }
    for segment in &parts {
        prepare(segment, image, ram)?;
    }
    let memory = ram.memory();
    let loaded = Elf::load(&*memory, None, &mut Cursor::new(image), None)
        .map_err(|error| BootProblem::Elf(error.to_string()))?;
    let (address, initrd_end, cmdline_max, protocol) = match loaded.pvh_boot_cap {
        PvhBootCapability::PvhEntryPresent(entry) => {
            let (end, max) = (pvh::INITRD_END, pvh::CMDLINE_MAX);
            (entry.0, end, max, Protocol::Pvh)
        }
        _ => {
            let header = linux::default_header();
            let protocol = Protocol::Linux { header, wide: true };
            let (end, max) = (linux::INITRD_END, linux::CMDLINE_MAX);
            (loaded.kernel_load.0, end, max, protocol)
        }
    };
    if !parts.iter().any(|segment| segment.holds(address)) {
        return Err(BootProblem::EntryOutside { address });
    }
    let ends = parts.iter().map(|part| part.address + part.memory_size);
    Ok(Kernel {
        address,
        end: ends.max().unwrap_or(FLAT_ADDRESS),
        initrd_end,
        cmdline_max,
        protocol,
    })
}

impl Segment {
    fn holds(&self, address: u64) -> bool {
        address >= self.address && address - self.address < self.memory_size
    }
}

/// Sees whether there is room, and zeroes what the file does not fill.
fn prepare(segment: &Segment, image: &[u8], ram: &GuestRam) -> Result<(), BootProblem> {
    let Segment {
        offset,
        address,
        file_size,
        memory_size,
        ..
    } = *segment;
    if memory_size < file_size {
        return Err(BootProblem::Elf(
            "a segment is larger in the file than in memory".to_owned(),
        ));
    }
    let size = image.len() as u64;
    let expected = offset.saturating_add(file_size);
    if size < expected {
        return Err(BootProblem::CutOff { size, expected });
    }
    if address < FLAT_ADDRESS {
        return Err(BootProblem::LowSegment { address });
    }
    if !ram.contains(address, memory_size) {
        return Err(BootProblem::TooLarge {
            size: memory_size,
            address,
            ram: ram.size(),
        });
    }
    Ok(ram.zero(address + file_size, memory_size - file_size)?)
}

fn segments(image: &[u8]) -> Result<Vec<Segment>, BootProblem> {
    let broken = |text: &str| BootProblem::Elf(text.to_owned());
    if image.len() < HEADER_SIZE {
        return Err(broken("the header is cut off"));
    }
    if image.get(4..6) != Some(&[CLASS_64, LITTLE_ENDIAN]) {
        return Err(broken("it is not of 64 bits and little-endian"));
    }
    if field(image, 18).map(u16::from_le_bytes) != Some(MACHINE_X86_64) {
        return Err(broken("it is not for x86-64"));
    }
    let offset = field(image, 32).map(u64::from_le_bytes);
    let entry_size = field(image, 54).map(u16::from_le_bytes);
    let count = field(image, 56).map(u16::from_le_bytes);
    let (Some(offset), Some(entry_size), Some(count)) = (offset, entry_size, count) else {
        return Err(broken("the header is cut off"));
    };
    if usize::from(entry_size) != PROGRAM_HEADER_SIZE {
        return Err(broken("its program headers have the wrong size"));
    }
    let start = usize::try_from(offset).ok();
    let length = usize::from(count) * PROGRAM_HEADER_SIZE;
    let table = start
        .and_then(|start| image.get(start..start.checked_add(length)?))
        .ok_or_else(|| broken("its program headers are cut off"))?;
    let all = table
        .chunks_exact(PROGRAM_HEADER_SIZE)
        .filter_map(|header| {
            let word = |at| field(header, at).map(u64::from_le_bytes);
            Some(Segment {
                kind: u32::from_le_bytes(field(header, 0)?),
                offset: word(8)?,
                address: word(24)?,
                file_size: word(32)?,
                memory_size: word(40)?,
            })
        });
    Ok(all.collect())
}

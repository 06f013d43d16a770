//! ELF64 kernels with a PVH entry.
//!
//! The loader crate reads the file and copies what the file holds; this module
//! adds what a reset needs (segments are zeroed beyond the file's bytes) and
//! refuses files that would overwrite the start parameters.

use std::io::Cursor;

use linux_loader::loader::KernelLoader;
use linux_loader::loader::elf::{Elf, PvhBootCapability};

use super::BootError;
use crate::machine::GuestRam;

const MAGIC: &[u8] = b"\x7fELF";
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const MACHINE_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: usize = 56;

pub(super) fn is_elf(image: &[u8]) -> bool {
    image.starts_with(MAGIC)
}

/// A part of the file that goes into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    address: u64,
    file_size: u64,
    memory_size: u64,
}

/// Loads `image`; entry and end of it.
pub(super) fn load(image: &[u8], ram: &GuestRam) -> Result<(u64, u64), BootError> {
    let mut end = 0;
    for segment in segments(image)? {
        let Segment {
            address,
            file_size,
            memory_size,
        } = segment;
        if memory_size < file_size {
            return Err(BootError::Elf(
                "a segment is larger in the file than in memory".into(),
            ));
        }
        if memory_size == 0 {
            continue;
        }
        if address < super::FLAT_ADDRESS {
            return Err(BootError::LowSegment { address });
        }
        if !ram.contains(address, memory_size) {
            return Err(BootError::TooLarge {
                size: memory_size,
                address,
                ram: ram.size(),
            });
        }
        ram.zero(address + file_size, memory_size - file_size)?;
        end = end.max(address + memory_size);
    }
    let memory = ram.memory();
    let loaded = Elf::load(&*memory, None, &mut Cursor::new(image), None)
        .map_err(|error| BootError::Elf(error.to_string()))?;
    match loaded.pvh_boot_cap {
        PvhBootCapability::PvhEntryPresent(entry) => Ok((entry.0, end)),
        _ => Err(BootError::NoEntry),
    }
}

fn segments(image: &[u8]) -> Result<Vec<Segment>, BootError> {
    let broken = |text: &str| BootError::Elf(text.to_owned());
    if image.len() < HEADER_SIZE {
        return Err(broken("the header is cut off"));
    }
    if image.get(4..6) != Some(&[CLASS_64, LITTLE_ENDIAN]) {
        return Err(broken("it is not of 64 bits and little-endian"));
    }
    if field::<2>(image, 18).map(u16::from_le_bytes) != Some(MACHINE_X86_64) {
        return Err(broken("it is not for x86-64"));
    }
    let offset = field::<8>(image, 32).map(u64::from_le_bytes);
    let entry_size = field::<2>(image, 54).map(u16::from_le_bytes);
    let count = field::<2>(image, 56).map(u16::from_le_bytes);
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
            let kind = u32::from_le_bytes(field(header, 0)?);
            let word = |at| field(header, at).map(u64::from_le_bytes);
            let segment = Segment {
                address: word(24)?,
                file_size: word(32)?,
                memory_size: word(40)?,
            };
            (kind == PT_LOAD).then_some(segment)
        });
    Ok(all.collect())
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

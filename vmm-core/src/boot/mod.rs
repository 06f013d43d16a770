//! Putting a program and its parameters into guest memory.
//!
//! Two formats, told apart by their first bytes:
//!
//! - **ELF64 with a PVH note** (Linux' `vmlinux`, many small kernels): segments
//!   go to their physical addresses, and the first CPU starts at the address
//!   that the note gives.
//! - **flat binary**, anything else: goes to [`FLAT_ADDRESS`] and is started at
//!   its first byte.
//!
//! Both start in the same state, that of the PVH protocol: 32-bit protected
//! mode, paging and interrupts off, flat segments, `ebx` = physical address of
//! `hvm_start_info` with the command line, the memory map and the RAM disk.
//! There is no stack, and no descriptor table behind the segments.

mod elf;
mod pvh;

use std::fs;
use std::sync::Arc;

use crate::machine::{BootConfig, GuestRam, Image, MachineError, RamError};

/// Where a flat binary goes and starts.
pub const FLAT_ADDRESS: u64 = 1 << 20;

/// Why a guest cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// The file is empty.
    #[error("the kernel is empty")]
    Empty,
    /// The file does not fit.
    #[error(
        "the kernel ({size} bytes at {address:#x}) does not fit into {ram} bytes of memory: use a larger -m"
    )]
    TooLarge {
        /// Bytes of the file or segment.
        size: u64,
        /// Where it goes.
        address: u64,
        /// Bytes of memory.
        ram: u64,
    },
    /// The ELF file is broken.
    #[error("the kernel is a broken ELF file: {0}")]
    Elf(String),
    /// The ELF file has no entry that can be used.
    #[error("the kernel has no PVH entry: build it with CONFIG_PVH=y, or use a flat binary")]
    NoEntry,
    /// A segment lies where the start parameters go.
    #[error(
        "the kernel's segment at {address:#x} lies in the first megabyte, where the start parameters go: link it to {FLAT_ADDRESS:#x} or above"
    )]
    LowSegment {
        /// The segment's address.
        address: u64,
    },
    /// A compressed Linux kernel.
    #[error("the kernel is a bzImage: use the uncompressed vmlinux of the same build")]
    BzImage,
    /// The RAM disk does not fit.
    #[error("the initial RAM disk ({size} bytes) does not fit into memory: use a larger -m")]
    InitrdTooLarge {
        /// Bytes of the file.
        size: u64,
    },
    /// The command line does not fit or cannot be passed.
    #[error("the kernel command line is longer than {max} bytes or holds a zero byte", max = pvh::CMDLINE_MAX)]
    Cmdline,
    /// Memory cannot be written.
    #[error(transparent)]
    Ram(#[from] RamError),
}

/// Where the first CPU starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The first instruction, a physical address.
    pub address: u64,
    /// `hvm_start_info`, a physical address.
    pub start_info: u64,
}

/// A guest's image, ready to be put into memory any number of times: at
/// power-on and at every reset.
#[derive(Debug)]
pub struct Loader {
    kernel: Arc<[u8]>,
    initrd: Option<Arc<[u8]>>,
    cmdline: String,
}

impl Loader {
    /// Reads the files that `config` names.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn new(config: &BootConfig) -> Result<Self, MachineError> {
        Ok(Self {
            kernel: read(&config.kernel)?,
            initrd: config.initrd.as_ref().map(read).transpose()?,
            cmdline: config.cmdline.clone(),
        })
    }

    /// Puts the image and its parameters into `ram`; the guest is told that ACPI
    /// tables begin at `rsdp`.
    ///
    /// # Errors
    /// The image is broken or does not fit; `ram` may hold part of it then.
    pub fn load(&self, ram: &GuestRam, rsdp: u64) -> Result<Entry, BootError> {
        let (address, end) = if elf::is_elf(&self.kernel) {
            elf::load(&self.kernel, ram)?
        } else {
            load_flat(&self.kernel, ram)?
        };
        let initrd = self
            .initrd
            .as_deref()
            .map(|image| load_initrd(image, end, ram))
            .transpose()?;
        let start_info = pvh::write(ram, &self.cmdline, initrd, rsdp)?;
        Ok(Entry {
            address,
            start_info,
        })
    }
}

fn read(image: &Image) -> Result<Arc<[u8]>, MachineError> {
    match image {
        Image::Bytes(bytes) => Ok(Arc::clone(bytes)),
        Image::File(path) => fs::read(path)
            .map(Arc::from)
            .map_err(|error| MachineError::Image {
                path: path.clone(),
                error,
            }),
    }
}

/// Entry and end of the image.
fn load_flat(image: &[u8], ram: &GuestRam) -> Result<(u64, u64), BootError> {
    if image.is_empty() {
        return Err(BootError::Empty);
    }
    if image.get(0x202..0x206) == Some(b"HdrS") {
        return Err(BootError::BzImage);
    }
    let size = image.len() as u64;
    ram.write(FLAT_ADDRESS, image)
        .map_err(|_| BootError::TooLarge {
            size,
            address: FLAT_ADDRESS,
            ram: ram.size(),
        })?;
    Ok((FLAT_ADDRESS, FLAT_ADDRESS + size))
}

/// Puts the RAM disk at the top of low memory, above `kernel_end`; address and
/// size.
fn load_initrd(image: &[u8], kernel_end: u64, ram: &GuestRam) -> Result<(u64, u64), BootError> {
    let size = image.len() as u64;
    let too_large = BootError::InitrdTooLarge { size };
    let address = ram
        .low_size()
        .checked_sub(size)
        .map(|address| address & !0xfff);
    match address {
        Some(address) if address >= kernel_end => {
            ram.write(address, image)?;
            Ok((address, size))
        }
        _ => Err(too_large),
    }
}

//! Putting a program and its parameters into guest memory.
//!
//! The formats are told apart by what is in the file:
//!
//! - **ELF64 with a PVH note** (Linux' `vmlinux`, many small kernels): segments
//!   go to their physical addresses, and the first CPU starts at the address
//!   that the note gives, as the PVH protocol has it.
//! - **ELF64 without one** (`vmlinux` built without `CONFIG_PVH`): the same, but
//!   started at the file's entry point in 64-bit mode, as Linux' boot protocol
//!   has it.
//! - **bzImage**: goes to [`FLAT_ADDRESS`] without its real-mode part and is
//!   started at its 64-bit entry, or at its 32-bit one if it has no other.
//! - **flat binary**, anything else: goes to [`FLAT_ADDRESS`] and is started at
//!   its first byte, as the PVH protocol has it.
//!
//! PVH: 32-bit protected mode, paging and interrupts off, flat segments, `ebx` =
//! physical address of `hvm_start_info` with the command line, the memory map
//! and the RAM disk. There is no stack, and no descriptor table behind the
//! segments. Linux: `rsi` = physical address of the zero page with the same, flat
//! segments from a descriptor table, and in 64-bit mode page tables that map
//! the first 4 GiB one to one.

mod bzimage;
mod elf;
mod error;
mod flat;
mod initrd;
mod kernel;
mod linux;
mod params;
mod pvh;

use std::fs;
use std::sync::Arc;

pub use error::{BootError, BootProblem};

use crate::machine::{BootConfig, GuestRam, Image, MachineError};
use kernel::{Kernel, Protocol};

/// Where a flat binary goes and starts.
pub const FLAT_ADDRESS: u64 = 1 << 20;

/// Where the command line goes.
const CMDLINE: u64 = 0x20000;
/// The longest command line that there is room for, without its final zero byte.
const CMDLINE_MAX: usize = 0xffff;

/// Where the first CPU starts, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The first instruction, a physical address.
    pub address: u64,
    /// The parameters, a physical address: `hvm_start_info` or the zero page.
    pub parameters: u64,
    /// The state of the CPU.
    pub mode: EntryMode,
}

/// The state in which the first CPU starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryMode {
    /// That of the PVH protocol: 32 bits, the parameters in `ebx`.
    Pvh,
    /// That of Linux' boot protocol, the parameters in `rsi`.
    Linux {
        /// Physical address of the segment descriptors.
        gdt: u64,
        /// Bytes of them.
        gdt_size: u16,
        /// Physical address of the page tables of a CPU in 64-bit mode; 32 bits
        /// without.
        page_table: Option<u64>,
    },
}

/// A guest's image, ready to be put into memory any number of times: at
/// power-on and at every reset.
#[derive(Debug)]
pub struct Loader {
    kernel: File,
    initrd: Option<File>,
    cmdline: String,
}

/// What a file holds, and what messages call it.
#[derive(Debug)]
struct File {
    what: String,
    bytes: Arc<[u8]>,
}

impl Loader {
    /// Reads the files that `config` names.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn new(config: &BootConfig) -> Result<Self, MachineError> {
        let initrd = config.initrd.as_ref();
        Ok(Self {
            kernel: read("kernel", &config.kernel)?,
            initrd: initrd
                .map(|image| read("initial RAM disk", image))
                .transpose()?,
            cmdline: config.cmdline.clone(),
        })
    }

    /// Puts the image and its parameters into `ram`; the guest is told that ACPI
    /// tables begin at `rsdp`.
    ///
    /// # Errors
    /// The image is broken or does not fit; `ram` may hold part of it then.
    pub fn load(&self, ram: &GuestRam, rsdp: u64) -> Result<Entry, BootError> {
        self.load_with(ram, rsdp, "")
    }

    /// The same, with `more` behind the command line.
    pub(crate) fn load_with(
        &self,
        ram: &GuestRam,
        rsdp: u64,
        more: &str,
    ) -> Result<Entry, BootError> {
        let kernel = kernel::load(&self.kernel.bytes, ram).map_err(in_file(&self.kernel.what))?;
        let cmdline = format!("{}{more}", self.cmdline);
        params::write_cmdline(ram, &cmdline, kernel.cmdline_max)
            .map_err(in_file("kernel command line"))?;
        let initrd = self.initrd.as_ref();
        let initrd = initrd
            .map(|file| initrd::load(&file.bytes, &kernel, ram).map_err(in_file(&file.what)))
            .transpose()?;
        parameters(ram, &kernel, initrd, rsdp).map_err(in_file("start parameters"))
    }
}

fn parameters(
    ram: &GuestRam,
    kernel: &Kernel,
    initrd: Option<(u64, u64)>,
    rsdp: u64,
) -> Result<Entry, BootProblem> {
    let (parameters, mode) = match kernel.protocol {
        Protocol::Pvh => (pvh::write(ram, initrd, rsdp)?, EntryMode::Pvh),
        Protocol::Linux { header, wide } => {
            let written = linux::write(ram, header, wide, initrd, rsdp)?;
            let mode = EntryMode::Linux {
                gdt: written.gdt,
                gdt_size: written.gdt_size,
                page_table: wide.then_some(written.page_table),
            };
            (written.zero_page, mode)
        }
    };
    Ok(Entry {
        address: kernel.address,
        parameters,
        mode,
    })
}

fn in_file(what: &str) -> impl FnOnce(BootProblem) -> BootError {
    let what = what.to_owned();
    |problem| BootError { what, problem }
}

fn read(what: &str, image: &Image) -> Result<File, MachineError> {
    let (what, bytes) = match image {
        Image::Bytes(bytes) => (what.to_owned(), Arc::clone(bytes)),
        Image::File(path) => {
            let bytes = fs::read(path).map_err(|error| MachineError::Image {
                path: path.clone(),
                error,
            })?;
            (format!("{what} '{}'", path.display()), Arc::from(bytes))
        }
    };
    Ok(File { what, bytes })
}

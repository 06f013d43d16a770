//! Why a guest cannot be started.

use super::FLAT_ADDRESS;
use crate::machine::RamError;

/// Which file cannot be loaded, what is wrong with it, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {problem}")]
pub struct BootError {
    /// What was being loaded, with its path if it has one.
    pub what: String,
    /// What is wrong.
    #[source]
    pub problem: BootProblem,
}

/// What is wrong with an image or with what goes with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootProblem {
    /// Nothing is in the file.
    #[error("the file is empty")]
    Empty,
    /// The file does not fit.
    #[error(
        "it needs {size} bytes at {address:#x}, the guest has {ram} bytes of memory: use a larger -m"
    )]
    TooLarge {
        /// Bytes of memory that are needed.
        size: u64,
        /// Where they begin.
        address: u64,
        /// Bytes of memory.
        ram: u64,
    },
    /// The file is shorter than it says.
    #[error(
        "the file has {size} bytes and says that it has {expected}: it is cut off, get it again"
    )]
    CutOff {
        /// Its length in bytes.
        size: u64,
        /// What it should be, at least.
        expected: u64,
    },
    /// The ELF file is broken.
    #[error("it is a broken ELF file: {0}")]
    Elf(String),
    /// The ELF file is a program for an operating system.
    #[error(
        "it is a program for an operating system, not a kernel: use a vmlinux, a bzImage, \
             an ELF file with a PVH entry or a flat binary"
    )]
    Program,
    /// Execution would start outside what the file puts into memory.
    #[error("its entry point {address:#x} is not in what is loaded: link it again")]
    EntryOutside {
        /// The entry point.
        address: u64,
    },
    /// A segment lies where the start parameters go.
    #[error(
        "its segment at {address:#x} lies in the first megabyte, where the start parameters go: \
         link it to {FLAT_ADDRESS:#x} or above"
    )]
    LowSegment {
        /// The segment's address.
        address: u64,
    },
    /// The setup header of a bzImage does not make sense.
    #[error("it is a broken bzImage: {0}")]
    BzImage(String),
    /// A kernel of the old kind, for the first megabyte.
    #[error("it is a zImage, which is loaded into the first megabyte: build a bzImage")]
    ZImage,
    /// A file that has to be unpacked first.
    #[error("it is compressed with {0}: unpack it first")]
    Compressed(&'static str),
    /// A program for firmware.
    #[error("it is an EFI program without a Linux setup header: there is no EFI firmware here")]
    Efi,
    /// The RAM disk does not fit.
    #[error(
        "its {size} bytes do not fit between the kernel's end at {start:#x} and {end:#x}: \
         use a larger -m or a smaller file"
    )]
    InitrdTooLarge {
        /// Bytes of the file.
        size: u64,
        /// The first address that is free.
        start: u64,
        /// The last one that the kernel can reach, plus one.
        end: u64,
    },
    /// The command line is too long.
    #[error("it has {length} bytes, this kernel takes {max}: use a shorter -append")]
    CmdlineTooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit.
        max: usize,
    },
    /// The command line ends early.
    #[error("it holds a zero byte, where it would end: leave that out")]
    CmdlineZero,
    /// Memory cannot be written.
    #[error("{0}: use a larger -m")]
    Ram(#[from] RamError),
}

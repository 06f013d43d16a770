//! The real thing.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::sync;
use rustix::io::Errno;
use rustix::ioctl::{IntegerSetter, Opcode, Updater, ioctl, opcode};
use rustix::system::{RebootCommand, reboot};

use super::{System, Trimmed};

/// `FIFREEZE` of `linux/fs.h`.
const FREEZE: Opcode = opcode::read_write::<u32>(b'X', 119);
/// `FITHAW`.
const THAW: Opcode = opcode::read_write::<u32>(b'X', 120);
/// `FITRIM`.
const TRIM: Opcode = opcode::read_write::<Range>(b'X', 121);

/// `struct fstrim_range`: a part of a file system, all in bytes.
#[repr(C)]
struct Range {
    start: u64,
    /// Its length; afterwards, how much was trimmed.
    length: u64,
    /// The smallest free range to look at.
    minimum: u64,
}

/// This machine.
#[derive(Debug, Clone)]
pub struct Linux {
    mounts: PathBuf,
}

impl Default for Linux {
    fn default() -> Self {
        Linux {
            mounts: "/proc/self/mountinfo".into(),
        }
    }
}

impl Linux {
    /// This machine, of whose file systems only those that a file lists are there; the file is laid out as
    /// `/proc/self/mountinfo`.
    pub fn with_mounts(file: impl Into<PathBuf>) -> Self {
        Linux {
            mounts: file.into(),
        }
    }
}

impl System for Linux {
    fn mounts(&self) -> io::Result<String> {
        fs::read_to_string(&self.mounts)
    }

    #[expect(unsafe_code, reason = "rustix has no such request")]
    fn freeze(&self, folder: &Path) -> io::Result<()> {
        // SAFETY: FIFREEZE takes a number, which it does not look at.
        let request = unsafe { IntegerSetter::<FREEZE>::new_usize(0) };
        // SAFETY: as above; it changes no memory of this process.
        Ok(unsafe { ioctl(File::open(folder)?, request) }?)
    }

    #[expect(unsafe_code, reason = "rustix has no such request")]
    fn thaw(&self, folder: &Path) -> io::Result<()> {
        // SAFETY: FITHAW takes a number, which it does not look at.
        let request = unsafe { IntegerSetter::<THAW>::new_usize(0) };
        // SAFETY: as above; it changes no memory of this process.
        Ok(unsafe { ioctl(File::open(folder)?, request) }?)
    }

    #[expect(unsafe_code, reason = "rustix has no such request")]
    fn trim(&self, folder: &Path, minimum: u64) -> io::Result<Trimmed> {
        let mut range = Range {
            start: 0,
            length: u64::MAX,
            minimum,
        };
        let folder = File::open(folder)?;
        // SAFETY: FITRIM reads and writes a `struct fstrim_range`, which `Range` is.
        let request = unsafe { Updater::<TRIM, Range>::new(&mut range) };
        // SAFETY: as above; the range lives until the call is over.
        match unsafe { ioctl(&folder, request) } {
            Ok(()) => Ok(Trimmed {
                bytes: range.length,
                minimum: range.minimum,
            }),
            // A file system without it does not know the request.
            Err(Errno::NOTTY) => Err(Errno::OPNOTSUPP.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> io::Result<bool> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command.status()?.success())
    }

    fn sleep_states(&self) -> io::Result<String> {
        fs::read_to_string("/sys/power/state")
    }

    fn sleep(&self, state: &str) -> io::Result<()> {
        fs::write("/sys/power/state", state)
    }

    fn end(&self, how: RebootCommand) -> io::Result<()> {
        sync();
        Ok(reboot(how)?)
    }
}

//! What changes the machine as a whole.

mod dry_run;
mod linux;

use std::io;
use std::path::Path;

pub use dry_run::DryRun;
pub use linux::Linux;

/// What trimming a file system gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trimmed {
    /// How many bytes were given back.
    pub bytes: u64,
    /// The smallest free range that was looked at, in bytes.
    pub minimum: u64,
}

/// The operations that change the machine as a whole, and what they need to know.
pub trait System: Send + Sync {
    /// The mounted file systems, laid out as `/proc/self/mountinfo`.
    ///
    /// # Errors
    /// It cannot be read.
    fn mounts(&self) -> io::Result<String>;

    /// Writes out and freezes the file system that this folder belongs to.
    ///
    /// # Errors
    /// `ResourceBusy` if it is frozen, `Unsupported` if it cannot be, any other if that went wrong.
    fn freeze(&self, folder: &Path) -> io::Result<()>;

    /// Takes back one freeze.
    ///
    /// # Errors
    /// It is not frozen, or that went wrong.
    fn thaw(&self, folder: &Path) -> io::Result<()>;

    /// Gives free ranges of at least so many bytes back to the disk.
    ///
    /// # Errors
    /// `Unsupported` if the file system or its disk has no use for that, any other if it went wrong.
    fn trim(&self, folder: &Path, minimum: u64) -> io::Result<Trimmed>;

    /// Runs a program, without a shell, and waits for its end; says whether it succeeded.
    ///
    /// # Errors
    /// It cannot be started; `NotFound` if it is not there.
    fn run(&self, program: &Path, arguments: &[&str]) -> io::Result<bool>;

    /// The ways to sleep that the kernel has, as `/sys/power/state` lists them.
    ///
    /// # Errors
    /// It has none.
    fn sleep_states(&self) -> io::Result<String>;

    /// Has the kernel sleep; returns when it is awake again.
    ///
    /// # Errors
    /// It does not.
    fn sleep(&self, state: &str) -> io::Result<()>;

    /// Has the kernel power off, reboot or halt at once, without the guest's programs being asked.
    ///
    /// # Errors
    /// It does not.
    fn end(&self, how: rustix::system::RebootCommand) -> io::Result<()>;
}

//! Going to the background.
//!
//! The process is doubled before it has a second thread. The one that was started stays until the
//! other says that its machine is ready, or ends without a word: whoever waits for it knows by its
//! exit code how the start went, and has seen on standard error why it failed.

use std::fs::{File, read_dir};
use std::io::{self, Read, Write};

use rustix::fs::Mode;
use rustix::process::{chdir, setsid, umask};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

/// Which of the two processes this is.
#[derive(Debug)]
pub(crate) enum Half {
    /// The one that was started, with its exit code: it has nothing more to do.
    Front(i32),
    /// The one that goes on.
    Background(Daemon),
}

/// A process in the background whose starter still waits.
#[derive(Debug)]
pub(crate) struct Daemon {
    starter: File,
}

/// Doubles the process; returns in both.
///
/// # Errors
/// The process has threads, which would be missing in the other one, or the host has no room.
pub(crate) fn split() -> io::Result<Half> {
    if read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("the process has several threads already"));
    }
    let (mut reader, writer) = io::pipe()?;
    if fork()? {
        drop(writer);
        let mut word = Vec::new();
        reader.read_to_end(&mut word)?;
        return Ok(Half::Front(i32::from(word.is_empty())));
    }
    drop(reader);
    setsid()?;
    if fork()? {
        end(); // a leader of a session could get a terminal
    }
    umask(Mode::from_raw_mode(0o027));
    let starter = File::from(std::os::fd::OwnedFd::from(writer));
    Ok(Half::Background(Daemon { starter }))
}

impl Daemon {
    /// Lets go of folder and terminal, and lets the starter end.
    ///
    /// # Errors
    /// There is no `/dev/null`.
    pub(crate) fn ready(mut self) -> io::Result<()> {
        chdir("/")?;
        let null = File::options().read(true).write(true).open("/dev/null")?;
        dup2_stdin(&null)?;
        dup2_stdout(&null)?;
        dup2_stderr(&null)?;
        // It may have been killed; that is no reason to end.
        let _ = self.starter.write_all(b"1");
        Ok(())
    }
}

/// Whether this is the older one of two processes.
#[expect(unsafe_code, reason = "no safe function doubles a process")]
fn fork() -> io::Result<bool> {
    // SAFETY: there is one thread, as the caller has seen, so no lock is held by another one that is
    // missing in the new process.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        child => Ok(child != 0),
    }
}

/// Ends this process and leaves everything to the one that it has made.
#[expect(unsafe_code, reason = "what is to be done at exit is the other one's")]
fn end() -> ! {
    // SAFETY: it ends the process.
    unsafe { libc::_exit(0) }
}

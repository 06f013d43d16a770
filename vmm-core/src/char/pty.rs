//! A pseudo-terminal.

use std::fs::File;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::link::Link;
use super::socket::set_nonblocking;
use super::{Backend, CharError, InputSink, reason};

/// How long it may take until somebody who opens the terminal is noticed.
const LOOK: Duration = Duration::from_millis(20);

/// A back end whose other end is a terminal that a program opens.
#[derive(Debug)]
pub struct Pty {
    link: Arc<Link>,
    path: String,
    symlink: Option<PathBuf>,
}

impl Pty {
    /// Opens one, in raw mode, and makes a symbolic link to it if that is wanted.
    ///
    /// # Errors
    /// The host has none left, or the link cannot be made.
    pub fn new(link_path: Option<&Path>) -> Result<Self, CharError> {
        let failed = |error: rustix::io::Errno| {
            CharError::Other(format!("Failed to create PTY: {}", reason(&error.into())))
        };
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).map_err(failed)?;
        grantpt(&master).map_err(failed)?;
        unlockpt(&master).map_err(failed)?;
        let path = ptsname(&master, Vec::new()).map_err(failed)?;
        let path = path.to_string_lossy().into_owned();
        let slave = ioctl_tiocgptpeer(&master, flags).map_err(failed)?;
        let mut mode = tcgetattr(&slave).map_err(failed)?;
        mode.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &mode).map_err(failed)?;
        drop(slave); // from now on a hang-up says that nobody is there
        set_nonblocking(&master).map_err(CharError::Thread)?;
        if let Some(at) = link_path {
            symlink(&path, at).map_err(|error| {
                CharError::Other(format!("Failed to create PTY symlink: {}", reason(&error)))
            })?;
        }
        let name = format!("pty:{path}");
        let master = File::from(master);
        let link = Link::spawn("chardev-pty", move |link| {
            loop {
                match link.wait(Some((&master, PollFlags::OUT)), None) {
                    None => return,
                    Some(seen) if seen.contains(PollFlags::HUP) || seen.is_empty() => {
                        if link.wait(None, Some(LOOK)).is_none() {
                            return;
                        }
                    }
                    Some(_) => {
                        if !link.serve(name.clone(), (&master, &master), |_| {}) {
                            return;
                        }
                    }
                }
            }
        })?;
        let symlink = link_path.map(Path::to_owned);
        Ok(Self {
            link,
            path,
            symlink,
        })
    }
}

impl Backend for Pty {
    fn kind(&self) -> &'static str {
        "pty"
    }

    fn filename(&self) -> String {
        format!("pty:{}", self.path)
    }

    fn pty(&self) -> Option<String> {
        Some(self.path.clone())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.link.write(bytes)
    }

    fn connect(&self, input: Option<InputSink>) {
        self.link.connect(input);
    }

    fn flush(&self) {
        self.link.flush();
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.link.close();
        if let Some(link) = &self.symlink {
            let _ = std::fs::remove_file(link); // somebody may have removed it
        }
    }
}

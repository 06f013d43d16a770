//! A device with a client at its other end: a virtio port, a serial line, a terminal.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fstat, open, stat};
use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr};

use crate::fd::Channel;

/// How long to wait for a client to come back. A virtio port that nobody has opened on the host reads as
/// one whose client has gone.
const BETWEEN_CLIENTS: Duration = Duration::from_millis(100);

/// A device, which stays open from client to client: the host sees it closed only when it really is.
#[derive(Debug)]
pub(super) struct Device {
    path: PathBuf,
    open: Option<Open>,
    /// How long to wait before a device that is not there is looked for again.
    retry: Option<Duration>,
}

#[derive(Debug)]
struct Open {
    fd: OwnedFd,
    is_terminal: bool,
}

impl Device {
    /// Opens a device; one that is not there is an error, unless it is to be tried again.
    pub(super) fn new(path: PathBuf, retry: Option<Duration>) -> io::Result<Self> {
        let mut device = Device {
            path,
            open: None,
            retry,
        };
        match device.reopen() {
            Err(error) if retry.is_none() => Err(error),
            _ => Ok(device),
        }
    }

    /// A channel for the next client. Opens the device anew where it is another one by now.
    pub(super) fn channel(&mut self) -> io::Result<Channel> {
        if self.open.as_ref().is_some_and(|open| self.has_gone(open)) {
            // Some devices can be open only once.
            self.open = None;
        }
        if self.open.is_none() {
            self.reopen()?;
        }
        let open = self.open.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(Channel::pair(open.fd.try_clone()?, open.fd.try_clone()?))
    }

    /// How long to wait before the next channel.
    pub(super) fn pause(&self) -> Duration {
        let retry = self.retry.filter(|_| self.open.is_none());
        retry.unwrap_or(BETWEEN_CLIENTS)
    }

    fn reopen(&mut self) -> io::Result<()> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = open(&self.path, flags, Mode::empty())?;
        let is_terminal = isatty(&fd);
        if is_terminal {
            // Bytes as they are: no echo, no lines, no signals.
            let mut attributes = tcgetattr(&fd)?;
            attributes.make_raw();
            tcsetattr(&fd, OptionalActions::Now, &attributes)?;
        }
        self.open = Some(Open { fd, is_terminal });
        Ok(())
    }

    /// Whether the device at the path is not the one that is open, or a terminal has hung up for good.
    fn has_gone(&self, open: &Open) -> bool {
        let (Ok(there), Ok(here)) = (stat(&self.path), fstat(&open.fd)) else {
            return true;
        };
        if (there.st_dev, there.st_ino, there.st_rdev) != (here.st_dev, here.st_ino, here.st_rdev) {
            return true;
        }
        let mut fds = [PollFd::new(&open.fd, PollFlags::empty())];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // A hang-up of a virtio port means only that the host's side is not open.
        open.is_terminal
            && poll(&mut fds, Some(&now)).is_ok()
            && fds[0].revents().contains(PollFlags::HUP)
    }
}

//! Where a dump is written to: a file, or a pipe or socket whose other end may take its time.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::DumpError;

/// What anything with room takes without making the writer wait: a page, as pipes do.
const ROOM: usize = 4096;

/// A descriptor that is waited for until the dump is cancelled.
pub(super) struct Output<'a> {
    file: &'a File,
    kind: FileType,
    cancelled: &'a OwnedFd,
}

impl<'a> Output<'a> {
    /// One that gives up once `cancelled` can be read.
    pub(super) fn new(file: &'a File, cancelled: &'a OwnedFd) -> Self {
        let kind = fstat(file).map(|stat| FileType::from_raw_mode(stat.st_mode));
        Self {
            file,
            kind: kind.unwrap_or(FileType::Unknown),
            cancelled,
        }
    }

    /// Writes all of `bytes`, which are `what`.
    ///
    /// # Errors
    /// The host refuses, or the dump is cancelled.
    pub(super) fn write_all(&self, mut bytes: &[u8], what: &'static str) -> Result<(), DumpError> {
        let fail = |error: io::Error| DumpError::Write { what, error };
        while !bytes.is_empty() {
            if self.wait().map_err(|error| fail(error.into()))? {
                return Err(DumpError::Cancelled);
            }
            match self.write(bytes) {
                Ok(0) => return Err(fail(io::ErrorKind::WriteZero.into())),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(fail(error.into())),
            }
        }
        Ok(())
    }

    /// Writes some of it, and does not wait.
    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match self.kind {
            FileType::RegularFile | FileType::BlockDevice => rustix::io::write(self.file, bytes),
            FileType::Socket => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                send(self.file, bytes, flags)
            }
            _ => rustix::io::write(self.file, bytes.get(..ROOM).unwrap_or(bytes)),
        }
    }

    /// Waits for room; whether the dump is cancelled.
    fn wait(&self) -> Result<bool, Errno> {
        let mut fds = [
            PollFd::new(self.cancelled, PollFlags::IN),
            PollFd::new(self.file, PollFlags::OUT),
        ];
        rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
        let [cancelled, _] = fds;
        Ok(!cancelled.revents().is_empty())
    }
}

//! Where a dump is written to: a file, or a pipe or socket whose other end may take its time.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, OFlags, SeekFrom, fcntl_getfl, fstat, ftruncate, seek};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use vm_memory::{VolatileMemoryError, VolatileSlice, WriteVolatile};

use super::DumpError;

/// What anything with room takes without making the writer wait: a page, as pipes do.
const ROOM: usize = 4096;

/// A descriptor that is waited for until the dump is cancelled.
pub(super) struct Output<'a> {
    file: &'a File,
    kind: FileType,
    /// What is left out reads as zeroes: there is nothing behind the position.
    is_sparse: bool,
    /// Bytes that were left out last.
    hole: u64,
    cancelled: &'a OwnedFd,
    /// What goes where memory cannot be written from.
    copy: Vec<u8>,
}

impl<'a> Output<'a> {
    /// One that gives up once `cancelled` can be read.
    pub(super) fn new(file: &'a File, cancelled: &'a OwnedFd) -> Self {
        let kind = fstat(file).map(|stat| FileType::from_raw_mode(stat.st_mode));
        let kind = kind.unwrap_or(FileType::Unknown);
        Self {
            file,
            kind,
            is_sparse: kind == FileType::RegularFile && is_at_the_end(file).unwrap_or(false),
            hole: 0,
            cancelled,
            copy: Vec::new(),
        }
    }

    /// Whether zeroes may be left out.
    pub(super) fn is_sparse(&self) -> bool {
        self.is_sparse
    }

    /// Leaves so many zeroes out; only if it is sparse.
    pub(super) fn leave_out(&mut self, length: usize) {
        self.hole += length as u64;
    }

    /// Goes to where the file goes on behind what was left out.
    fn pass_hole(&mut self) -> Result<(), Errno> {
        let hole = std::mem::take(&mut self.hole);
        if hole > 0 {
            let hole = i64::try_from(hole).map_err(|_| Errno::FBIG)?;
            seek(self.file, SeekFrom::Current(hole))?;
        }
        Ok(())
    }

    /// Goes to `offset` of the file, where `what` is to be written.
    ///
    /// # Errors
    /// There are no offsets in it.
    pub(super) fn go_to(&mut self, offset: u64, what: &'static str) -> Result<(), DumpError> {
        let gone = seek(self.file, SeekFrom::Start(offset));
        gone.map(drop).map_err(|error| fail(what, error.into()))
    }

    /// Ends the file behind what was left out last, which is `what`.
    ///
    /// # Errors
    /// The host refuses.
    pub(super) fn finish(mut self, what: &'static str) -> Result<(), DumpError> {
        if self.hole == 0 {
            return Ok(());
        }
        self.pass_hole()
            .and_then(|()| seek(self.file, SeekFrom::Current(0)))
            .and_then(|end| ftruncate(self.file, end))
            .map_err(|error| fail(what, error.into()))
    }

    /// Writes all of `bytes`, which are `what`.
    ///
    /// # Errors
    /// The host refuses, or the dump is cancelled.
    pub(super) fn write_all(
        &mut self,
        mut bytes: &[u8],
        what: &'static str,
    ) -> Result<(), DumpError> {
        self.pass_hole().map_err(|error| fail(what, error.into()))?;
        while !bytes.is_empty() {
            self.wait(what)?;
            match self.write(bytes) {
                Ok(0) => return Err(fail(what, io::ErrorKind::WriteZero.into())),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(fail(what, error.into())),
            }
        }
        Ok(())
    }

    /// Writes all of `memory`, which is `what`: straight out of it where the descriptor never makes us wait.
    ///
    /// # Errors
    /// The host refuses, or the dump is cancelled.
    pub(super) fn write_memory(
        &mut self,
        memory: &VolatileSlice<'_>,
        what: &'static str,
    ) -> Result<(), DumpError> {
        if !self.is_storage() {
            let mut copy = std::mem::take(&mut self.copy);
            copy.resize(memory.len(), 0);
            memory.copy_to(&mut copy[..]);
            let result = self.write_all(&copy, what);
            self.copy = copy;
            return result;
        }
        self.pass_hole().map_err(|error| fail(what, error.into()))?;
        self.wait(what)?;
        let mut file = self.file;
        file.write_all_volatile(memory)
            .map_err(|error| match error {
                VolatileMemoryError::IOError(error) => fail(what, error),
                error => fail(what, io::Error::other(error)),
            })
    }

    fn is_storage(&self) -> bool {
        matches!(self.kind, FileType::RegularFile | FileType::BlockDevice)
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

    /// Waits for room for `what`.
    fn wait(&self, what: &'static str) -> Result<(), DumpError> {
        let mut fds = [
            PollFd::new(self.cancelled, PollFlags::IN),
            PollFd::new(self.file, PollFlags::OUT),
        ];
        rustix::io::retry_on_intr(|| poll(&mut fds, None))
            .map_err(|error| fail(what, error.into()))?;
        let [cancelled, _] = fds;
        match cancelled.revents().is_empty() {
            true => Ok(()),
            false => Err(DumpError::Cancelled),
        }
    }
}

fn fail(what: &'static str, error: io::Error) -> DumpError {
    DumpError::Write { what, error }
}

/// Whether a file has nothing at its position or behind it, and is written to there.
fn is_at_the_end(file: &File) -> Result<bool, Errno> {
    let position = seek(file, SeekFrom::Current(0))?;
    let length = u64::try_from(fstat(file)?.st_size).map_err(|_| Errno::INVAL)?;
    Ok(position >= length && !fcntl_getfl(file)?.contains(OFlags::APPEND))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use rustix::event::{EventfdFlags, eventfd};
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

    use super::*;

    #[test]
    fn files_that_cannot_grow_are_errors_even_if_nothing_is_written() {
        let wake = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        for written_last in [false, true] {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            let mut file = File::from(memfd_create("dump", flags).unwrap());
            let mut output = Output::new(&file, &wake);
            assert!(output.is_sparse());
            output.write_all(b"head", "write").unwrap();
            output.leave_out(10_000);
            fcntl_add_seals(&file, SealFlags::GROW).unwrap();
            let result = match written_last {
                true => output.write_all(b"tail", "save"),
                false => output.finish("save"),
            };
            let error = result.unwrap_err().to_string();
            assert_eq!(error, "dump: failed to save: Operation not permitted");
            file.rewind().unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, b"head");
        }
    }

    #[test]
    fn file_ends_behind_its_last_hole() {
        let wake = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let mut output = Output::new(&file, &wake);
        output.leave_out(3);
        output.write_all(b"x", "write").unwrap();
        output.leave_out(2);
        output.leave_out(1);
        output.finish("write").unwrap();
        assert_eq!(file.stream_position().unwrap(), 7);
        file.rewind().unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"\0\0\0x\0\0\0");
    }
}

//! A file with a buffer for what is written, as `fopen()` gives it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::mode::Mode;

/// With this many bytes waiting, they are written.
const BUFFER_BYTES: usize = 4 << 10;

/// Where an offset is counted from.
#[derive(Debug, Clone, Copy)]
pub(super) enum From {
    Start,
    Here,
    End,
}

/// An open file.
#[derive(Debug)]
pub(super) struct Stream {
    file: File,
    writable: bool,
    /// What waits to be written.
    waiting: Vec<u8>,
}

impl Stream {
    /// Opens a file. A pipe without a writer, or a terminal, must not hang the agent: nothing blocks.
    pub(super) fn open(path: &str, mode: Mode) -> io::Result<Self> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(mode.read)
            .write(mode.write && !mode.append)
            .append(mode.append)
            .truncate(mode.truncate)
            .create(mode.truncate || mode.append)
            .custom_flags(flags.bits().cast_signed())
            .open(path)?;
        Ok(Stream {
            file,
            writable: mode.write,
            waiting: Vec::new(),
        })
    }

    /// Reads so many bytes, less at the end; says whether that was reached.
    pub(super) fn read(&mut self, count: u64) -> io::Result<(Vec<u8>, bool)> {
        self.flush()?;
        let mut bytes = Vec::new();
        let mut limited = (&self.file).take(count);
        match limited.read_to_end(&mut bytes) {
            Ok(_) => {}
            // What a pipe has now is better than nothing.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !bytes.is_empty() => {
                return Ok((bytes, false));
            }
            Err(error) => return Err(error),
        }
        let eof = (bytes.len() as u64) < count;
        Ok((bytes, eof))
    }

    /// Writes, or keeps in the buffer what is little.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.writable && !bytes.is_empty() {
            return Err(Errno::BADF.into());
        }
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() > BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Passes on what is in the buffer; what cannot be written is lost, and said to be once.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.file.write_all(&waiting)
    }

    /// Moves to another position, and says which it is.
    pub(super) fn seek(&mut self, offset: i64, from: From) -> io::Result<u64> {
        self.flush()?;
        let target = match from {
            From::Start => SeekFrom::Start(offset.try_into().map_err(|_| Errno::INVAL)?),
            From::Here => SeekFrom::Current(offset),
            From::End => SeekFrom::End(offset),
        };
        self.file.seek(target)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Nobody is there to be told.
        let _ = self.flush();
    }
}

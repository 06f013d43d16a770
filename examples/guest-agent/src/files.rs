//! Open files and their handles.

mod mode;
mod stream;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qmp_runtime::QmpError;

use crate::decode64;
use crate::errors::failed;
use crate::qga::types::{GuestFileRead, GuestFileSeek, GuestFileWhence, GuestFileWrite, QgaSeek};
use crate::state::State;
use stream::{From, Stream};

/// How many files can be open at once. The process needs some descriptors for itself, and has 1,024 as a rule.
const MAX_OPEN: usize = 512;
/// How many bytes are read if the client does not say.
const DEFAULT_READ: i64 = 4 << 10;
/// How many bytes can be read at once; with base64 on top it must fit into a client's memory, and ours.
const MAX_READ: i64 = 48 << 20;

/// The open files.
#[derive(Debug)]
pub(crate) struct Files {
    open: BTreeMap<i64, Stream>,
    next: i64,
    state: State,
}

impl Files {
    pub(crate) fn new(state: State) -> Self {
        Files {
            open: BTreeMap::new(),
            next: state.next_handle(),
            state,
        }
    }

    pub(crate) fn open(&mut self, path: &str, mode: Option<&str>) -> Result<i64, QmpError> {
        if self.open.len() >= MAX_OPEN {
            return Err(QmpError::generic(format!(
                "too many open files: {MAX_OPEN} are open, close some with guest-file-close"
            )));
        }
        let mode = mode.unwrap_or("r");
        let Some(parsed) = mode::parse(mode) else {
            let text = format!("invalid file open mode '{mode}'");
            return Err(QmpError::generic(text));
        };
        let what = format!("failed to open file '{path}' (mode: '{mode}')");
        let stream = failed(Stream::open(path, parsed), &what)?;
        let handle = self.next;
        self.next += 1;
        self.state.keep_handle(self.next);
        self.open.insert(handle, stream);
        Ok(handle)
    }

    fn get(&mut self, handle: i64) -> Result<&mut Stream, QmpError> {
        self.open.get_mut(&handle).ok_or_else(|| unknown(handle))
    }

    pub(crate) fn close(&mut self, handle: i64) -> Result<(), QmpError> {
        let mut stream = self.open.remove(&handle).ok_or_else(|| unknown(handle))?;
        failed(stream.flush(), "failed to close handle")
    }

    pub(crate) fn read(
        &mut self,
        handle: i64,
        count: Option<i64>,
    ) -> Result<GuestFileRead, QmpError> {
        let stream = self.get(handle)?;
        let count = count.unwrap_or(DEFAULT_READ);
        if !(0..=MAX_READ).contains(&count) {
            return Err(invalid_count(count));
        }
        let (bytes, eof) = failed(stream.read(count.unsigned_abs()), "failed to read file")?;
        Ok(GuestFileRead {
            count: length(&bytes),
            buf_b64: STANDARD.encode(bytes),
            eof,
        })
    }

    pub(crate) fn write(
        &mut self,
        handle: i64,
        text: &str,
        count: Option<i64>,
    ) -> Result<GuestFileWrite, QmpError> {
        let stream = self.get(handle)?;
        let mut bytes = decode64::decode(text)?;
        if let Some(count) = count {
            match usize::try_from(count) {
                Ok(count) if count <= bytes.len() => bytes.truncate(count),
                _ => return Err(invalid_count(count)),
            }
        }
        failed(stream.write(&bytes), "failed to write to file")?;
        Ok(GuestFileWrite {
            count: length(&bytes),
            eof: false,
        })
    }

    pub(crate) fn seek(
        &mut self,
        handle: i64,
        offset: i64,
        whence: &GuestFileWhence,
    ) -> Result<GuestFileSeek, QmpError> {
        let stream = self.get(handle)?;
        let from = match whence {
            GuestFileWhence::Value(0) | GuestFileWhence::Name(QgaSeek::Set) => From::Start,
            GuestFileWhence::Value(1) | GuestFileWhence::Name(QgaSeek::Cur) => From::Here,
            GuestFileWhence::Value(2) | GuestFileWhence::Name(QgaSeek::End) => From::End,
            GuestFileWhence::Value(number) => {
                return Err(QmpError::generic(format!("invalid whence code {number}")));
            }
            _ => return Err(QmpError::generic("invalid whence")),
        };
        let position = failed(stream.seek(offset, from), "failed to seek file")?;
        Ok(GuestFileSeek {
            position: i64::try_from(position).unwrap_or(i64::MAX),
            eof: false,
        })
    }

    pub(crate) fn flush(&mut self, handle: i64) -> Result<(), QmpError> {
        failed(self.get(handle)?.flush(), "failed to flush file")
    }
}

fn unknown(handle: i64) -> QmpError {
    QmpError::generic(format!("handle '{handle}' has not been found"))
}

fn invalid_count(count: i64) -> QmpError {
    QmpError::generic(format!("value '{count}' is invalid for argument count"))
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

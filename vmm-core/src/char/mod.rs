//! Character devices: where the bytes of serial ports and consoles go.
//!
//! A [`Chardev`] is a back end with a label; the [`Registry`] holds all of a
//! process's. A device that uses one holds a [`Frontend`].

mod null;
mod object;
mod registry;
mod ringbuf;
mod stream;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub use null::Null;
pub(crate) use object::TYPES;
pub use registry::{Chardev, Frontend, Registry};
pub use ringbuf::RingBuf;
pub use stream::Stream;

/// Takes bytes that came from outside, for the guest. It never blocks.
pub type InputSink = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// The outer end of a character device.
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// The kind's name, as in a `-chardev` option.
    fn kind(&self) -> &'static str;

    /// What the back end is connected to, in words.
    fn filename(&self) -> String {
        self.kind().to_owned()
    }

    /// Takes the guest's output. It must not block for long, as a vCPU waits,
    /// and not call the input sink: the device is locked meanwhile.
    ///
    /// # Errors
    /// The outer end is broken; the bytes are lost.
    fn write(&self, bytes: &[u8]) -> io::Result<()>;

    /// Connects the guest's input, or disconnects it.
    fn connect(&self, input: Option<InputSink>) {
        drop(input);
    }

    /// Waits until the output so far is out, or is not going to be soon.
    fn flush(&self) {}

    /// The ring buffer, if this is one.
    fn ring(&self) -> Option<&RingBuf> {
        None
    }
}

/// A back end to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendConfig {
    /// Drops output, has no input.
    Null,
    /// Standard output and input of the process.
    Stdio,
    /// Files (or pipes, or devices).
    File {
        /// Takes the output; made if missing.
        path: PathBuf,
        /// Gives the input.
        input: Option<PathBuf>,
        /// Whether to keep what the file holds.
        append: bool,
    },
    /// The last bytes, in memory.
    RingBuf {
        /// How many bytes: a power of two.
        size: usize,
    },
}

/// Why a character device cannot be made, used or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CharError {
    /// The label is taken.
    #[error("duplicate ID '{0}' for chardev")]
    Duplicate(String),
    /// There is none of this label.
    #[error("chardev '{0}' not found")]
    NotFound(String),
    /// A device uses it.
    #[error("chardev '{0}' is busy")]
    Busy(String),
    /// A ring buffer's size is no power of two, or too large.
    #[error("size of ringbuf chardev must be power of two, up to {} MiB", RingBuf::MAX_SIZE >> 20)]
    RingSize,
    /// A file cannot be opened.
    #[error("cannot open '{path}': {error}")]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The host refused a thread.
    #[error("cannot start a thread for a chardev: {0}")]
    Thread(io::Error),
}

impl BackendConfig {
    /// Makes the back end.
    ///
    /// # Errors
    /// A file cannot be opened, a size is wrong, or the host has no thread left.
    pub fn build(&self) -> Result<Arc<dyn Backend>, CharError> {
        Ok(match self {
            Self::Null => Arc::new(Null),
            Self::Stdio => Arc::new(Stream::stdio()?),
            Self::File {
                path,
                input,
                append,
            } => Arc::new(Stream::file(path, input.as_deref(), *append)?),
            Self::RingBuf { size } => Arc::new(RingBuf::new(*size)?),
        })
    }
}

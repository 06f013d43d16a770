//! Character devices: where the bytes of serial ports and consoles go.
//!
//! A [`Chardev`] is a back end with a label; the [`Registry`] holds all of a
//! process's. A device that uses one holds a [`Frontend`].

mod console;
mod hub;
mod inet;
mod link;
mod log;
mod mux;
mod null;
mod object;
mod pipe;
mod pty;
mod registry;
mod ringbuf;
mod socket;
mod stream;
mod telnet;
mod udp;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use console::restore as restore_console;
use hub::Hub;
pub use inet::InetAddress;
pub use log::LogConfig;
pub use null::Null;
pub(crate) use object::TYPES;
pub use pipe::Pipe;
pub use pty::Pty;
pub use registry::{Chardev, Frontend, Registry};
pub use ringbuf::RingBuf;
pub use socket::{Socket, SocketAddress, SocketConfig};
pub use stream::Stream;
pub use udp::Udp;

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

    /// The path of the terminal to open, if this is one.
    fn pty(&self) -> Option<String> {
        None
    }

    /// The ring buffer, if this is one.
    fn ring(&self) -> Option<RingBuf> {
        None
    }
}

/// A back end to be made.
#[derive(Debug, Clone)]
pub enum BackendConfig {
    /// Drops output, has no input.
    Null,
    /// Standard output and input of the process; a terminal there is raw meanwhile.
    Stdio {
        /// Whether Ctrl-C and the like on a terminal still end the process.
        signal: bool,
    },
    /// Files (or pipes, or devices).
    File {
        /// Takes the output; made if missing.
        path: PathBuf,
        /// Gives the input.
        input: Option<PathBuf>,
        /// Whether to keep what the file holds.
        append: bool,
    },
    /// A named pipe, or the pair `PATH.in` and `PATH.out`.
    Pipe {
        /// The path.
        path: PathBuf,
    },
    /// A stream socket.
    Socket(SocketConfig),
    /// Datagrams.
    Udp {
        /// Where they go.
        remote: InetAddress,
        /// Where they come in; any free port without it.
        local: Option<InetAddress>,
    },
    /// A pseudo-terminal.
    Pty {
        /// A symbolic link to make to it.
        link: Option<PathBuf>,
    },
    /// The last bytes, in memory.
    RingBuf {
        /// How many bytes: a power of two.
        size: usize,
    },
    /// The same under its old name.
    Memory {
        /// How many bytes: a power of two.
        size: usize,
    },
    /// Another character device, for several front ends.
    Mux {
        /// The label of the other one, which nobody uses yet.
        chardev: String,
    },
    /// Other character devices, all for one front end.
    Hub {
        /// Their labels; nobody uses them yet.
        chardevs: Vec<String>,
    },
}

/// Why a character device cannot be made, used or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CharError {
    /// The label is taken.
    #[error("Chardev with id '{0}' already exists")]
    Duplicate(String),
    /// There is none of this label.
    #[error("Chardev '{0}' not found")]
    NotFound(String),
    /// A device uses it.
    #[error("Chardev '{0}' is busy")]
    Busy(String),
    /// It has its front end already.
    #[error("chardev '{0}' is already in use")]
    InUse(String),
    /// A multiplexer has all the front ends that it can have.
    #[error("too many uses of multiplexed chardev '{0}' (maximum is 4)")]
    Crowded(String),
    /// A ring buffer's size is no power of two, or too large.
    #[error("size of ringbuf chardev must be power of two")]
    RingSize,
    /// A file cannot be opened.
    #[error("Could not open '{path}': {}", reason(error))]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// A log cannot be made.
    #[error("Could not create '{path}': {}", reason(error))]
    Log {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// It is made of others, or is to be.
    #[error("For mux or hub device hotswap is not supported yet")]
    Combined,
    /// Its user cannot go on with another back end.
    #[error("Chardev user does not support chardev hotswap")]
    Fixed,
    /// Standard input and output have one user.
    #[error("cannot use stdio by multiple character devices")]
    StdioTaken,
    /// What else can go wrong, in QEMU's words.
    #[error("{0}")]
    Other(String),
    /// The host refused a thread or a descriptor.
    #[error("cannot set up a chardev: {}", reason(.0))]
    Thread(io::Error),
}

impl BackendConfig {
    /// Makes the back end.
    ///
    /// # Errors
    /// A file cannot be opened, a size is wrong, or the host has no thread left.
    pub fn build(&self) -> Result<Arc<dyn Backend>, CharError> {
        self.build_with("", &Registry::new())
    }

    /// The same for this label, where files may be descriptors of the registry's sets.
    fn build_with(&self, label: &str, registry: &Registry) -> Result<Arc<dyn Backend>, CharError> {
        let sets = registry.descriptors();
        Ok(match self {
            Self::Null => Arc::new(Null),
            Self::Stdio { signal } => Arc::new(Stream::stdio(*signal)?),
            Self::File {
                path,
                input,
                append,
            } => Arc::new(Stream::file(path, input.as_deref(), *append, sets)?),
            Self::Pipe { path } => Arc::new(Pipe::new(path)?),
            Self::Socket(config) => Arc::new(Socket::new(config)?),
            Self::Udp { remote, local } => Arc::new(Udp::new(remote, local.as_ref())?),
            Self::Pty { link } => Arc::new(Pty::new(link.as_deref())?),
            Self::RingBuf { size } => Arc::new(RingBuf::new(*size)?),
            Self::Mux { chardev } => Arc::new(registry.make_mux(chardev)?),
            Self::Hub { chardevs } => Arc::new(Hub::new(registry, label, chardevs)?),
            Self::Memory { size } => Arc::new(RingBuf::new(*size)?.into_memory()),
        })
    }
}

impl BackendConfig {
    /// The kinds of back ends, by the names that QMP and the command line have for them.
    pub const KINDS: &'static [&'static str] = &[
        "file", "hub", "memory", "mux", "null", "pipe", "pty", "ringbuf", "socket", "stdio", "udp",
    ];
}

/// What the system says, without the number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

//! Disks: files with what guests read and write in them.
//!
//! A [`Node`] is an image or a layer of one, made with `-blockdev` or
//! `blockdev-add`, and named; the [`Graph`] has them all. `-drive` makes two at
//! once, and a [`Drive`] to them, which a device takes. A device that names a
//! node gets a drive of its own, without name.

mod aio;
mod config;
mod direct;
mod disk;
mod drive;
mod graph;
mod lock;
mod node;
mod statistics;

pub(crate) use aio::{Access, Aio};
pub use config::{DriveConfig, NodeConfig, NodeSource, Zeroes};
pub(crate) use direct::Buffer;
pub use disk::{Disk, NOTHING};
pub use drive::{Drive, IoStatus, Use};
pub use graph::Graph;
pub use node::Node;
pub use statistics::{Counted, Operation, Statistics};

/// Bytes of a sector, which requests are counted in.
pub const SECTOR: u64 = 512;

impl BlockError {
    /// What users may look at, in a line of its own.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Locked { path, .. } => {
                Some(format!("Is another process using the image [{path}]?"))
            }
            _ => None,
        }
    }
}

/// Why an image cannot be used; the words are QEMU's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The file cannot be opened.
    #[error("Could not open '{path}': {error}")]
    Open {
        /// Its path.
        path: String,
        /// What the host said.
        error: String,
    },
    /// The path leads to something else than a file.
    #[error("'file' driver requires '{0}' to be a regular file")]
    NotRegular(String),
    /// The path leads to something else than a block device.
    #[error("'host_device' driver requires '{0}' to be either a character or block device")]
    NotDevice(String),
    /// The file system has no way past the host's cache.
    #[error("Could not open '{0}': filesystem does not support O_DIRECT")]
    NotDirect(String),
    /// Accesses that go past the host's cache, and nobody said that they may.
    #[error("aio=native was specified, but it requires cache.direct=on, which was not specified.")]
    NeedsDirect,
    /// There is no such node.
    #[error("Failed to find node with node-name='{0}'")]
    NoNode(String),
    /// There is neither such a drive nor such a node.
    #[error("Cannot find device='{0}' nor node-name='{0}'")]
    NoDevice(String),
    /// A node has the name already.
    #[error("Duplicate nodes with node-name='{0}'")]
    Duplicate(String),
    /// A drive has the name already.
    #[error("Duplicate ID '{0}' for drive")]
    DuplicateDrive(String),
    /// A device uses the node.
    #[error("Node {0} is in use")]
    Used(String),
    /// Another node uses the node.
    #[error("Block device {0} is in use")]
    Layered(String),
    /// The node was made together with another.
    #[error("Node {0} is not owned by the monitor")]
    NotOwned(String),
    /// A name that nodes cannot have.
    #[error("Invalid node-name: '{0}'")]
    BadName(String),
    /// A name of more than 31 bytes.
    #[error("Node name too long")]
    LongName,
    /// The node is to be written to, and cannot.
    #[error("Block node is read-only")]
    ReadOnly,
    /// A node that users make needs a name.
    #[error("'node-name' must be specified for the root node")]
    Nameless,
    /// The rules of a node that makes errors cannot be read.
    #[error("Could not read blkdebug config file: {0}")]
    Rules(String),
    /// Another process uses the image in a way that does not go together.
    #[error("Failed to get {what} lock")]
    Locked {
        /// What is not to be had.
        what: String,
        /// The image.
        path: String,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Refused(String),
}

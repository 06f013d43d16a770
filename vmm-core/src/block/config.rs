//! What nodes and drives are made from.

use super::BlockError;
use crate::char::reason;

/// Where a node has its bytes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeSource {
    /// A file.
    File(String),
    /// A block device of the host.
    Device(String),
    /// A file or a block device, whichever is there.
    Image(String),
    /// So many bytes of nothing.
    Nothing(u64),
    /// A node that is there already.
    Named(String),
    /// A node that is made with it.
    Layer(Box<NodeConfig>),
}

/// What becomes of writes that are zeroes throughout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Zeroes {
    /// They are written as any others.
    #[default]
    Written,
    /// The file system makes the zeroes, and keeps the space.
    Made,
    /// The same, and the space may go where space that is given back does.
    Unmapped,
}

/// A node to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// Its name; one is made up without it.
    pub name: Option<String>,
    /// Where it has its bytes from.
    pub source: NodeSource,
    /// What it is if it is a layer for errors: the file with the rules for them,
    /// of which there can be none.
    pub debug: Option<Option<String>>,
    /// Whether it cannot be written to.
    pub read_only: bool,
    /// Whether it may be read-only if the file cannot be written to.
    pub auto_read_only: bool,
    /// Whether space that is given back is given to the host.
    pub unmap: bool,
    /// Whether nothing needs to be on stable storage, ever.
    pub no_flush: bool,
    /// Whether the host's cache is passed by.
    pub direct: bool,
    /// What becomes of writes that are zeroes throughout.
    pub zeroes: Zeroes,
    /// Whether other processes are told what is done with the file, by locks.
    pub locking: bool,
}

impl NodeConfig {
    /// A node without name that can be written to.
    #[must_use]
    pub fn new(source: NodeSource) -> Self {
        Self {
            name: None,
            source,
            debug: None,
            read_only: false,
            auto_read_only: false,
            unmap: false,
            no_flush: false,
            direct: false,
            zeroes: Zeroes::default(),
            locking: true,
        }
    }
}

impl NodeConfig {
    /// Reads the rules of layers for errors, to the end of the file.
    pub(super) fn check_rules(&self) -> Result<(), BlockError> {
        if let NodeSource::Layer(layer) = &self.source {
            layer.check_rules()?;
        }
        let Some(Some(path)) = &self.debug else {
            return Ok(());
        };
        let rules = std::fs::read(path).map_err(|error| BlockError::Rules(reason(&error)))?;
        let mut lines = rules.split(|byte| *byte == b'\n');
        let is_rule = |line: &[u8]| {
            let first = line.iter().find(|byte| !byte.is_ascii_whitespace());
            first.is_some_and(|first| *first != b'#')
        };
        match lines.any(is_rule) {
            true => Err(BlockError::Refused(
                "there are no rules for errors here; blkdebug passes everything on".to_owned(),
            )),
            false => Ok(()),
        }
    }
}

/// A drive to be made, with the nodes that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriveConfig {
    /// Its name.
    pub id: String,
    /// The image; an empty drive has none.
    pub image: Option<NodeConfig>,
    /// Whether writes need not be on stable storage at once.
    pub write_back: bool,
}

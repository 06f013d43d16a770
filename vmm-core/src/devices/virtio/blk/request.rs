//! What a guest asks a disk to do, and what becomes of errors.

use std::io;

use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_IN,
    VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_WRITE_ZEROES,
};

use super::super::queue::{Chain, Malformed};
use crate::block::Operation;
use crate::devices::DiskErrorAction;

/// The only flag of a segment: its space may go.
const UNMAP: u32 = 1;
const SEGMENT: u64 = 16;

/// A request, without the bytes that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Read {
        sector: u64,
    },
    Write {
        sector: u64,
    },
    Flush,
    GetId,
    /// Gives space back, or makes zeroes; without a segment it is none that
    /// this device knows.
    Discard {
        segment: Option<Segment>,
        is_zeroes: bool,
    },
    Unknown,
}

/// A range of sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) sector: u64,
    pub(super) sectors: u32,
    flags: u32,
}

impl Segment {
    pub(super) fn is_sane(&self, is_zeroes: bool) -> bool {
        let known = if is_zeroes { UNMAP } else { 0 };
        self.flags & !known == 0
    }

    pub(super) fn may_unmap(&self) -> bool {
        self.flags & UNMAP != 0
    }
}

impl Request {
    /// Bytes in front of what is to be written.
    pub(super) const HEADER: u64 = 16;

    /// What it is counted as.
    pub(super) fn operation(&self) -> Operation {
        match self {
            Self::Write { .. } => Operation::Write,
            Self::Flush => Operation::Flush,
            Self::Discard { .. } => Operation::Unmap,
            Self::Read { .. } | Self::GetId | Self::Unknown => Operation::Read,
        }
    }

    /// Whether it may take much longer than moving bytes.
    pub(super) fn may_take_long(&self) -> bool {
        matches!(self, Self::Flush | Self::Discard { .. })
    }

    /// Reads what a chain begins with.
    pub(super) fn read(chain: &Chain) -> Result<Self, Malformed> {
        let mut header = [0; Self::HEADER as usize];
        if chain.read(0, &mut header) < header.len() || chain.writable() < 1 {
            return Err(Malformed::MISSING);
        }
        let [a, b, c, d, _, _, _, _, sector @ ..] = header;
        let sector = u64::from_le_bytes(sector);
        Ok(match u32::from_le_bytes([a, b, c, d]) {
            VIRTIO_BLK_T_IN => Self::Read { sector },
            VIRTIO_BLK_T_OUT => Self::Write { sector },
            VIRTIO_BLK_T_FLUSH => Self::Flush,
            VIRTIO_BLK_T_GET_ID => Self::GetId,
            kind @ (VIRTIO_BLK_T_DISCARD | VIRTIO_BLK_T_WRITE_ZEROES) => Self::Discard {
                segment: segment(chain),
                is_zeroes: kind == VIRTIO_BLK_T_WRITE_ZEROES,
            },
            _ => Self::Unknown,
        })
    }
}

/// The one segment that there may be.
fn segment(chain: &Chain) -> Option<Segment> {
    if chain.readable() != Request::HEADER + SEGMENT {
        return None;
    }
    let mut bytes = [0; SEGMENT as usize];
    chain.read(Request::HEADER, &mut bytes);
    let [a, b, c, d, e, f, g, h, i, j, k, l, flags @ ..] = bytes;
    Some(Segment {
        sector: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        sectors: u32::from_le_bytes([i, j, k, l]),
        flags: u32::from_le_bytes(flags),
    })
}

/// What becomes of errors of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Report,
    Ignore,
    Stop,
    /// Stops when the host's disk is full.
    StopWhenFull,
}

/// What becomes of one error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Report,
    Ignore,
    Stop,
}

impl From<Action> for DiskErrorAction {
    fn from(action: Action) -> Self {
        match action {
            Action::Report => Self::Report,
            Action::Ignore => Self::Ignore,
            Action::Stop => Self::Stop,
        }
    }
}

impl Policy {
    /// The policy that a property names.
    pub(super) fn new(name: &str, operation: Operation) -> Option<Self> {
        let reads = operation == Operation::Read;
        Some(match name {
            "report" => Self::Report,
            "ignore" => Self::Ignore,
            "stop" => Self::Stop,
            "auto" if reads => Self::Report,
            "enospc" | "auto" if !reads => Self::StopWhenFull,
            _ => return None,
        })
    }

    /// Whether there are errors that stop the machine.
    pub(super) fn may_stop(self) -> bool {
        matches!(self, Self::Stop | Self::StopWhenFull)
    }

    pub(super) fn action(self, error: &io::Error) -> Action {
        match self {
            Self::Report => Action::Report,
            Self::Ignore => Action::Ignore,
            Self::Stop => Action::Stop,
            Self::StopWhenFull => match error.raw_os_error() {
                Some(libc::ENOSPC) => Action::Stop,
                _ => Action::Report,
            },
        }
    }
}

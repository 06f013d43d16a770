//! What a guest can learn of a disk.

use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_CONFIG_WCE, VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_FLUSH,
    VIRTIO_BLK_F_GEOMETRY, VIRTIO_BLK_F_MQ, VIRTIO_BLK_F_RO, VIRTIO_BLK_F_SEG_MAX,
    VIRTIO_BLK_F_TOPOLOGY, VIRTIO_BLK_F_WRITE_ZEROES,
};

use crate::block::SECTOR;
use crate::qom::Properties;

/// Where the configuration says whether writes go through a cache.
pub(super) const WRITE_CACHE: u64 = 0x20;

/// Heads and sectors of a made-up geometry, and the cylinders that it can have.
const HEADS: u64 = 16;
const SECTORS: u64 = 63;
const CYLINDERS: (u64, u64) = (2, 16383);

/// What stays as it is.
#[derive(Debug)]
pub(super) struct Config {
    features: u64,
    segments: u32,
    logical: u64,
    physical: u64,
    smallest: u64,
    best: u64,
    queues: u16,
    most_discarded: u32,
    most_zeroed: u32,
    cylinders: u16,
}

impl Config {
    /// Bytes of it.
    pub(super) const SIZE: u64 = 0x39;

    pub(super) fn new(properties: &Properties, size: u64, queues: u64, read_only: bool) -> Self {
        let bit = |has: bool, number: u32| u64::from(has) << number;
        let features = bit(true, VIRTIO_BLK_F_SEG_MAX)
            | bit(true, VIRTIO_BLK_F_GEOMETRY)
            | bit(read_only, VIRTIO_BLK_F_RO)
            | bit(true, VIRTIO_BLK_F_BLK_SIZE)
            | bit(true, VIRTIO_BLK_F_FLUSH)
            | bit(true, VIRTIO_BLK_F_TOPOLOGY)
            | bit(properties.bool("config-wce"), VIRTIO_BLK_F_CONFIG_WCE)
            | bit(queues > 1, VIRTIO_BLK_F_MQ)
            | bit(properties.bool("discard"), VIRTIO_BLK_F_DISCARD)
            | bit(properties.bool("write-zeroes"), VIRTIO_BLK_F_WRITE_ZEROES);
        let or_sector = |name| match properties.u64(name) {
            0 => SECTOR,
            some => some,
        };
        let word = |name| u32::try_from(properties.u64(name)).unwrap_or(u32::MAX);
        let logical = or_sector("logical_block_size");
        let cylinders = size / SECTOR / (HEADS * SECTORS);
        let cylinders = cylinders.clamp(CYLINDERS.0, CYLINDERS.1);
        Self {
            features,
            segments: word("queue-size").saturating_sub(2), // header and status
            logical,
            physical: or_sector("physical_block_size").max(logical),
            smallest: properties.u64("min_io_size"),
            best: properties.u64("opt_io_size"),
            queues: u16::try_from(queues).unwrap_or(1),
            most_discarded: word("max-discard-sectors"),
            most_zeroed: word("max-write-zeroes-sectors"),
            cylinders: u16::try_from(cylinders).unwrap_or(u16::MAX),
        }
    }

    pub(super) fn features(&self) -> u64 {
        self.features
    }

    /// Bytes that requests begin and end at multiples of.
    pub(super) fn block_size(&self) -> u64 {
        self.logical
    }

    /// Bytes that the disk itself writes at once.
    pub(super) fn physical_size(&self) -> u64 {
        self.physical
    }

    /// The most sectors of a request that clears some.
    pub(super) fn most_sectors(&self, is_zeroes: bool) -> u32 {
        match is_zeroes {
            true => self.most_zeroed,
            false => self.most_discarded,
        }
    }

    /// The configuration as the guest sees it.
    pub(super) fn bytes(&self, size: u64, writes_back: bool) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::SIZE as usize);
        let low = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        let half = |value: u64| u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes();
        let blocks = self.logical / SECTOR;
        bytes.extend((size / self.logical * blocks).to_le_bytes());
        bytes.extend(0u32.to_le_bytes()); // no limit to a segment
        bytes.extend(self.segments.to_le_bytes());
        bytes.extend(self.cylinders.to_le_bytes());
        bytes.extend([HEADS as u8, SECTORS as u8]);
        bytes.extend(low(self.logical));
        bytes.push((self.physical / self.logical).ilog2() as u8);
        bytes.push(0); // the first block is aligned
        bytes.extend(half(self.smallest / self.logical));
        bytes.extend(low(self.best / self.logical));
        bytes.push(u8::from(writes_back));
        bytes.push(0);
        bytes.extend(self.queues.to_le_bytes());
        bytes.extend(self.most_discarded.to_le_bytes());
        bytes.extend(1u32.to_le_bytes()); // segments
        bytes.extend(low(blocks)); // alignment
        bytes.extend(self.most_zeroed.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        bytes.push(1); // zeroes may go
        bytes
    }
}

//! Guest memory: below the 4 GiB hole, and the rest above it.

use std::sync::Arc;

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

/// Where the hole for devices begins; RAM beyond this size goes above 4 GiB.
const HOLE_START: u64 = 3 << 30;
const HOLE_END: u64 = 4 << 30;
const PAGE: u64 = 4096;

/// Why guest memory cannot be had or accessed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RamError {
    /// The size is beyond what can be addressed.
    #[error("{size} bytes of guest memory are more than this host can address")]
    TooLarge {
        /// Bytes asked for.
        size: u64,
    },
    /// The host refused.
    #[error("cannot allocate {size} bytes of guest memory: {cause}")]
    Allocate {
        /// Bytes asked for.
        size: u64,
        /// What the host said.
        cause: String,
    },
    /// Some of the range is no memory.
    #[error("guest addresses {address:#x} + {size:#x} are not all memory")]
    NotRam {
        /// The first address.
        address: u64,
        /// Number of bytes.
        size: u64,
    },
}

/// A guest's memory; clones share it. Reads and writes are volatile: they may
/// run beside the guest, and then see what it has written so far.
#[derive(Debug, Clone)]
pub struct GuestRam {
    mmap: Option<Arc<GuestMemoryMmap<()>>>,
    size: u64,
}

impl GuestRam {
    /// Zeroed memory of `size` bytes, rounded up to whole pages.
    ///
    /// # Errors
    /// The host cannot provide it.
    pub fn new(size: u64) -> Result<Self, RamError> {
        let size = size
            .checked_next_multiple_of(PAGE)
            .ok_or(RamError::TooLarge { size })?;
        if size == 0 {
            return Ok(Self { mmap: None, size });
        }
        if size > 1 << 46 {
            return Err(RamError::TooLarge { size });
        }
        let mut ranges = Vec::new();
        for (start, length) in Self::layout(size) {
            let length = usize::try_from(length).map_err(|_| RamError::TooLarge { size })?;
            ranges.push((GuestAddress(start), length));
        }
        let mmap = GuestMemoryMmap::from_ranges(&ranges).map_err(|error| RamError::Allocate {
            size,
            cause: error.to_string(),
        })?;
        Ok(Self {
            mmap: Some(Arc::new(mmap)),
            size,
        })
    }

    fn layout(size: u64) -> impl Iterator<Item = (u64, u64)> {
        let low = size.min(HOLE_START);
        [(0, low), (HOLE_END, size - low)]
            .into_iter()
            .filter(|(_, length)| *length > 0)
    }

    /// Bytes of memory.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Start and length of each range of memory.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        Self::layout(self.size)
    }

    /// Bytes of memory below the hole, starting at address 0.
    #[must_use]
    pub fn low_size(&self) -> u64 {
        self.size.min(HOLE_START)
    }

    pub(crate) fn mmap(&self) -> Option<&GuestMemoryMmap<()>> {
        self.mmap.as_deref()
    }

    /// Whether `size` bytes from `address` are all memory.
    #[must_use]
    pub fn contains(&self, address: u64, size: u64) -> bool {
        let Some(end) = address.checked_add(size) else {
            return false;
        };
        self.ranges()
            .any(|(start, length)| address >= start && end <= start + length)
    }

    /// Fills `bytes` from `address` on.
    ///
    /// # Errors
    /// Some of the range is no memory.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), RamError> {
        let error = RamError::NotRam {
            address,
            size: bytes.len() as u64,
        };
        let Some(mmap) = self.mmap() else {
            return Err(error);
        };
        mmap.read_slice(bytes, GuestAddress(address))
            .map_err(|_| error)
    }

    /// Puts `bytes` at `address`.
    ///
    /// # Errors
    /// Some of the range is no memory.
    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<(), RamError> {
        let error = RamError::NotRam {
            address,
            size: bytes.len() as u64,
        };
        if !self.contains(address, bytes.len() as u64) {
            return Err(error);
        }
        let Some(mmap) = self.mmap() else {
            return Err(error);
        };
        mmap.write_slice(bytes, GuestAddress(address))
            .map_err(|_| error)
    }

    /// Zeroes `size` bytes from `address` on.
    ///
    /// # Errors
    /// Some of the range is no memory.
    pub fn zero(&self, address: u64, size: u64) -> Result<(), RamError> {
        if !self.contains(address, size) {
            return Err(RamError::NotRam { address, size });
        }
        let zeroes = [0; 4096];
        let mut done = 0;
        while done < size {
            let chunk = (size - done).min(PAGE);
            let part = zeroes
                .get(..usize::try_from(chunk).unwrap_or(0))
                .unwrap_or(&zeroes);
            self.write(address + done, part)?;
            done += chunk;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_memory_is_one_range_from_zero() {
        let ram = GuestRam::new(5000).unwrap();
        assert_eq!(ram.size(), 8192);
        assert_eq!(ram.ranges().collect::<Vec<_>>(), [(0, 8192)]);
        ram.write(8190, &[1, 2]).unwrap();
        let mut bytes = [0; 3];
        ram.read(8189, &mut bytes).unwrap();
        assert_eq!(bytes, [0, 1, 2]);
    }

    #[test]
    fn large_memory_leaves_the_hole_out() {
        let ram = GuestRam::new(5 << 30).unwrap();
        assert_eq!(
            ram.ranges().collect::<Vec<_>>(),
            [(0, 3 << 30), (4 << 30, 2 << 30)]
        );
        assert!(!ram.contains((3 << 30) - 1, 2));
        assert!(ram.contains(4 << 30, 2 << 30));
        ram.write((6 << 30) - 1, &[7]).unwrap();
    }

    #[test]
    fn no_memory_has_no_address() {
        let ram = GuestRam::new(0).unwrap();
        assert!(ram.read(0, &mut [0]).is_err());
        assert!(ram.write(0, &[0]).is_err());
        assert_eq!(ram.ranges().count(), 0);
    }

    #[test]
    fn range_that_leaves_memory_is_refused_whole() {
        let ram = GuestRam::new(4096).unwrap();
        for (address, size) in [(4095, 2), (4096, 1), (u64::MAX, 1), (u64::MAX - 1, 4)] {
            assert!(
                ram.write(address, &vec![1; size]).is_err(),
                "{address:#x}+{size}"
            );
            assert!(
                ram.read(address, &mut vec![0; size]).is_err(),
                "{address:#x}+{size}"
            );
            assert!(
                ram.zero(address, size as u64).is_err(),
                "{address:#x}+{size}"
            );
        }
        let mut last = [0xff];
        ram.read(4095, &mut last).unwrap();
        assert_eq!(last, [0]);
        assert!(matches!(
            GuestRam::new(u64::MAX),
            Err(RamError::TooLarge { .. })
        ));
    }

    #[test]
    fn zeroing_covers_exactly_the_range() {
        let ram = GuestRam::new(16384).unwrap();
        ram.write(0, &[0xaa; 16384]).unwrap();
        ram.zero(100, 9000).unwrap();
        let mut bytes = [0; 16384];
        ram.read(0, &mut bytes).unwrap();
        assert!(
            bytes[..100]
                .iter()
                .chain(&bytes[9100..])
                .all(|byte| *byte == 0xaa)
        );
        assert!(bytes[100..9100].iter().all(|byte| *byte == 0));
    }
}

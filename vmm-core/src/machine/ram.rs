//! Guest memory: below the 4 GiB hole, the rest above it, and what is plugged
//! in later.

use std::sync::{Arc, PoisonError, RwLock};

use vm_memory::{
    Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion, GuestRegionMmap,
};

/// Where the hole for devices begins; RAM beyond this size goes above 4 GiB.
pub(crate) const HOLE_START: u64 = 3 << 30;
const HOLE_END: u64 = 4 << 30;
const PAGE: u64 = 4096;
const PLUG_ALIGNMENT: u64 = 1 << 30;

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
    /// Memory is there already.
    #[error("guest addresses {address:#x} + {size:#x} are taken")]
    Taken {
        /// The first address.
        address: u64,
        /// Number of bytes.
        size: u64,
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
    /// Replaced as a whole when memory comes or goes.
    memory: Arc<RwLock<Arc<GuestMemoryMmap<()>>>>,
    size: u64,
}

impl GuestRam {
    /// Zeroed memory of `size` bytes, rounded up to whole pages.
    ///
    /// # Errors
    /// The host cannot provide it.
    pub fn new(size: u64) -> Result<Self, RamError> {
        let ram = Self::without_memory(size)?;
        let size = ram.size;
        let mut ranges = Vec::new();
        for (start, length) in Self::layout(size) {
            let length = usize::try_from(length).map_err(|_| RamError::TooLarge { size })?;
            ranges.push((GuestAddress(start), length));
        }
        let memory = if ranges.is_empty() {
            GuestMemoryMmap::new()
        } else {
            GuestMemoryMmap::from_ranges(&ranges).map_err(|error| RamError::Allocate {
                size,
                cause: error.to_string(),
            })?
        };
        *ram.memory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(memory);
        Ok(ram)
    }

    /// The place for `size` bytes, rounded up to whole pages, without any
    /// memory yet: [`plug`](Self::plug) brings it.
    pub(crate) fn without_memory(size: u64) -> Result<Self, RamError> {
        let size = size
            .checked_next_multiple_of(PAGE)
            .filter(|size| *size <= 1 << 46)
            .ok_or(RamError::TooLarge { size })?;
        Ok(Self {
            memory: Arc::default(),
            size,
        })
    }

    /// Where the memory from `offset` on is that the machine is made with.
    pub(crate) fn boot_address(offset: u64) -> u64 {
        if offset < HOLE_START {
            offset
        } else {
            offset - HOLE_START + HOLE_END
        }
    }

    fn layout(size: u64) -> impl Iterator<Item = (u64, u64)> {
        let low = size.min(HOLE_START);
        [(0, low), (HOLE_END, size - low)]
            .into_iter()
            .filter(|(_, length)| *length > 0)
    }

    /// Bytes of memory that the machine was made with.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of memory that are there now.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ranges().map(|(_, length)| length).sum()
    }

    /// Start and length of each range of memory that the machine was made with.
    pub fn boot_ranges(&self) -> impl Iterator<Item = (u64, u64)> + use<> {
        Self::layout(self.size)
    }

    /// Start and length of each range of memory that is there now.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + use<> {
        let memory = self.memory();
        let ranges: Vec<_> = memory
            .iter()
            .map(|region| (region.start_addr().0, region.len()))
            .collect();
        ranges.into_iter()
    }

    /// Bytes of memory below the hole, starting at address 0.
    #[must_use]
    pub fn low_size(&self) -> u64 {
        self.size.min(HOLE_START)
    }

    /// Where memory can be plugged in: the first GiB border above all memory
    /// that the machine was made with, and above the hole.
    #[must_use]
    pub fn plug_base(&self) -> u64 {
        let end = Self::layout(self.size)
            .map(|(start, length)| start + length)
            .max();
        end.unwrap_or(0)
            .max(HOLE_END)
            .next_multiple_of(PLUG_ALIGNMENT)
    }

    /// The memory as it is now. What is unplugged later stays mapped for as
    /// long as this is held.
    pub(crate) fn memory(&self) -> Arc<GuestMemoryMmap<()>> {
        let memory = self.memory.read();
        Arc::clone(&memory.unwrap_or_else(PoisonError::into_inner))
    }

    /// The pieces of memory that are there now.
    pub(crate) fn regions(&self) -> Vec<Arc<GuestRegionMmap<()>>> {
        regions_of(&self.memory())
    }

    /// Adds memory.
    ///
    /// # Errors
    /// Other memory is there.
    pub(crate) fn plug(&self, region: &Arc<GuestRegionMmap<()>>) -> Result<(), RamError> {
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        let more = memory.insert_region(Arc::clone(region));
        *memory = Arc::new(more.map_err(|_| RamError::Taken {
            address: region.start_addr().0,
            size: region.len(),
        })?);
        Ok(())
    }

    /// Takes away what [`plug`](Self::plug) added.
    pub(crate) fn unplug(&self, region: &GuestRegionMmap<()>) {
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok((less, _)) = memory.remove_region(region.start_addr(), region.len()) {
            *memory = Arc::new(less);
        }
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
        self.memory()
            .read_slice(bytes, GuestAddress(address))
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
        self.memory()
            .write_slice(bytes, GuestAddress(address))
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

/// The pieces of `memory`, to be shared one by one.
pub(super) fn regions_of(memory: &GuestMemoryMmap<()>) -> Vec<Arc<GuestRegionMmap<()>>> {
    let places = memory
        .iter()
        .map(|region| (region.start_addr(), region.len()));
    let pieces = places.filter_map(|(start, length)| memory.remove_region(start, length).ok());
    pieces.map(|(_, region)| region).collect()
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
    fn memory_comes_and_goes() {
        let ram = GuestRam::new(8192).unwrap();
        let base = ram.plug_base();
        assert_eq!(base, 4 << 30);
        let region = GuestRegionMmap::from_range(GuestAddress(base), 4096, None).unwrap();
        let region = Arc::new(region);
        let before = ram.memory();
        ram.plug(&region).unwrap();
        assert!(matches!(ram.plug(&region), Err(RamError::Taken { .. })));
        ram.clone().write(base, &[7]).unwrap();
        assert_eq!(ram.ranges().collect::<Vec<_>>(), [(0, 8192), (base, 4096)]);
        assert_eq!(ram.boot_ranges().collect::<Vec<_>>(), [(0, 8192)]);
        assert_eq!(before.num_regions(), 1);
        ram.unplug(&region);
        ram.unplug(&region);
        assert!(!ram.contains(base, 1));
        assert_eq!(GuestRam::new(5 << 30).unwrap().plug_base(), 6 << 30);
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

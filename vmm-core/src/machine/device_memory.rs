//! Memory that belongs to a device, and that the guest reaches as its own.

use std::sync::{Arc, Mutex};

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use super::RamError;
use crate::sync::lock;

/// One range of it; clones share it. Accesses from here may run beside the
/// guest's, and then see what it has written so far.
#[derive(Debug, Clone)]
pub struct DeviceMemory {
    mmap: Arc<GuestMemoryMmap<()>>,
    address: u64,
    size: u64,
}

impl DeviceMemory {
    /// `size` zeroed bytes at the guest's physical `address`; whole pages.
    ///
    /// # Errors
    /// The host cannot provide them.
    pub fn new(address: u64, size: u64) -> Result<Self, RamError> {
        let length = usize::try_from(size).map_err(|_| RamError::TooLarge { size })?;
        let ranges = [(GuestAddress(address), length)];
        let mmap = GuestMemoryMmap::from_ranges(&ranges).map_err(|error| RamError::Allocate {
            size,
            cause: error.to_string(),
        })?;
        Ok(Self {
            mmap: Arc::new(mmap),
            address,
            size,
        })
    }

    /// Bytes of it.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills `bytes` from `offset` on; zeroes where the memory ends.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) {
        let at = GuestAddress(self.address.saturating_add(offset));
        let read = self.mmap.read(bytes, at).unwrap_or_default();
        bytes[read..].fill(0);
    }

    /// Puts `bytes` at `offset`, as far as there is memory.
    pub fn write(&self, offset: u64, bytes: &[u8]) {
        let at = GuestAddress(self.address.saturating_add(offset));
        let _ = self.mmap.write(bytes, at); // beyond its end there is nothing to write to
    }

    /// Zeroes the first `length` bytes.
    pub fn clear(&self, length: u64) {
        const CHUNK: [u8; 4096] = [0; 4096];
        let mut offset = 0;
        while offset < length.min(self.size) {
            let part = (length - offset).min(CHUNK.len() as u64);
            self.write(offset, &CHUNK[..usize::try_from(part).unwrap_or_default()]);
            offset += part;
        }
    }

    pub(crate) fn mmap(&self) -> &GuestMemoryMmap<()> {
        &self.mmap
    }
}

/// All of it in a machine; clones share it. It is mapped when the machine is
/// powered on.
#[derive(Debug, Clone, Default)]
pub struct DeviceMemories(Arc<Mutex<Vec<DeviceMemory>>>);

impl DeviceMemories {
    /// Adds a range.
    pub fn add(&self, memory: DeviceMemory) {
        lock(&self.0).push(memory);
    }

    /// All ranges so far.
    #[must_use]
    pub fn all(&self) -> Vec<DeviceMemory> {
        lock(&self.0).clone()
    }
}

//! Giving guest memory back to the host.

use std::io;

use vm_memory::{GuestAddress, GuestMemoryBackend, GuestMemoryRegion};

use super::{GuestRam, RamError};

impl GuestRam {
    /// Gives whole pages back to the host; what is read there afterwards is
    /// zeroes. The guest may run meanwhile.
    ///
    /// # Errors
    /// Some of the range is no memory, or the host refused.
    pub fn discard(&self, address: u64, size: u64) -> Result<(), RamError> {
        let error = || RamError::NotRam { address, size };
        let memory = self.memory();
        let mut at = address;
        let end = address.checked_add(size).ok_or_else(error)?;
        while at < end {
            let region = memory.find_region(GuestAddress(at)).ok_or_else(error)?;
            let start = at - region.start_addr().0;
            let length = (end - at).min(region.len() - start);
            let is_shared = region.flags() & libc::MAP_SHARED != 0;
            if let Some(file) = region.file_offset()
                && is_shared
            {
                punch(file.file(), file.start() + start, length).map_err(|_| error())?;
            }
            forget(region, start, length).map_err(|_| error())?;
            at += length;
        }
        Ok(())
    }
}

/// Makes a hole in a file that memory is from.
fn punch(file: &std::fs::File, start: u64, length: u64) -> io::Result<()> {
    use rustix::fs::FallocateFlags;
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(rustix::fs::fallocate(file, flags, start, length)?)
}

/// Forgets what is in private memory.
#[allow(unsafe_code, reason = "guest memory has no safe interface for this")]
fn forget(region: &impl GuestMemoryRegion, start: u64, length: u64) -> io::Result<()> {
    let failed = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let length = usize::try_from(length).map_err(|_| failed(()))?;
    let offset = vm_memory::MemoryRegionAddress(start);
    let slice = region.get_slice(offset, length).map_err(|_| failed(()))?;
    let guard = slice.ptr_guard_mut();
    // SAFETY: the range is a part of one mapping, which `region` keeps. Guest
    // memory is accessed by volatile reads and writes only, which find zeroes
    // afterwards as if another CPU had written them.
    let result = unsafe { libc::madvise(guard.as_ptr().cast(), length, libc::MADV_DONTNEED) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discarded_pages_are_zeroes_and_others_stay() {
        let ram = GuestRam::new(16384).unwrap();
        ram.write(0, &[0xaa; 16384]).unwrap();
        ram.discard(4096, 8192).unwrap();
        let mut bytes = [0; 16384];
        ram.read(0, &mut bytes).unwrap();
        let (first, rest) = bytes.split_at(4096);
        let (gone, last) = rest.split_at(8192);
        assert!(first.iter().chain(last).all(|byte| *byte == 0xaa));
        assert!(gone.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_is_no_memory_cannot_be_discarded() {
        let ram = GuestRam::new(8192).unwrap();
        for (address, size) in [(8192, 4096), (4096, 8192), (u64::MAX - 4095, 8192)] {
            assert!(ram.discard(address, size).is_err(), "{address:#x}+{size}");
        }
    }
}

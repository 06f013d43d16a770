//! What the host is told about memory.

use std::io;

use vm_memory::mmap::MmapRegion;

/// Tells the host something about all of a region. Only for advice that leaves
/// the contents as they are.
#[allow(unsafe_code, reason = "mappings have no safe interface for this")]
pub(super) fn advise(region: &MmapRegion, advice: libc::c_int) -> io::Result<()> {
    // SAFETY: the range is one mapping, which `region` keeps; none of the kinds
    // of advice that are given here changes what is read from it.
    let result = unsafe { libc::madvise(region.as_ptr().cast(), region.size(), advice) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

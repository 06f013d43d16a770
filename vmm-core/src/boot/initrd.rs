//! The initial RAM disk.

use super::error::BootProblem;
use super::kernel::Kernel;
use crate::machine::GuestRam;

const PAGE: u64 = 4096;

/// Puts `image` as high as `kernel` can reach it, at the start of a page;
/// address and size.
pub(super) fn load(
    image: &[u8],
    kernel: &Kernel,
    ram: &GuestRam,
) -> Result<(u64, u64), BootProblem> {
    let size = image.len() as u64;
    if size == 0 {
        return Err(BootProblem::Empty);
    }
    let end = ram.low_size().min(kernel.initrd_end);
    let start = kernel.end.checked_next_multiple_of(PAGE);
    let address = end.checked_sub(size).map(|address| address & !(PAGE - 1));
    match (start, address) {
        (Some(start), Some(address)) if address >= start => {
            ram.write(address, image)?;
            Ok((address, size))
        }
        _ => Err(BootProblem::InitrdTooLarge {
            size,
            start: kernel.end,
            end,
        }),
    }
}

//! Checksums of pages, taken twice.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion};

use super::{GuestRam, PAGE};

/// Fewer pages of a range of memory would say nothing.
const LEAST: u64 = 64;

/// Some pages and what was in them.
#[derive(Debug)]
pub(super) struct Samples {
    /// What is unplugged meanwhile stays mapped.
    memory: Arc<GuestMemoryMmap<()>>,
    /// Nobody outside can tell which pages it picks, or make another page of the same checksum.
    hasher: RandomState,
    sums: Vec<(GuestAddress, u64)>,
}

impl Samples {
    /// Picks pages, `per_gib` of them in each GiB; none if there is no memory, or it is not to go on: a large guest
    /// has many.
    pub(super) fn take(ram: &GuestRam, per_gib: u64, go_on: &dyn Fn() -> bool) -> Option<Self> {
        let mut samples = Self {
            memory: ram.memory(),
            hasher: RandomState::new(),
            sums: Vec::new(),
        };
        for region in samples.memory.iter() {
            let pages = region.len() / PAGE;
            let count =
                ((pages * PAGE).saturating_mul(per_gib) >> 30).clamp(LEAST.min(pages), pages);
            for index in 0..count {
                if !go_on() {
                    return None;
                }
                let page = samples.hasher.hash_one((region.start_addr().0, index)) % pages;
                let address = GuestAddress(region.start_addr().0 + page * PAGE);
                samples.sums.push((address, samples.sum(address)?));
            }
        }
        (!samples.sums.is_empty()).then_some(samples)
    }

    fn sum(&self, address: GuestAddress) -> Option<u64> {
        let mut page = [0; PAGE as usize];
        self.memory.read_slice(&mut page, address).ok()?;
        Some(self.hasher.hash_one(&page[..]))
    }

    /// How many of `bytes` have changed, going by the samples; none if it is not to go on.
    pub(super) fn share_of_changed(&self, bytes: u64, go_on: &dyn Fn() -> bool) -> Option<u64> {
        let mut changed: u64 = 0;
        for (address, sum) in &self.sums {
            if !go_on() {
                return None;
            }
            changed += u64::from(self.sum(*address) != Some(*sum));
        }
        let share = u128::from(bytes) * u128::from(changed) / self.sums.len().max(1) as u128;
        Some(u64::try_from(share).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_of_written_pages_is_estimated() {
        let ram = GuestRam::new(64 << 20).unwrap();
        let samples = Samples::take(&ram, 16384, &|| true).unwrap();
        assert_eq!(samples.sums.len(), 1024);
        assert_eq!(samples.share_of_changed(ram.total(), &|| true), Some(0));
        for page in (0..ram.size() / PAGE).step_by(4) {
            ram.write(page * PAGE + 123, b"other").unwrap();
        }
        let changed = samples.share_of_changed(ram.total(), &|| true).unwrap();
        // A quarter: 1,024 samples are within an eighth of the whole with all probability that counts.
        assert!((8 << 20..24 << 20).contains(&changed), "{changed}");
        assert_eq!(samples.share_of_changed(ram.total(), &|| false), None);
        assert!(Samples::take(&ram, 512, &|| false).is_none());
        assert!(Samples::take(&GuestRam::new(0).unwrap(), 512, &|| true).is_none());
    }
}

//! Which pages of guest memory are nothing but zeroes.
//!
//! Of memory that is only ours, the kernel tells which pages nobody has touched: those are not looked at, for a look
//! costs a page fault each.

use std::fs::File;
use std::os::unix::fs::FileExt;

use vm_memory::mmap::MmapRegion;
use vm_memory::{Bytes, VolatileSlice};

/// Bytes of a page.
pub(super) const PAGE: usize = 4096;
/// As many zero pages in a row stay zeroes in a file; fewer are not worth a system call.
const ROW: usize = 4 * PAGE;
/// Bytes of what the kernel says about a page.
const ENTRY: usize = 8;
/// The page is in memory, or on a swap device.
const TOUCHED: u64 = 1 << 63 | 1 << 62;

static ZEROES: [u8; PAGE] = [0; PAGE];

/// A piece of memory, all of which is of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) length: usize,
    pub(super) is_zero: bool,
}

/// Tells zero pages from others.
pub(super) struct Pages {
    /// The kernel's map of the pages of this process, if it lets us have it.
    map: Option<File>,
    entries: Vec<u8>,
}

impl Pages {
    pub(super) fn new() -> Self {
        let map = (rustix::param::page_size() == PAGE)
            .then(|| File::open("/proc/self/pagemap").ok())
            .flatten();
        Self {
            map,
            entries: Vec::new(),
        }
    }

    /// Whether each page of `memory` is zero; the first and the last one may be parts of pages. It is a part of
    /// `region`.
    pub(super) fn each(
        &mut self,
        region: &MmapRegion<()>,
        memory: &VolatileSlice<'_>,
        mut tell: impl FnMut(VolatileSlice<'_>, bool),
    ) {
        let start = memory.ptr_guard().as_ptr().addr();
        let is_known = is_anonymous(region) && self.look_up(start, memory.len());
        let mut done = 0;
        let mut entries = self.entries.chunks_exact(ENTRY);
        while done < memory.len() {
            let length = (PAGE - (start + done) % PAGE).min(memory.len() - done);
            let Ok(page) = memory.subslice(done, length) else {
                return; // it is inside
            };
            let entry = entries.next().filter(|_| is_known);
            let is_touched = entry.is_none_or(|entry| {
                let entry = entry.try_into().map_or(TOUCHED, u64::from_ne_bytes);
                entry & TOUCHED != 0
            });
            tell(page, !is_touched || is_zero(&page));
            done += length;
        }
    }

    /// The runs of zero pages in `memory`, and what is between them.
    pub(super) fn runs(&mut self, region: &MmapRegion<()>, memory: &VolatileSlice<'_>) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        self.each(region, memory, |page, is_zero| match runs.last_mut() {
            Some(last) if last.is_zero == is_zero => last.length += page.len(),
            _ => runs.push(Run {
                length: page.len(),
                is_zero,
            }),
        });
        join(runs)
    }

    /// Asks the kernel about `length` bytes from an address on; whether it answered.
    fn look_up(&mut self, address: usize, length: usize) -> bool {
        let Some(map) = &self.map else { return false };
        let (first, end) = (address / PAGE, (address + length).div_ceil(PAGE));
        self.entries.resize((end - first) * ENTRY, 0);
        let offset = (first * ENTRY) as u64;
        map.read_exact_at(&mut self.entries, offset).is_ok()
    }
}

/// Whether pages that are nowhere are zeroes: it is neither a file nor shared.
fn is_anonymous(region: &MmapRegion<()>) -> bool {
    let flags = region.flags();
    flags & libc::MAP_ANONYMOUS != 0 && flags & libc::MAP_PRIVATE != 0
}

/// Whether a page, or a part of one, is nothing but zeroes.
fn is_zero(page: &VolatileSlice<'_>) -> bool {
    if page.read_obj::<u64>(0).is_ok_and(|word| word != 0) {
        return false; // most that are not zero are known by their first word
    }
    let mut bytes = [0; PAGE];
    let bytes = bytes.get_mut(..page.len()).unwrap_or_default();
    page.copy_to(bytes) == page.len() && ZEROES.starts_with(bytes)
}

/// Takes short rows of zeroes between others as such; at both ends a row may go on.
fn join(runs: Vec<Run>) -> Vec<Run> {
    let last = runs.len().saturating_sub(1);
    let mut joined: Vec<Run> = Vec::new();
    for (index, mut run) in runs.into_iter().enumerate() {
        run.is_zero &= run.length >= ROW || index == 0 || index == last;
        match joined.last_mut() {
            Some(before) if before.is_zero == run.is_zero => before.length += run.length,
            _ => joined.push(run),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use vm_memory::VolatileMemory;

    use super::*;

    fn region(flags: i32) -> MmapRegion<()> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | flags;
        MmapRegion::build(None, 64 * PAGE, protection, flags).unwrap()
    }

    fn runs(
        pages: &mut Pages,
        region: &MmapRegion<()>,
        start: usize,
        end: usize,
    ) -> Vec<(usize, bool)> {
        let memory = region.get_slice(start, end - start).unwrap();
        let runs = pages.runs(region, &memory).into_iter();
        runs.map(|run| (run.length, run.is_zero)).collect()
    }

    /// With what the kernel says and without, the same pages are found.
    #[test]
    fn rows_of_zero_pages_are_found_wherever_they_begin() {
        for flags in [libc::MAP_PRIVATE, libc::MAP_SHARED] {
            let region = region(flags);
            let memory = region.as_volatile_slice();
            memory.write_obj(7u8, 10 * PAGE + 4095).unwrap();
            memory.write_obj(7u8, 14 * PAGE).unwrap(); // three pages between are too few
            memory.write_obj(7u8, 20 * PAGE).unwrap();
            memory.write_obj(0u64, 30 * PAGE).unwrap(); // touched, and zero
            let without = Pages {
                map: None,
                entries: Vec::new(),
            };
            for mut pages in [Pages::new(), without] {
                assert_eq!(
                    runs(&mut pages, &region, 0, 64 * PAGE),
                    [
                        (10 * PAGE, true),
                        (5 * PAGE, false),
                        (5 * PAGE, true),
                        (PAGE, false),
                        (43 * PAGE, true)
                    ]
                );
                // parts of pages, before the byte that is not zero and with it
                assert_eq!(
                    runs(&mut pages, &region, 9 * PAGE + 1, 10 * PAGE + 4095),
                    [(2 * PAGE - 2, true)]
                );
                assert_eq!(
                    runs(&mut pages, &region, 9 * PAGE + 1, 10 * PAGE + 4096),
                    [(PAGE - 1, true), (PAGE, false)]
                );
            }
        }
    }

    #[test]
    fn memory_that_nobody_has_touched_is_not_touched_by_looking() {
        let region = region(libc::MAP_PRIVATE);
        let mut pages = Pages::new();
        if pages.map.is_none() {
            println!("skipped: /proc/self/pagemap cannot be read");
            return;
        }
        let all = [(64 * PAGE, true)];
        assert_eq!(runs(&mut pages, &region, 0, 64 * PAGE), all);
        assert!(pages.look_up(region.as_ptr().addr(), 64 * PAGE));
        assert!(
            pages
                .entries
                .chunks(ENTRY)
                .all(|entry| entry[7] & 0xc0 == 0)
        );
    }
}

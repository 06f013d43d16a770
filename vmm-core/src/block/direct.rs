//! Files read and written past the host's cache, in the units that the host wants.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{PoisonError, RwLock};

use rustix::fs::{AtFlags, StatxFlags, statx};

use super::{Access, Aio};

/// Where memory for such a file begins, which is good for all of them.
const ALIGNMENT: usize = 4096;
/// Units that files have, the smallest first.
const UNITS: [u64; 4] = [512, 1024, 2048, 4096];

/// Memory that can be moved to and from such a file as it is.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// So many bytes, of any content.
    pub(crate) fn room(&mut self, length: usize) -> &mut [u8] {
        let whole = length.saturating_add(ALIGNMENT);
        if self.0.len() < whole {
            self.0 = vec![0; whole];
        }
        let start = self.0.as_ptr().align_offset(ALIGNMENT);
        self.0
            .get_mut(start..start.saturating_add(length))
            .unwrap_or_default()
    }
}

/// What is to be known of such a file.
#[derive(Debug)]
pub(super) struct Direct {
    /// Bytes of a unit.
    unit: u64,
    /// What is no whole units goes through here. Locked for writing while a unit changes in part, so that nobody
    /// changes its rest meanwhile.
    edges: RwLock<Buffer>,
}

impl Direct {
    /// Finds out about a file that is open for this.
    pub(super) fn new(file: &File) -> Self {
        Self {
            unit: told_unit(file).unwrap_or_else(|| tried_unit(file)),
            edges: RwLock::default(),
        }
    }

    fn is_whole(&self, offset: u64, bytes: &[u8]) -> bool {
        bytes.as_ptr().align_offset(ALIGNMENT) == 0
            && (offset | bytes.len() as u64).is_multiple_of(self.unit)
    }

    /// Calls back with the units around a range, and how far into them it begins.
    fn around<T>(
        &self,
        offset: u64,
        length: usize,
        act: impl FnOnce(u64, &mut [u8], usize) -> io::Result<T>,
    ) -> io::Result<T> {
        let too_large = || io::Error::from_raw_os_error(libc::EFBIG);
        let before = offset % self.unit;
        let whole = (before + length as u64).next_multiple_of(self.unit);
        let whole = usize::try_from(whole).map_err(|_| too_large())?;
        let before = usize::try_from(before).map_err(|_| too_large())?;
        let mut edges = self.edges.write().unwrap_or_else(PoisonError::into_inner);
        act(offset - before as u64, edges.room(whole), before)
    }

    /// Fills `bytes` from `offset` on; what is beyond the end of the file is zeroes.
    pub(super) fn read(&self, file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        if self.is_whole(offset, bytes) {
            return self.read_units(file, offset, bytes);
        }
        self.around(offset, bytes.len(), |start, whole, before| {
            self.read_units(file, start, whole)?;
            let part = whole.get(before..before + bytes.len());
            bytes.copy_from_slice(part.unwrap_or_default());
            Ok(())
        })
    }

    /// Puts `bytes` at `offset`. A file that ends inside the last unit grows to the end of it.
    pub(super) fn write(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.is_whole(offset, bytes) {
            let _others = self.edges.read().unwrap_or_else(PoisonError::into_inner);
            return file.write_all_at(bytes, offset);
        }
        self.around(offset, bytes.len(), |start, whole, before| {
            self.read_units(file, start, whole)?;
            if let Some(part) = whole.get_mut(before..before + bytes.len()) {
                part.copy_from_slice(bytes);
            }
            file.write_all_at(whole, start)
        })
    }

    /// Does all of it at once, where it is of whole units; the rest one after the other.
    pub(super) fn run(
        &self,
        file: &File,
        aio: &Aio,
        accesses: &mut [Access<'_>],
    ) -> Vec<io::Result<()>> {
        let lengths: Vec<usize> = accesses.iter().map(|access| access.bytes.len()).collect();
        let all_whole = accesses
            .iter()
            .all(|access| self.is_whole(access.offset, access.bytes));
        let moved = match all_whole {
            true => {
                let _others = self.edges.read().unwrap_or_else(PoisonError::into_inner);
                aio.run(file, accesses)
            }
            false => accesses.iter().map(|_| Ok(0)).collect(),
        };
        let results = moved.into_iter().zip(lengths).zip(accesses);
        results
            .map(|((moved, length), access)| match moved {
                Ok(count) if count == length => Ok(()),
                // the end of the file, or what the host does in pieces
                Ok(_) if access.is_write => self.write(file, access.offset, access.bytes),
                Ok(_) => self.read(file, access.offset, access.bytes),
                Err(error) => Err(error),
            })
            .collect()
    }

    fn read_units(&self, file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + done as u64) {
                Ok(count) => {
                    done += count;
                    if count == 0 || !(count as u64).is_multiple_of(self.unit) {
                        let beyond = bytes.get_mut(done..).unwrap_or_default();
                        beyond.fill(0); // the end of the file
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What the host says, if it does.
fn told_unit(file: &File) -> Option<u64> {
    let told = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN).ok()?;
    let unit = u64::from(told.stx_dio_offset_align);
    let knows = told.stx_mask & StatxFlags::DIOALIGN.bits() != 0;
    // requests are of sectors: there is nothing to gain from a smaller one
    (knows && unit.is_power_of_two()).then_some(unit.max(super::SECTOR))
}

/// What a reading tells.
fn tried_unit(file: &File) -> u64 {
    let [_, .., largest] = UNITS;
    if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        return largest; // nothing can be read
    }
    let mut buffer = Buffer::default();
    let works = |unit: &u64| {
        let length = usize::try_from(*unit).unwrap_or(ALIGNMENT);
        file.read_at(buffer.room(length), 0).is_ok()
    };
    UNITS.into_iter().find(works).unwrap_or(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(unit: u64) -> (File, Direct) {
        let file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..10_000u32).map(|at| (at % 251) as u8).collect();
        file.write_all_at(&content, 0).unwrap();
        let edges = RwLock::default();
        (file, Direct { unit, edges })
    }

    #[test]
    fn rooms_begin_where_the_host_wants() {
        let mut buffer = Buffer::default();
        for length in [1, 512, 4096, 100_000] {
            let room = buffer.room(length);
            assert_eq!(room.len(), length);
            assert_eq!(room.as_ptr().align_offset(ALIGNMENT), 0);
        }
    }

    #[test]
    fn ranges_are_read_and_written_whatever_the_unit() {
        for unit in UNITS {
            let (file, direct) = direct(unit);
            let mut expected = vec![0; 20_480];
            file.read_at(&mut expected, 0).unwrap();
            for (offset, length) in [(512u64, 1024usize), (3584, 4608), (9216, 1024), (0, 12_288)] {
                let start = usize::try_from(offset).unwrap();
                let mut bytes = vec![1; length];
                direct.read(&file, offset, &mut bytes).unwrap();
                assert_eq!(bytes, expected[start..start + length], "{unit}, {offset}");
                bytes.fill(u8::try_from(length % 255).unwrap());
                direct.write(&file, offset, &bytes).unwrap();
                expected[start..start + length].copy_from_slice(&bytes);
                let mut whole = vec![0; 20_480];
                file.read_at(&mut whole, 0).unwrap();
                assert!(whole == expected, "{unit}, {offset}");
            }
        }
    }
}

//! The format of the programs `makedumpfile` and `crash`: pages compressed one by one, zero pages but once.
//!
//! The file is header, second header with the notes behind it, two bitmaps of the pages that are there, descriptions of
//! the pages, and the pages. Where it cannot be written in that order, it comes as records of offset, length and bytes.

use flate2::{Compress, Compression, FlushCompress, Status};
use vm_memory::VolatileSlice;

use super::DumpError;
use super::output::Output;
use super::pages::PAGE;

const BLOCK: u64 = PAGE as u64;
/// The version of the format.
const VERSION: u32 = 6;
/// Only zero pages are left out.
const LEVEL: u32 = 1;
/// Pages are compressed by zlib, in both headers and descriptions.
const ZLIB: u32 = 1;
/// Bytes of a name of the system that has crashed; it is unknown.
const NAME: usize = 65;
/// Bytes of the description of a page.
const DESCRIPTION: u64 = 24;
/// Bytes of the first header of a file of records.
const RECORDS_HEADER: usize = 4096;

/// Everything that is known before the pages are looked at.
#[derive(Debug)]
pub(super) struct Kdump {
    is_raw: bool,
    header: Vec<u8>,
    second: Vec<u8>,
    notes: Vec<u8>,
    /// Where bitmaps, descriptions and pages begin.
    bitmaps: u64,
    bitmap_blocks: u64,
    descriptions: u64,
    data: u64,
}

impl Kdump {
    /// For the memory at `regions`, which are whole pages; records unless it is `raw`.
    pub(super) fn new(
        regions: &[(u64, u64)],
        notes: Vec<u8>,
        cpus: usize,
        wide: bool,
        is_raw: bool,
    ) -> Self {
        let end = regions.iter().map(|(start, length)| start + length).max();
        let end = end.unwrap_or_default() / BLOCK;
        let pages = regions
            .iter()
            .map(|(_, length)| length / BLOCK)
            .sum::<u64>();
        let bitmap_blocks = end.div_ceil(8).div_ceil(BLOCK);
        let second = second_header(end, notes.len() as u64, wide);
        let second_blocks = (second.len() as u64 + notes.len() as u64).div_ceil(BLOCK);
        let bitmaps = (1 + second_blocks) * BLOCK;
        let descriptions = bitmaps + 2 * bitmap_blocks * BLOCK;
        let mut header = b"KDUMP   ".to_vec();
        header.extend(VERSION.to_le_bytes());
        header.resize(header.len() + 4 * NAME, 0);
        header.extend(b"Unknown");
        header.resize(12 + 6 * NAME, 0);
        header.resize(if wide { 424 } else { 412 }, 0); // a time
        let low = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        for word in [
            ZLIB,
            low(BLOCK),
            low(second_blocks),
            low(2 * bitmap_blocks),
            low(end),
            0, // what only the program that writes it needs
            0,
            0,
            0,
            low(cpus as u64),
        ] {
            header.extend(word.to_le_bytes());
        }
        Self {
            is_raw,
            header,
            second,
            notes,
            bitmaps,
            bitmap_blocks,
            descriptions,
            data: descriptions + pages * DESCRIPTION,
        }
    }

    /// Writes what precedes the pages.
    ///
    /// # Errors
    /// The host refuses, or the dump is cancelled.
    pub(super) fn begin<'a, 'o>(
        &self,
        output: &'a mut Output<'o>,
        regions: &[(u64, u64)],
    ) -> Result<Writer<'a, 'o>, DumpError> {
        let mut writer = Writer {
            output,
            is_raw: self.is_raw,
            at: [self.descriptions, self.data],
            pending: [Vec::new(), vec![0; PAGE]],
            zero: self.data,
            compress: Compress::new(Compression::fast(), true),
        };
        if !self.is_raw {
            let mut header = b"makedumpfile\0\0\0\0".to_vec();
            header.extend([1i64.to_be_bytes(), 1i64.to_be_bytes()].concat()); // type and version
            header.resize(RECORDS_HEADER, 0);
            writer.write(&header, "write start flat header")?;
        }
        writer.put(0, &self.header, "write disk dump header")?;
        writer.put(BLOCK, &self.second, "write kdump sub header")?;
        let notes = BLOCK + self.second.len() as u64;
        writer.put(notes, &self.notes, "write notes")?;
        for index in 0..self.bitmap_blocks {
            let block = bitmap(regions, index);
            for bitmap in 0..2 {
                let block_at = self.bitmaps + (bitmap * self.bitmap_blocks + index) * BLOCK;
                writer.put(block_at, &block, "set dump_bitmap")?;
            }
        }
        Ok(writer)
    }
}

/// Two forms, for addresses of 64 and of 32 bits.
fn second_header(end: u64, notes: u64, wide: bool) -> Vec<u8> {
    const WIDE: u64 = 104;
    const NARROW: u64 = 80;
    let mut bytes = Vec::new();
    let natural = |bytes: &mut Vec<u8>, value: u64| match wide {
        true => bytes.extend(value.to_le_bytes()),
        false => bytes.extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()),
    };
    natural(&mut bytes, 0); // where the kernel is
    bytes.extend([LEVEL, 0].map(u32::to_le_bytes).concat()); // level; not split
    natural(&mut bytes, 0); // first and last page of a split file
    natural(&mut bytes, 0);
    bytes.extend(0u64.to_le_bytes()); // the kernel's own note
    natural(&mut bytes, 0);
    let place = BLOCK + if wide { WIDE } else { NARROW };
    bytes.extend(place.to_le_bytes());
    natural(&mut bytes, notes);
    bytes.extend(0u64.to_le_bytes()); // what was erased
    natural(&mut bytes, 0);
    for word in [0, 0, end] {
        bytes.extend(word.to_le_bytes());
    }
    bytes
}

/// The block `index` of the bitmap of the pages at `regions`.
fn bitmap(regions: &[(u64, u64)], index: u64) -> Vec<u8> {
    let mut block = vec![0u8; PAGE];
    let (first, last) = (index * BLOCK * 8, (index + 1) * BLOCK * 8);
    for (start, length) in regions {
        let from = (start / BLOCK).max(first);
        let to = ((start + length) / BLOCK).min(last);
        for page in from..to {
            let bit = page - first;
            if let Some(byte) = block.get_mut(usize::try_from(bit / 8).unwrap_or(usize::MAX)) {
                *byte |= 1 << (bit % 8);
            }
        }
    }
    block
}

/// Takes the pages in turn.
pub(super) struct Writer<'a, 'o> {
    output: &'a mut Output<'o>,
    is_raw: bool,
    /// Where descriptions and data go on.
    at: [u64; 2],
    /// What is to go there.
    pending: [Vec<u8>; 2],
    /// Where the zero page is.
    zero: u64,
    compress: Compress,
}

impl Writer<'_, '_> {
    /// Takes the next page; [`flush`](Self::flush) writes it.
    pub(super) fn page(&mut self, page: &VolatileSlice<'_>, is_zero: bool) {
        if is_zero {
            return self.describe(self.zero, PAGE, 0);
        }
        let (mut plain, mut packed) = ([0; PAGE], [0; PAGE]);
        page.copy_to(&mut plain[..]);
        self.compress.reset();
        let status = self
            .compress
            .compress(&plain, &mut packed, FlushCompress::Finish);
        let length = usize::try_from(self.compress.total_out()).unwrap_or(PAGE);
        let is_smaller = matches!(status, Ok(Status::StreamEnd)) && length < PAGE;
        let (bytes, flags) = match packed.get(..length).filter(|_| is_smaller) {
            Some(packed) => (packed, ZLIB),
            None => (&plain[..], 0),
        };
        let [_, data] = &mut self.pending;
        let place = self.at[1] + data.len() as u64;
        data.extend(bytes);
        self.describe(place, bytes.len(), flags);
    }

    fn describe(&mut self, place: u64, length: usize, flags: u32) {
        let [descriptions, _] = &mut self.pending;
        descriptions.extend(place.to_le_bytes());
        descriptions.extend(u32::try_from(length).unwrap_or_default().to_le_bytes());
        descriptions.extend(flags.to_le_bytes());
        descriptions.extend(0u64.to_le_bytes());
    }

    /// Writes what has come together.
    ///
    /// # Errors
    /// The host refuses, or the dump is cancelled.
    pub(super) fn flush(&mut self) -> Result<(), DumpError> {
        for (index, what) in [(0, "write page desc"), (1, "write page data")] {
            let bytes = std::mem::take(&mut self.pending[index]);
            self.put(self.at[index], &bytes, what)?;
            self.at[index] += bytes.len() as u64;
        }
        Ok(())
    }

    /// Writes the end.
    ///
    /// # Errors
    /// The host refuses, or the dump is cancelled.
    pub(super) fn finish(mut self) -> Result<(), DumpError> {
        self.flush()?;
        match self.is_raw {
            true => Ok(()),
            false => self.write(&[0xff; 16], "write end flat header"),
        }
    }

    /// Writes `bytes` to where they belong.
    fn put(&mut self, offset: u64, bytes: &[u8], what: &'static str) -> Result<(), DumpError> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.is_raw {
            self.output.go_to(offset, what).map_err(part)?;
        } else {
            let record = [offset, bytes.len() as u64].map(u64::to_be_bytes).concat();
            self.write(&record, what)?;
        }
        self.write(bytes, what)
    }

    fn write(&mut self, bytes: &[u8], what: &'static str) -> Result<(), DumpError> {
        self.output.write_all(bytes, what).map_err(part)
    }
}

/// Errors of these files are told without the host's reason.
fn part(error: DumpError) -> DumpError {
    match error {
        DumpError::Write { what, error } => DumpError::Part { what, error },
        other => other,
    }
}

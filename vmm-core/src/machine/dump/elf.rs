//! What a core file says before the memory: headers and notes.

use super::Piece;

const CORE: u16 = 4;
const EM_386: u16 = 3;
const EM_X86_64: u16 = 62;
const LOAD: u32 = 1;
const NOTE: u32 = 4;
/// The number of program headers that says: it is in the first section header.
const TOO_MANY: u16 = 0xffff;

/// Everything before the memory, in the order of the file.
#[derive(Debug)]
pub(super) struct Head {
    /// The file's header.
    pub(super) file: Vec<u8>,
    /// The headers of what is in it.
    pub(super) programs: Vec<u8>,
    /// The notes.
    pub(super) notes: Vec<u8>,
}

/// What kind of file it is; it is the guest that decides, not what is asked for of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    /// The first CPU runs in long mode.
    pub(super) long_mode: bool,
    /// Addresses are of 64 bits.
    pub(super) wide: bool,
}

impl Class {
    /// For a guest with memory at `ranges`, all of it.
    pub(super) fn new(long_mode: bool, mut ranges: impl Iterator<Item = (u64, u64)>) -> Self {
        let wide = long_mode || ranges.any(|(start, length)| start + length > u32::MAX.into());
        Self { long_mode, wide }
    }
}

/// A program header.
struct Program {
    kind: u32,
    offset: u64,
    virt: u64,
    start: u64,
    length: u64,
}

/// The head of a file in which the memory at `regions` follows in that order, and `pieces` of it are mapped.
pub(super) fn head(regions: &[(u64, u64)], pieces: &[Piece], notes: Vec<u8>, class: Class) -> Head {
    let Class { long_mode, wide } = class;
    let size = Size { wide };
    let parts: Vec<(Piece, u64)> = pieces
        .iter()
        .flat_map(|piece| placed(piece, regions))
        .collect();
    let count = parts.len() as u64 + 1;
    let number = u16::try_from(count)
        .ok()
        .filter(|&number| number != TOO_MANY);
    let section = if number.is_none() { size.section() } else { 0 };
    let first = size.file() + section;
    let notes_at = first + count * size.program();
    let memory = notes_at + notes.len() as u64;

    let mut out = Words {
        size,
        bytes: Vec::new(),
    };
    out.bytes.extend(b"\x7fELF");
    out.bytes.extend([if wide { 2 } else { 1 }, 1, 1]); // class, little endian, version
    out.bytes.resize(16, 0);
    out.short(CORE);
    out.short(if long_mode { EM_X86_64 } else { EM_386 });
    out.word(1);
    out.natural(0);
    out.natural(first);
    out.natural(if section > 0 { size.file() } else { 0 });
    out.word(0);
    for value in [size.file(), size.program()] {
        out.short(u16::try_from(value).unwrap_or_default());
    }
    out.short(number.unwrap_or(TOO_MANY));
    out.short(u16::try_from(section).unwrap_or_default());
    out.short(u16::from(section > 0));
    out.short(0);
    let file = std::mem::take(&mut out.bytes);

    if section > 0 {
        out.section(count);
    }
    out.program(&Program {
        kind: NOTE,
        offset: notes_at,
        virt: 0,
        start: 0,
        length: notes.len() as u64,
    });
    for (part, offset) in &parts {
        out.program(&Program {
            kind: LOAD,
            offset: memory + offset,
            virt: part.virt,
            start: part.start,
            length: part.length,
        });
    }
    Head {
        file,
        programs: out.bytes,
        notes,
    }
}

/// The parts of `piece` that are in the file, and where in its memory.
fn placed<'a>(
    piece: &'a Piece,
    regions: &'a [(u64, u64)],
) -> impl Iterator<Item = (Piece, u64)> + 'a {
    let mut offset = 0;
    regions.iter().filter_map(move |&(region, size)| {
        let here = offset;
        offset += size;
        let start = piece.start.max(region);
        let end = piece.start.saturating_add(piece.length).min(region + size);
        let length = end.checked_sub(start).filter(|&length| length > 0)?;
        let part = Piece {
            virt: piece.virt.wrapping_add(start - piece.start),
            start,
            length,
        };
        Some((part, here + (start - region)))
    })
}

/// Sizes in bytes, in files with 64-bit addresses and with 32-bit ones.
#[derive(Clone, Copy)]
struct Size {
    wide: bool,
}

impl Size {
    fn file(self) -> u64 {
        if self.wide { 64 } else { 52 }
    }

    fn program(self) -> u64 {
        if self.wide { 56 } else { 32 }
    }

    fn section(self) -> u64 {
        if self.wide { 64 } else { 40 }
    }
}

/// Numbers on their way into a file.
struct Words {
    size: Size,
    bytes: Vec<u8>,
}

impl Words {
    fn short(&mut self, value: u16) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn word(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    /// A number as wide as an address.
    fn natural(&mut self, value: u64) {
        match self.size.wide {
            true => self.bytes.extend(value.to_le_bytes()),
            // all addresses are below 4 GiB, and the file is not much longer than memory
            false => self.word(u32::try_from(value).unwrap_or(u32::MAX)),
        }
    }

    fn program(&mut self, program: &Program) {
        self.word(program.kind);
        if self.size.wide {
            self.word(0);
        }
        self.natural(program.offset);
        self.natural(program.virt);
        self.natural(program.start);
        self.natural(program.length);
        self.natural(program.length);
        if !self.size.wide {
            self.word(0);
        }
        self.natural(0);
    }

    /// The first section header, which only holds the number of program headers.
    fn section(&mut self, programs: u64) {
        self.word(0);
        self.word(0);
        for _ in 0..4 {
            self.natural(0); // flags, address, offset, size
        }
        self.word(0);
        self.word(u32::try_from(programs).unwrap_or(u32::MAX));
        self.natural(0);
        self.natural(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_cut_to_what_is_in_the_file() {
        let piece = Piece {
            virt: 0xffff_f000,
            start: 0x1000,
            length: 0x8000,
        };
        let regions = [(0, 0x2000), (0x4000, 0x1000), (0x8000, 0x4000)];
        let parts: Vec<_> = placed(&piece, &regions)
            .map(|(part, offset)| (part.virt, part.start, part.length, offset))
            .collect();
        assert_eq!(
            parts,
            [
                (0xffff_f000, 0x1000, 0x1000, 0x1000),
                (0x1_0000_2000, 0x4000, 0x1000, 0x2000),
                (0x1_0000_6000, 0x8000, 0x1000, 0x3000),
            ]
        );
    }

    #[test]
    fn headers_are_as_long_as_they_say() {
        let piece = |start| Piece {
            virt: start,
            start,
            length: 1,
        };
        for (long_mode, count, sizes) in [
            (false, 1, (52, 64)),
            (true, 1, (64, 112)),
            (true, 0xfffd, (64, 56 * 0xfffe)),
            (true, 0xfffe, (64, 64 + 56 * 0xffff)),
            (false, 0x1_0000, (52, 40 + 32 * 0x1_0001)),
        ] {
            let pieces: Vec<_> = (0..count).map(|index| piece(index * 2)).collect();
            let regions = [(0, 0x10_0000)];
            let class = Class::new(long_mode, regions.into_iter());
            let head = head(&regions, &pieces, Vec::new(), class);
            assert_eq!((head.file.len(), head.programs.len()), sizes, "{count}");
        }
    }
}

//! The guest's page tables, as a list of what is mapped where.
//!
//! Tables are the guest's and may say anything: they may lie outside of memory, or contain each other. Where
//! there is no memory, nothing is mapped; how many tables are looked at, and how many ranges come of it, is
//! limited.

use super::super::GuestRam;
use super::{DumpError, Piece};
use crate::accel::Registers;

/// Tables that are looked at: enough for 64 GiB in small pages, four times over.
const MAX_TABLES: u32 = 1 << 17;
/// Ranges that are listed.
const MAX_PIECES: usize = 1 << 20;

const PRESENT: u64 = 1 << 0;
const LARGE: u64 = 1 << 7;
/// Where an entry's address is, in entries of 8 bytes.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const CR4_LARGE_PAGES: u64 = 1 << 4;
const CR4_PAE: u64 = 1 << 5;
const CR4_FIVE_LEVELS: u64 = 1 << 12;

/// How a CPU reads its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format {
    /// Bytes of an entry.
    entry: usize,
    /// Levels of tables.
    levels: u32,
    /// The number of entries of the table at the root.
    root_entries: usize,
    /// The lowest level whose entries never map a page, and those above it.
    no_pages_from: u32,
    /// Bits of a virtual address; the topmost is repeated above it.
    width: u32,
}

impl Format {
    fn of(cpu: &Registers) -> Self {
        match (cpu.is_long_mode(), cpu.cr4 & CR4_PAE != 0) {
            (true, _) => {
                let levels = if cpu.cr4 & CR4_FIVE_LEVELS == 0 { 4 } else { 5 };
                Self {
                    entry: 8,
                    levels,
                    root_entries: 512,
                    no_pages_from: 4,
                    width: 12 + 9 * levels,
                }
            }
            (false, true) => Self {
                entry: 8,
                levels: 3,
                root_entries: 4,
                no_pages_from: 3,
                width: 64, // the 32 bits of an address are not extended
            },
            (false, false) => Self {
                entry: 4,
                levels: 2,
                root_entries: 1024,
                no_pages_from: if cpu.cr4 & CR4_LARGE_PAGES == 0 { 2 } else { 3 },
                width: 64,
            },
        }
    }

    /// Bits of an address below those that choose an entry at `level`, of which the lowest is 1.
    fn shift(self, level: u32) -> u32 {
        let bits = if self.entry == 8 { 9 } else { 10 };
        12 + bits * (level - 1)
    }

    /// Where a large page begins that `entry` at `level` maps.
    fn large_page(self, entry: u64, level: u32) -> u64 {
        let mask = (1 << self.shift(level)) - 1;
        match self.entry {
            8 => entry & ADDRESS & !mask,
            _ => (entry & 0xffc0_0000) | (entry >> 13 & 0xff) << 32,
        }
    }

    /// An address in the form that programs have it.
    fn canonical(self, address: u64) -> u64 {
        let unused = 64 - self.width;
        ((address << unused).cast_signed() >> unused).cast_unsigned()
    }
}

/// Everything that `cpus` map, in the order of virtual addresses for each kind of tables; addresses in a
/// piece follow each other in both views.
pub(super) fn mapped(ram: &GuestRam, cpus: &[Registers]) -> Result<Vec<Piece>, DumpError> {
    let mut roots: Vec<(u64, Format)> = Vec::new();
    let mut walk = Walk {
        ram,
        pieces: Vec::new(),
        tables_left: MAX_TABLES,
    };
    for cpu in cpus.iter().filter(|cpu| cpu.has_paging()) {
        let format = Format::of(cpu);
        let root = match (format.levels, format.entry) {
            (3, _) => cpu.cr3 & 0xffff_ffe0,
            (_, 4) => cpu.cr3 & 0xffff_f000,
            _ => cpu.cr3 & ADDRESS,
        };
        if !roots.contains(&(root, format)) {
            roots.push((root, format));
            walk.table(format, root, format.levels, 0)?;
        }
    }
    Ok(walk.pieces)
}

struct Walk<'a> {
    ram: &'a GuestRam,
    pieces: Vec<Piece>,
    tables_left: u32,
}

impl Walk<'_> {
    /// Takes in what the table at `address` maps, from the virtual address `start` on.
    fn table(
        &mut self,
        format: Format,
        address: u64,
        level: u32,
        start: u64,
    ) -> Result<(), DumpError> {
        self.tables_left = self.tables_left.checked_sub(1).ok_or(DumpError::Tables)?;
        let count = match level == format.levels {
            true => format.root_entries,
            false => 4096 / format.entry,
        };
        let mut bytes = vec![0; count * format.entry];
        if self.ram.read(address, &mut bytes).is_err() {
            return Ok(()); // outside of memory there are no tables
        }
        let shift = format.shift(level);
        for (index, bytes) in (0u64..).zip(bytes.chunks_exact(format.entry)) {
            let entry = bytes
                .iter()
                .rfold(0, |entry, &byte| entry << 8 | u64::from(byte));
            if entry & PRESENT == 0 {
                continue;
            }
            let here = start | index << shift;
            if level == 1 {
                self.add(format.canonical(here), entry & ADDRESS, 1 << shift)?;
            } else if entry & LARGE != 0 && level < format.no_pages_from {
                let page = format.large_page(entry, level);
                self.add(format.canonical(here), page, 1 << shift)?;
            } else {
                self.table(format, entry & ADDRESS, level - 1, here)?;
            }
        }
        Ok(())
    }

    /// Lists a page, as far as there is memory behind it.
    fn add(&mut self, virt: u64, start: u64, length: u64) -> Result<(), DumpError> {
        if !self.ram.contains(start, 1) && length == 4096 {
            return Ok(());
        }
        if let Some(last) = self.pieces.last_mut() {
            let follows = last.virt.wrapping_add(last.length) == virt;
            if follows && last.start.checked_add(last.length) == Some(start) {
                last.length += length;
                return Ok(());
            }
        }
        if self.pieces.len() == MAX_PIECES {
            return Err(DumpError::Tables);
        }
        self.pieces.push(Piece {
            virt,
            start,
            length,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGING: u64 = 1 << 31;
    const LONG: u64 = 1 << 10;

    fn cpu(cr3: u64, cr4: u64, efer: u64) -> Registers {
        Registers {
            cr0: PAGING | 1,
            cr3,
            cr4,
            efer,
            ..Registers::default()
        }
    }

    fn ram(entries: &[(u64, u64)]) -> GuestRam {
        let ram = GuestRam::new(4 << 20).unwrap();
        for &(address, entry) in entries {
            ram.write(address, &entry.to_le_bytes()).unwrap();
        }
        ram
    }

    fn pieces(ram: &GuestRam, cpu: Registers) -> Vec<(u64, u64, u64)> {
        let found = mapped(ram, &[cpu.clone(), cpu]).unwrap();
        let found = found.into_iter();
        found
            .map(|piece| (piece.virt, piece.start, piece.length))
            .collect()
    }

    #[test]
    fn pages_of_all_sizes_are_found_and_joined() {
        let ram = ram(&[
            (0x5000, 0x1003), // where there are five levels
            (0x1000, 0x2003),
            (0x1ff8, 0x2003), // the upper end of addresses
            (0x2000, 0x3003),
            (0x2008, 1 << 31 | 0x83), // a GiB beyond memory
            (0x3000, 0x4003),
            (0x3008, 0x20_0083), // 2 MiB
            (0x4000, 0x1003),
            (0x4008, 0x2003),      // next to each other
            (0x4010, 0x9003),      // elsewhere
            (0x4018, 0xfee0_0003), // a device
        ]);
        let low = [
            (0, 0x1000, 0x2000),
            (0x2000, 0x9000, 0x1000),
            (0x20_0000, 0x20_0000, 0x20_0000),
            (1 << 30, 1 << 31, 1 << 30),
        ];
        let high = low.map(|(virt, start, length)| (virt | 0xffff_ff80_0000_0000, start, length));
        let all = [low, high].concat();
        assert_eq!(pieces(&ram, cpu(0x1000, CR4_PAE, LONG)), all);
        let high = low.map(|(virt, start, length)| (virt | 0xff80_0000_0000, start, length));
        let five = cpu(0x5000, CR4_PAE | CR4_FIVE_LEVELS, LONG);
        assert_eq!(pieces(&ram, five), [low, high].concat());
    }

    #[test]
    fn older_tables_are_read_as_such() {
        let ram = ram(&[
            (0x1000, 0x2003 | 0x40_00e3 << 32), // a table, and 4 MiB
            (0x2008, 0x7003),
            (0x3020, 0x4001), // four entries, not at the start of a page
            (0x4000, 0x83),
            (0x4008, 0x5003),
            (0x5000, 0x9003),
        ]);
        let large = (0x40_0000, 0x40_0000, 0x40_0000);
        let small = (0x2000, 0x7000, 0x1000);
        assert_eq!(
            pieces(&ram, cpu(0x1000, CR4_LARGE_PAGES, 0)),
            [small, large]
        );
        assert_eq!(pieces(&ram, cpu(0x1000, 0, 0)), [small]);
        let found = [(0, 0, 0x20_0000), (0x20_0000, 0x9000, 0x1000)];
        assert_eq!(pieces(&ram, cpu(0x3020, CR4_PAE, 0)), found);
    }

    #[test]
    fn tables_that_contain_each_other_come_to_an_end() {
        let entries: Vec<_> = (0..512).map(|index| (0x1000 + index * 8, 0x1003)).collect();
        let ram = ram(&entries);
        let result = mapped(&ram, &[cpu(0x1000, CR4_PAE, LONG)]);
        assert!(matches!(result, Err(DumpError::Tables)));
        // once in itself is what kernels do
        let ram = self::ram(&[(0x1000, 0x1003)]);
        assert_eq!(
            pieces(&ram, cpu(0x1000, CR4_PAE, LONG)),
            [(0, 0x1000, 0x1000)]
        );
    }

    #[test]
    fn tables_outside_of_memory_map_nothing() {
        let ram = ram(&[(0x1000, ADDRESS | PRESENT)]);
        for root in [0x1000, ADDRESS, 0x40_0000, u64::MAX] {
            for (cr4, efer) in [
                (CR4_PAE, LONG),
                (CR4_PAE, 0),
                (0, 0),
                (CR4_FIVE_LEVELS, LONG),
            ] {
                pieces(&ram, cpu(root, cr4, efer));
            }
        }
        assert_eq!(pieces(&ram, cpu(0x2000, CR4_PAE, LONG)), []);
    }
}

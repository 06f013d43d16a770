//! ACPI tables: what the board has, for operating systems that ask.
//!
//! They lie at [`ADDRESS`], where PC firmware keeps its own and operating
//! systems look for them; the PVH protocol hands the address over as well. The
//! hardware behind them is that of [`board`](super::board).

mod dsdt;
mod memory;

use std::sync::Arc;

use acpi_tables::facs::FACS;
use acpi_tables::fadt::{FADTBuilder, Flags};
use acpi_tables::rsdp::Rsdp;
use acpi_tables::sdt::Sdt;
use acpi_tables::xsdt::XSDT;
use acpi_tables::{Aml, AmlSink};

use super::board::SCI;
use super::hotplug::EVENTS_PORT;
use super::{GuestRam, MachineConfig, RamError, Topology};
use crate::devices::GeneralEvents;
use crate::devices::virtio::Slot;

/// Where the tables begin, with the pointer to all others.
pub(super) const ADDRESS: u64 = 0xe_0000;
/// What boot protocols have in place of the address where there are none.
pub(super) const NONE: u64 = 0;
const FACS_ALIGNMENT: u64 = 64;

const OEM_ID: [u8; 6] = *b"QMIN  ";
const OEM_TABLE_ID: [u8; 8] = *b"QMINACPI";
const OEM_REVISION: u32 = 1;

const LOCAL_APIC_ADDRESS: u32 = 0xfee0_0000;
const IO_APIC_ADDRESS: u32 = 0xfec0_0000;
/// The board has the two 8259s of a PC.
const PC_COMPATIBLE: u32 = 1;
/// MADT: a CPU that is there; one that may come.
const ENABLED: u32 = 1;
const ONLINE_CAPABLE: u32 = 2;

/// Takes what a table writes.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl AmlSink for Bytes {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }
}

fn bytes(table: &dyn Aml) -> Vec<u8> {
    let mut sink = Bytes::default();
    table.to_aml_bytes(&mut sink);
    sink.0
}

/// Writes the tables of a machine with the CPUs `cpus`, and virtio devices at
/// `virtio`.
pub(super) fn write(
    ram: &GuestRam,
    config: &MachineConfig,
    cpus: &[u32],
    virtio: &[Arc<Slot>],
) -> Result<(), RamError> {
    ram.write(ADDRESS, &image(config, cpus, virtio))
}

/// All tables, as they lie from [`ADDRESS`] on.
fn image(config: &MachineConfig, cpus: &[u32], virtio: &[Arc<Slot>]) -> Vec<u8> {
    let topology = config.cpu_topology();
    let mut image = vec![0; Rsdp::len()];
    let mut place = |table: &[u8], alignment: u64| {
        let at = (image.len() as u64).next_multiple_of(alignment);
        image.resize(usize::try_from(at).unwrap_or_default(), 0);
        image.extend_from_slice(table);
        ADDRESS + at
    };
    let facs = place(&bytes(&FACS::new()), FACS_ALIGNMENT);
    let code = dsdt::code(&topology, config.max_cpus, config.memory_slots, virtio);
    let dsdt = place(table(*b"DSDT", 2, &code).as_slice(), 8);
    let fadt = place(&fadt(facs, dsdt), 8);
    let madt = place(madt(&topology, config.max_cpus, cpus).as_slice(), 8);
    let mut xsdt = XSDT::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    xsdt.add_entry(fadt);
    xsdt.add_entry(madt);
    let xsdt = place(&bytes(&xsdt), 8);
    image[..Rsdp::len()].copy_from_slice(&bytes(&Rsdp::new(OEM_ID, xsdt)));
    image
}

fn table(signature: [u8; 4], revision: u8, content: &[u8]) -> Sdt {
    let mut table = Sdt::new(signature, 36, revision, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    table.append_slice(content);
    table
}

/// The fixed hardware: power management and events.
fn fadt(facs: u64, dsdt: u64) -> Vec<u8> {
    let low = |address: u64| u32::try_from(address).unwrap_or_default();
    let mut fadt = FADTBuilder::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION)
        .dsdt_64(dsdt)
        .firmware_ctrl_32(low(facs))
        .gpe_info(low(EVENTS_PORT), 0, GeneralEvents::PORTS as u8, 0, 0)
        .flag(Flags::Wbinvd)
        .flag(Flags::ProcC1)
        .flag(Flags::SlpButton) // there is none
        .flag(Flags::FixRtc);
    fadt.sci_int = u16::try_from(SCI).unwrap_or_default().into();
    fadt.pm1a_evt_blk = 0x600.into();
    fadt.pm1_evt_len = 4;
    fadt.pm1a_cnt_blk = 0x604.into();
    fadt.pm1_cnt_len = 2;
    fadt.century = 0x32;
    // no power state below halt
    fadt.p_lvl2_lat = 101.into();
    fadt.p_lvl3_lat = 1001.into();
    bytes(&fadt.finalize())
}

/// The interrupt controllers, with one for each CPU that there can be.
fn madt(topology: &Topology, max_cpus: u32, cpus: &[u32]) -> Sdt {
    let mut content = Vec::new();
    content.extend(LOCAL_APIC_ADDRESS.to_le_bytes());
    content.extend(PC_COMPATIBLE.to_le_bytes());
    for index in 0..max_cpus {
        let flags = match cpus.contains(&index) {
            true => ENABLED,
            false => ONLINE_CAPABLE,
        };
        content.extend(local_apic(topology, index, flags));
    }
    content.extend([1, 12, 0, 0]); // I/O APIC 0
    content.extend(IO_APIC_ADDRESS.to_le_bytes());
    content.extend(0u32.to_le_bytes()); // its first input is interrupt 0
    // The timer is at input 2; the lines of this board are edge-triggered and
    // active high, the system control interrupt too.
    for (irq, input, flags) in [(0u8, 2u32, 0u16), (9, SCI, 0b0101)] {
        content.extend([2, 10, 0, irq]);
        content.extend(input.to_le_bytes());
        content.extend(flags.to_le_bytes());
    }
    content.extend([4, 6, 0xff, 0, 0, 1]); // NMI: LINT1 of all CPUs
    table(*b"APIC", 5, &content)
}

/// The MADT's entry for a CPU, which its device shows as well.
fn local_apic(topology: &Topology, index: u32, flags: u32) -> Vec<u8> {
    // Configurations whose numbers need more than a byte are refused.
    let byte = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
    let mut entry = vec![0, 8, byte(index), byte(topology.apic_id(index))];
    entry.extend(flags.to_le_bytes());
    entry
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;
    use crate::devices::virtio;

    fn config(max_cpus: u32) -> MachineConfig {
        MachineConfig {
            max_cpus,
            cpus: 2,
            ..MachineConfig::default()
        }
    }

    fn word(image: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(image[at..at + 4].try_into().unwrap())
    }

    /// The table at a physical address, whose checksum must be right.
    fn at(image: &[u8], address: u32) -> &[u8] {
        let start = (u64::from(address) - ADDRESS) as usize;
        let table = &image[start..start + word(image, start + 4) as usize];
        if !table.starts_with(b"FACS") {
            assert_eq!(sum(table), 0, "{:?}", &table[..4]);
        }
        table
    }

    fn sum(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
    }

    #[test]
    fn every_table_is_found_and_whole() {
        let image = image(&config(5), &[0, 1], &[]);
        assert_eq!(&image[..8], b"RSD PTR ");
        assert_eq!((sum(&image[..20]), sum(&image[..36])), (0, 0));
        let xsdt = at(&image, word(&image, 24));
        let (fadt, madt) = (at(&image, word(xsdt, 36)), at(&image, word(xsdt, 44)));
        assert_eq!((&fadt[..4], &madt[..4]), (&b"FACP"[..], &b"APIC"[..]));
        assert_eq!(word(fadt, 56), 0x600);
        assert_eq!(word(fadt, 80), 0x620);
        let facs = at(&image, word(fadt, 36));
        assert_eq!((&facs[..4], facs.len()), (&b"FACS"[..], 64));
        assert_eq!(word(fadt, 36) % 64, 0);
        assert_eq!(&at(&image, word(fadt, 140))[..4], b"DSDT");
        // the CPUs: those that are there, then those that may come
        let flags: Vec<_> = (0..5).map(|cpu| word(madt, 44 + 8 * cpu + 4)).collect();
        assert_eq!(flags, [1, 1, 2, 2, 2]);
    }

    #[test]
    fn tables_of_the_largest_machine_fit_below_a_megabyte() {
        let mut config = config(255);
        config.memory_slots = 256;
        let image = image(&config, &[0], &virtio::slots());
        assert!(ADDRESS + image.len() as u64 <= 1 << 20, "{}", image.len());
    }

    #[test]
    fn disassembler_understands_every_table() {
        if Command::new("iasl").arg("-v").output().is_err() {
            println!("skipped: no iasl: install acpica-tools");
            return;
        }
        let mut config = config(3);
        config.memory_slots = 3;
        let image = image(&config, &[0, 1], &virtio::slots());
        let xsdt = at(&image, word(&image, 24));
        let fadt = at(&image, word(xsdt, 36));
        let dir = tempfile::tempdir().unwrap();
        for (name, table) in [
            ("dsdt", at(&image, word(fadt, 140))),
            ("apic", at(&image, word(xsdt, 44))),
            ("facp", fadt),
        ] {
            let path = dir.path().join(format!("{name}.aml"));
            fs::write(&path, table).unwrap();
            let out = Command::new("iasl").arg("-d").arg(&path).output().unwrap();
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(out.status.success(), "{said}");
            let source = fs::read_to_string(path.with_extension("dsl")).unwrap();
            assert!(
                !source.contains("Invalid") && !source.contains("Error"),
                "{source}"
            );
            if name == "dsdt" {
                for text in [
                    "Method (_E02",
                    "Method (_E03",
                    "Device (M002)",
                    "PNP0C80",
                    "_MIN, MINA)",
                    "_MAX, MAXA)",
                    "_LEN, LENA)",
                    "Device (C002)",
                    "ACPI0007",
                    "_S5",
                    "Device (VR07)",
                    "LNRO0005",
                    "0xFEB00E00",
                ] {
                    assert!(source.contains(text), "{text} in {source}");
                }
            }
        }
        // what was taken apart can be put together again
        let path = dir.path().join("dsdt.dsl");
        let out = Command::new("iasl").arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success(), "{said}");
    }
}

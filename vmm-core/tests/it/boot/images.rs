//! Images: what a loader does with good ones, and with any bytes at all.

use std::sync::Arc;

use linux_loader::loader::bootparam::setup_header;
use proptest::prelude::*;
use vmm_core::boot::{BootError, BootProblem, Entry, EntryMode, FLAT_ADDRESS, Loader};
use vmm_core::guests;
use vmm_core::machine::{BootConfig, GuestRam, Image};

const RAM: u64 = 4 << 20;

fn load(image: &[u8], ram: &GuestRam) -> Result<Entry, BootError> {
    let config = BootConfig::new(Image::Bytes(Arc::from(image)));
    Loader::new(&config).unwrap().load(ram, 0xe0000)
}

fn problem(image: &[u8], ram: &GuestRam) -> Option<BootProblem> {
    load(image, ram).err().map(|error| error.problem)
}

fn read(ram: &GuestRam, address: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    ram.read(address, &mut bytes).unwrap();
    bytes
}

fn word(ram: &GuestRam, address: u64) -> u64 {
    u64::from_le_bytes(read(ram, address, 8).try_into().unwrap())
}

#[test]
fn elf_and_flat_binary_give_the_same_memory() {
    let guest = guests::hello().unwrap();
    for image in [guest.elf(), guest.flat().to_vec()] {
        let ram = GuestRam::new(RAM).unwrap();
        let entry = load(&image, &ram).unwrap();
        assert_eq!(entry.address, FLAT_ADDRESS);
        assert_eq!(read(&ram, FLAT_ADDRESS, guest.flat().len()), guest.flat());
    }
}

#[test]
fn elf_segment_is_zeroed_beyond_the_file() {
    let guest = guests::hello().unwrap();
    let ram = GuestRam::new(RAM).unwrap();
    let end = FLAT_ADDRESS + guest.flat().len() as u64;
    ram.write(end, &[0xaa; 300]).unwrap();
    load(&guest.elf(), &ram).unwrap();
    let after = read(&ram, end, 300);
    assert_eq!(after[..256], [0; 256]);
    assert_eq!(after[256..], [0xaa; 44]);
}

#[test]
fn start_info_has_command_line_memory_map_and_ram_disk() {
    let config = BootConfig {
        kernel: Image::Bytes(Arc::from([0xf4])),
        cmdline: "console=ttyS0".to_owned(),
        initrd: Some(Image::Bytes(Arc::from(&b"disk"[..]))),
    };
    let ram = GuestRam::new(RAM).unwrap();
    let info = Loader::new(&config)
        .unwrap()
        .load(&ram, 0xe0000)
        .unwrap()
        .parameters;
    assert_eq!(word(&ram, info), 0x1_336e_c578); // magic, version
    let (modules, cmdline, map) = (
        word(&ram, info + 16),
        word(&ram, info + 24),
        word(&ram, info + 40),
    );
    assert_eq!(word(&ram, info + 32), 0xe0000);
    assert_eq!(read(&ram, cmdline, 14), b"console=ttyS0\0");
    assert_eq!(
        (word(&ram, modules), word(&ram, modules + 8)),
        (RAM - 4096, 4)
    );
    assert_eq!(read(&ram, RAM - 4096, 4), b"disk");
    assert_eq!((word(&ram, map), word(&ram, map + 8)), (0, 0x9fc00));
    assert_eq!(
        (word(&ram, map + 24), word(&ram, map + 32)),
        (1 << 20, RAM - (1 << 20))
    );
}

#[test]
fn broken_elf_files_are_refused_for_what_is_wrong() {
    let good = guests::hello().unwrap().elf();
    let ram = GuestRam::new(RAM).unwrap();
    let patched = |at: usize, byte: u8| {
        let mut image = good.clone();
        image[at] = byte;
        problem(&image, &ram)
    };
    const SEGMENT: usize = 64 + 56;
    assert!(matches!(
        patched(SEGMENT + 24 + 2, 0),
        Some(BootProblem::LowSegment { address: 0 })
    ));
    assert!(matches!(
        patched(SEGMENT + 24 + 3, 1),
        Some(BootProblem::TooLarge { .. })
    ));
    assert!(matches!(patched(4, 1), Some(BootProblem::Elf(_)))); // 32 bits
    assert!(matches!(patched(18, 3), Some(BootProblem::Elf(_)))); // i386
    assert!(matches!(patched(SEGMENT, 0), Some(BootProblem::Elf(_)))); // nothing to load
    assert!(matches!(patched(64, 3), Some(BootProblem::Program))); // an interpreter
    assert!(matches!(
        patched(SEGMENT + 56 + 16 + 2, 0x70), // the note's entry
        Some(BootProblem::EntryOutside { address: 0x70_0000 })
    ));
    assert!(matches!(
        problem(&good[..good.len() - 1], &ram),
        Some(BootProblem::CutOff { .. })
    ));
}

#[test]
fn other_files_are_refused_for_what_they_are() {
    let ram = GuestRam::new(RAM).unwrap();
    for (image, says) in [
        (&b""[..], "kernel: the file is empty"),
        (
            b"\x1f\x8b\x08\0",
            "kernel: it is compressed with gzip: unpack it first",
        ),
        (
            b"\x28\xb5\x2f\xfd",
            "kernel: it is compressed with zstd: unpack it first",
        ),
        (
            b"MZ\x90\0",
            "kernel: it is an EFI program without a Linux setup header: there is no EFI firmware here",
        ),
    ] {
        assert_eq!(load(image, &ram).unwrap_err().to_string(), says);
    }
    let big = vec![0x90; usize::try_from(RAM).unwrap()];
    assert_eq!(
        load(&big, &ram).unwrap_err().to_string(),
        "kernel: it needs 4194304 bytes at 0x100000, the guest has 4194304 bytes of memory: use a larger -m"
    );
}

#[test]
fn messages_name_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kernel");
    std::fs::write(&path, b"\x7fELF").unwrap();
    let config = BootConfig::new(Image::File(path.clone()));
    let ram = GuestRam::new(RAM).unwrap();
    let error = Loader::new(&config).unwrap().load(&ram, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "kernel '{}': it is a broken ELF file: the header is cut off",
            path.display()
        )
    );
}

fn linux_guest() -> guests::Guest {
    guests::linux_parameters().unwrap()
}

#[test]
fn elf_without_note_is_started_as_linux_has_it() {
    let ram = GuestRam::new(RAM).unwrap();
    let entry = load(&guests::vmlinux(&linux_guest()), &ram).unwrap();
    assert_eq!(entry.address, FLAT_ADDRESS + 0x200);
    let EntryMode::Linux {
        gdt,
        page_table: Some(tables),
        ..
    } = entry.mode
    else {
        panic!("{entry:?}");
    };
    let zero_page = entry.parameters;
    assert_eq!(read(&ram, zero_page + 0x1fe, 2), [0x55, 0xaa]);
    assert_eq!(read(&ram, zero_page + 0x202, 4), b"HdrS");
    assert_eq!(read(&ram, zero_page + 0x210, 1), [0xff]); // a loader without number
    // code that is 64 bits wide, at the selector of the protocol
    assert_eq!(word(&ram, gdt + 0x10) >> 53 & 1, 1);
    // four levels of tables lead from each address to itself
    for address in [0u64, 0x12_3456, 0xfee0_0010, (4 << 30) - 1] {
        let mut table = tables;
        for shift in [39, 30] {
            table = word(&ram, table + 8 * (address >> shift & 511)) & !0xfff;
        }
        let page = word(&ram, table + 8 * (address >> 21 & 511));
        assert_eq!(page & 0x81, 0x81);
        assert_eq!((page & !0x1f_ffff) + (address & 0x1f_ffff), address);
    }
}

#[test]
fn bzimage_goes_to_a_mebibyte_and_its_header_to_the_zero_page() {
    let guest = linux_guest();
    let image = guests::bzimage(&guest, |header| header.hardware_subarch = 0x1234_5678);
    let ram = GuestRam::new(RAM).unwrap();
    let entry = load(&image, &ram).unwrap();
    assert_eq!(entry.address, FLAT_ADDRESS + 0x200);
    assert_eq!(read(&ram, FLAT_ADDRESS, guest.flat().len()), guest.flat());
    assert_eq!(word(&ram, entry.parameters + 0x23c) as u32, 0x1234_5678);
    let narrow = guests::bzimage(&guest, |header| header.xloadflags = 0);
    let entry = load(&narrow, &ram).unwrap();
    assert_eq!(entry.address, FLAT_ADDRESS);
    assert!(
        matches!(
            entry.mode,
            EntryMode::Linux {
                page_table: None,
                ..
            }
        ),
        "{entry:?}"
    );
}

#[test]
fn broken_bzimages_are_refused_for_what_is_wrong() {
    let guest = linux_guest();
    let ram = GuestRam::new(RAM).unwrap();
    let changed = |change: fn(&mut setup_header)| problem(&guests::bzimage(&guest, change), &ram);
    assert!(changed(|_| ()).is_none());
    assert!(matches!(
        changed(|h| h.version = 0x100),
        Some(BootProblem::BzImage(_))
    ));
    assert!(matches!(
        changed(|h| h.loadflags = 0),
        Some(BootProblem::ZImage)
    ));
    assert!(matches!(
        changed(|h| h.syssize += 1),
        Some(BootProblem::CutOff { .. })
    ));
    assert!(matches!(
        changed(|h| h.jump = 0),
        Some(BootProblem::BzImage(_))
    ));
    assert!(matches!(
        changed(|h| h.init_size = 3 << 20 | 1),
        Some(BootProblem::TooLarge {
            size: 0x30_0001,
            address: FLAT_ADDRESS,
            ..
        })
    ));
    assert!(matches!(
        changed(|h| h.pref_address = u64::MAX),
        Some(BootProblem::BzImage(_))
    ));
    assert!(matches!(
        changed(|h| h.kernel_alignment = u32::MAX),
        Some(BootProblem::TooLarge { .. })
    ));
    assert!(matches!(
        problem(&guests::bzimage(&guest, |_| ())[..0x260], &ram),
        Some(BootProblem::BzImage(_))
    ));
}

#[test]
fn ram_disk_ends_where_the_kernel_says_and_begins_a_page_behind_it() {
    let boot = |max: u32, size: usize| {
        let image = guests::bzimage(&linux_guest(), |header| header.initrd_addr_max = max);
        let config = BootConfig {
            initrd: Some(Image::Bytes(vec![7; size].into())),
            ..BootConfig::new(Image::Bytes(image.into()))
        };
        let ram = GuestRam::new(RAM).unwrap();
        let entry = Loader::new(&config).unwrap().load(&ram, 0)?;
        let place = word(&ram, entry.parameters + 0x218);
        let (address, length) = (place & 0xffff_ffff, place >> 32);
        assert_eq!(length, size as u64);
        assert_eq!(read(&ram, address, size), vec![7; size]);
        Ok::<_, BootError>(address)
    };
    assert_eq!(boot(0x7fff_ffff, 5000).unwrap(), RAM - 8192);
    assert_eq!(boot(0x1f_ffff, 4096).unwrap(), 0x1f_f000);
    assert_eq!(boot(0x1f_efff, 4097).unwrap(), 0x1f_d000);
    // the kernel uses 128 KiB from 1 MiB on
    assert_eq!(boot(0x13_0000, 0x1_0000).unwrap(), 0x12_0000);
    let error = boot(0x12_ffff, 0x1_0001).unwrap_err().to_string();
    assert_eq!(
        error,
        "initial RAM disk: its 65537 bytes do not fit between the kernel's end at 0x120000 and \
         0x130000: use a larger -m or a smaller file"
    );
    assert_eq!(
        boot(0, 0).unwrap_err().to_string(),
        "initial RAM disk: the file is empty"
    );
}

#[test]
fn command_line_has_the_length_that_the_kernel_takes() {
    let boot = |kernel: Vec<u8>, cmdline: String| {
        let config = BootConfig {
            cmdline,
            ..BootConfig::new(Image::Bytes(kernel.into()))
        };
        let ram = GuestRam::new(RAM).unwrap();
        Loader::new(&config).unwrap().load(&ram, 0).map(|_| ())
    };
    let linux = linux_guest();
    for (kernel, max) in [
        (guests::bzimage(&linux, |_| ()), 255),
        (
            guests::bzimage(&linux, |header| header.cmdline_size = 2047),
            2047,
        ),
        (guests::vmlinux(&linux), 2047),
        (guests::hello().unwrap().elf(), 0xffff),
        (
            guests::bzimage(&linux, |header| header.cmdline_size = u32::MAX),
            0xffff,
        ),
    ] {
        boot(kernel.clone(), "x".repeat(max)).unwrap();
        assert_eq!(
            boot(kernel, "x".repeat(max + 1)).unwrap_err().to_string(),
            format!(
                "kernel command line: it has {} bytes, this kernel takes {max}: use a shorter -append",
                max + 1
            )
        );
    }
    assert!(boot(vec![0xf4], "a\0b".to_owned()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_loaded_or_refused(image in proptest::collection::vec(any::<u8>(), 0..600)) {
        let ram = GuestRam::new(RAM).unwrap();
        let _ = load(&image, &ram);
        let _ = load(&[b"\x7fELF", &image[..]].concat(), &ram);
    }

    #[test]
    fn any_damage_to_a_bzimage_is_loaded_or_refused(
        damage in proptest::collection::vec((0x1f1usize..0x270, any::<u8>()), 1..8),
        cut in 0usize..3000,
    ) {
        let mut image = guests::bzimage(&linux_guest(), |_| ());
        for (at, byte) in damage {
            image[at] = byte;
        }
        image.truncate(cut.max(1));
        let ram = GuestRam::new(RAM).unwrap();
        let config = BootConfig {
            cmdline: "a".to_owned(),
            initrd: Some(Image::Bytes(vec![1; 5000].into())),
            ..BootConfig::new(Image::Bytes(image.into()))
        };
        if let Ok(entry) = Loader::new(&config).unwrap().load(&ram, 0xe0000) {
            prop_assert!(ram.contains(entry.address, 1));
        }
    }

    #[test]
    fn any_damage_to_an_elf_file_is_loaded_or_refused(
        damage in proptest::collection::vec((0usize..240, any::<u8>()), 1..8),
        cut in 0usize..2000,
    ) {
        let mut image = guests::hello().unwrap().elf();
        for (at, byte) in damage {
            image[at] = byte;
        }
        image.truncate(cut.max(1));
        let ram = GuestRam::new(RAM).unwrap();
        let _ = load(&image, &ram);
    }

    #[test]
    fn any_memory_range_is_served_or_refused(address: u64, len in 0usize..9000, near: bool) {
        let address = if near { address % (2 * 16384) } else { address };
        let ram = GuestRam::new(16384).unwrap();
        let inside = address.checked_add(len as u64).is_some_and(|end| end <= 16384);
        prop_assert_eq!(ram.contains(address, len as u64), inside);
        prop_assert_eq!(ram.write(address, &vec![1; len]).is_ok(), inside);
        prop_assert_eq!(ram.zero(address, len as u64).is_ok(), inside);
        if len > 0 {
            prop_assert_eq!(ram.read(address, &mut vec![0; len]).is_ok(), inside);
        }
    }
}

//! Images: what a loader does with good ones, and with any bytes at all.

use std::sync::Arc;

use proptest::prelude::*;
use vmm_core::boot::{BootError, FLAT_ADDRESS, Loader};
use vmm_core::guests;
use vmm_core::machine::{BootConfig, GuestRam, Image};

const RAM: u64 = 4 << 20;

fn load(image: &[u8], ram: &GuestRam) -> Result<vmm_core::boot::Entry, BootError> {
    let config = BootConfig::new(Image::Bytes(Arc::from(image)));
    Loader::new(&config).unwrap().load(ram, 0xe0000)
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
        .start_info;
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
fn elf_without_note_or_in_the_way_is_refused() {
    let good = guests::hello().unwrap().elf();
    let ram = GuestRam::new(RAM).unwrap();
    let patched = |at: usize, byte: u8| {
        let mut image = good.clone();
        image[at] = byte;
        load(&image, &ram)
    };
    assert!(matches!(patched(64, 0), Err(BootError::NoEntry))); // the note's type
    assert!(matches!(
        patched(64 + 56 + 24 + 2, 0),
        Err(BootError::LowSegment { address: 0 })
    ));
    assert!(matches!(
        patched(64 + 56 + 24 + 3, 1),
        Err(BootError::TooLarge { .. })
    ));
    assert!(matches!(patched(4, 1), Err(BootError::Elf(_)))); // 32 bits
    assert!(matches!(patched(18, 3), Err(BootError::Elf(_)))); // i386
}

proptest! {
    #[test]
    fn any_bytes_are_loaded_or_refused(image in proptest::collection::vec(any::<u8>(), 0..600)) {
        let ram = GuestRam::new(RAM).unwrap();
        let _ = load(&image, &ram);
        let _ = load(&[b"\x7fELF", &image[..]].concat(), &ram);
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

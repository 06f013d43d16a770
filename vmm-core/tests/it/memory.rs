//! Guest memory from outside.

use std::io;
use std::sync::Arc;

use vmm_core::guests;
use vmm_core::machine::{BootConfig, Image, MachineConfig, MachineError};
use vmm_core::qom::{Given, Spec};

use crate::fixture::Fixture;

#[test]
fn virtual_addresses_go_through_the_guests_page_tables() {
    let guest = guests::heartbeat().unwrap();
    let Some(fixture) = Fixture::guest(guest.boot(), |config| config.ram_size = 64 << 20) else {
        return;
    };
    fixture.expect("heartbeat: running\n");
    let machine = &fixture.machine;
    let size = usize::try_from(guests::PATTERN_SIZE).unwrap();
    let physical = machine
        .read_physical(guests::PATTERN_ADDRESS, size)
        .unwrap();
    // across a page boundary, with odd ends
    let bytes = machine
        .read_virtual(0, guests::PATTERN_ADDRESS + 1, size + 77)
        .unwrap();
    assert_eq!(bytes[..size - 1], physical[1..]);
    // the guest maps 16 MiB, though there is more memory
    machine.read_physical(16 << 20, 4096).unwrap();
    machine.read_virtual(0, (16 << 20) - 4096, 4096).unwrap();
    let unmapped = machine
        .read_virtual(0, (16 << 20) - 4096, 4097)
        .unwrap_err();
    let text = "Invalid addr 0x0000000000fff000/size 4097 specified";
    assert_eq!(unmapped.to_string(), text);
    assert!(matches!(
        machine.read_virtual(1, 0, 1),
        Err(MachineError::NoCpu(1))
    ));
    // mapped, but no memory: the local APIC
    assert!(machine.read_virtual(0, 0xfee0_0000, 4).is_err());
    assert!(machine.read_virtual(0, u64::MAX - 1, 4).is_err());
}

fn file_backend(path: &std::path::Path, properties: &[(&str, &str)]) -> Spec {
    let path = ("mem-path", path.to_str().unwrap());
    let given = [path].into_iter().chain(properties.iter().copied());
    let given = given.map(|(name, value)| (name.to_owned(), Given::text(value)));
    Spec {
        type_name: "memory-backend-file".to_owned(),
        id: Some("mem".to_owned()),
        properties: given.collect(),
    }
}

// proves: object-add
#[test]
fn guest_memory_is_in_the_file_if_it_is_shared() {
    let dir = tempfile::tempdir().unwrap();
    let guest = guests::heartbeat().unwrap();
    for share in ["on", "off"] {
        let path = dir.path().join(share);
        let offset = 8192;
        let backend = file_backend(&path, &[("size", "4M"), ("share", share), ("offset", "8k")]);
        let Some(fixture) = Fixture::guest(guest.boot(), |config| {
            config.ram_size = 0;
            config.memory_backend = Some("mem".to_owned());
            config.objects = vec![backend];
        }) else {
            return;
        };
        fixture.expect("heartbeat: running\n");
        assert_eq!(fixture.machine.ram_size(), 4 << 20);
        let file = std::fs::read(&path).unwrap();
        assert_eq!(file.len(), (4 << 20) + offset);
        let start = offset + usize::try_from(guests::PATTERN_ADDRESS).unwrap();
        let size = usize::try_from(guests::PATTERN_SIZE).unwrap();
        let expected = match share {
            "on" => (0..1024)
                .flat_map(|index| guests::pattern(index).to_le_bytes())
                .collect(),
            _ => vec![0; size],
        };
        assert!(file[start..start + size] == expected, "share={share}");
        let error = fixture.machine.object_del("mem").unwrap_err();
        let text = "object 'mem' is in use, can not be deleted";
        assert_eq!(error.to_string(), text);
    }
}

/// Two machines over one file see what the other writes if both share it.
#[test]
fn shared_file_is_the_memory_of_two_machines() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("memory");
    let guest = guests::heartbeat().unwrap();
    let backend = |share| file_backend(&path, &[("size", "4M"), ("share", share)]);
    let with = |config: &mut MachineConfig, share| {
        config.ram_size = 0;
        config.memory_backend = Some("mem".to_owned());
        config.objects = vec![backend(share)];
    };
    let Some(fixture) = Fixture::guest(guest.boot(), |config| with(config, "on")) else {
        return;
    };
    fixture.expect("heartbeat: running\n");
    let shared = Fixture::new(|config| with(config, "on"));
    assert_eq!(shared.word(guests::PATTERN_ADDRESS + 4), guests::pattern(1));
    let ticks = shared.word(guests::TICKS);
    shared.await_word(guests::TICKS, ticks + 2);
    let private = Fixture::new(|config| with(config, "off"));
    let free = 3 << 20;
    private.machine.write_physical(free, &[1; 4]).unwrap();
    assert_eq!((fixture.word(free), shared.word(free)), (0, 0));
    shared.machine.write_physical(free, &[2; 4]).unwrap();
    assert_eq!(fixture.word(free), 0x0202_0202);
    // what it has written to is its own by now
    assert_eq!(private.word(free), 0x0101_0101);
}

#[test]
fn saved_memory_is_one_moments() {
    let guest = guests::heartbeat().unwrap();
    let Some(fixture) = Fixture::guest(guest.boot(), |_| {}) else {
        return;
    };
    fixture.expect("heartbeat: running\n");
    let size = fixture.machine.ram_size();
    let mut image = Vec::new();
    fixture.machine.save_physical(0, size, &mut image).unwrap();
    assert_eq!(image.len() as u64, size);
    let pattern = usize::try_from(guests::PATTERN_ADDRESS).unwrap();
    assert_eq!(
        image[pattern..pattern + 4],
        guests::pattern(0).to_le_bytes()
    );
    assert!(fixture.machine.run_state().is_running());
    let ticks = fixture.word(guests::TICKS);
    fixture.await_word(guests::TICKS, ticks + 2);
}

#[test]
fn failing_output_is_an_error_and_the_guest_runs_on() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let guest = guests::heartbeat().unwrap();
    let Some(fixture) = Fixture::guest(guest.boot(), |_| {}) else {
        return;
    };
    let failed = fixture
        .machine
        .save_physical(0, 4096, &mut Full)
        .unwrap_err();
    assert!(matches!(failed, MachineError::Output(_)));
    fixture.await_word(guests::TICKS, 2);
}

#[test]
fn range_outside_memory_is_refused() {
    let fixture = Fixture::new(|_| {});
    for (address, size) in [
        (4 << 20, 1),
        ((4 << 20) - 1, 2),
        (u64::MAX, 1),
        (0, u64::MAX),
    ] {
        let refused = fixture
            .machine
            .save_physical(address, size, &mut io::sink());
        assert!(
            matches!(refused, Err(MachineError::BadAddress { .. })),
            "{address:#x}+{size}"
        );
    }
    assert!(fixture.machine.write_physical(4 << 20, &[0]).is_err());
}

#[test]
fn string_input_reads_the_port_once_for_each_element() {
    let code = [
        0xb0, 0x5f, 0xe6, 0x70, // CMOS index 0x5f: the number of further CPUs
        0xbf, 0x00, 0x00, 0x17, 0x00, // mov edi, 0x170000
        0xb9, 0x08, 0x00, 0x00, 0x00, // mov ecx, 8
        0xba, 0x71, 0x00, 0x00, 0x00, // mov edx, 0x71
        0xf3, 0x6c, // rep insb
        0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x20, 0x66, 0xef, // power off
        0xf4,
    ];
    let boot = BootConfig::new(Image::Bytes(Arc::from(code)));
    let Some(fixture) = Fixture::guest(boot, |config| config.cpus = 3) else {
        return;
    };
    fixture.machine.wait();
    let bytes = fixture.machine.read_physical(0x17_0000, 9).unwrap();
    assert_eq!(bytes, [2, 2, 2, 2, 2, 2, 2, 2, 0]);
}

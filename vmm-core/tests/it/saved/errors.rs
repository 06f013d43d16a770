//! Files that a machine refuses, and that change nothing then.

use proptest::prelude::*;
use vmm_core::machine::MachineConfig;

use crate::fixture::Fixture;
use crate::plug::{cpu, dimm, memory};
use crate::virtio::spec;

/// Why `fixture` refuses `state`; it is as before.
#[track_caller]
fn refusal(fixture: &Fixture, state: &[u8]) -> String {
    let before = fixture.machine.save_state().unwrap();
    let error = fixture.machine.load_state(state).unwrap_err();
    assert_eq!(fixture.machine.save_state().unwrap(), before);
    error.to_string()
}

/// What a machine with one device of each kind says.
fn full() -> Fixture {
    Fixture::new(|config| {
        config.devices = vec![
            spec("ib700", "w", &[]),
            spec("isa-vga", "v", &[]),
            spec("virtio-rng-device", "r", &[]),
            spec("virtio-balloon-device", "b", &[]),
            spec("virtio-serial-device", "s", &[]),
            spec("virtconsole", "c", &[]),
        ];
    })
}

#[test]
fn machine_goes_on_from_its_own_state_and_from_that_of_its_like() {
    let (one, other) = (full(), full());
    let state = one.machine.save_state().unwrap();
    one.machine.load_state(&state).unwrap();
    assert_eq!(one.machine.save_state().unwrap(), state);
    other.machine.load_state(&state).unwrap();
    assert_eq!(other.machine.save_state().unwrap(), state);
}

#[test]
fn another_machine_says_what_differs() {
    type Change = fn(&mut MachineConfig);
    let plain = Fixture::new(|_| ());
    let state = plain.machine.save_state().unwrap();
    let cases: [(Change, &str); 6] = [
        (
            |config| config.cpus = 2,
            "the CPUs differ: 0 in the file, 0 1 here",
        ),
        (
            |config| config.ram_size = 8 << 20,
            "the pieces of memory differ: 0x0+0x400000 in the file, 0x0+0x800000 here",
        ),
        (
            |config| config.devices = vec![spec("ib700", "w", &[])],
            "'ib700@pio:441' is in this machine and not in the file",
        ),
        (
            |config| config.devices = vec![spec("virtio-rng-device", "r", &[])],
            "'virtio-mmio@mmio:feb00e00': nothing was there, a virtio-rng-device is now",
        ),
        (
            |config| config.devices = vec![spec("isa-vga", "v", &[])],
            "the pieces of memory differ: 0x0+0x400000 in the file, 0x0+0x400000 0xe0000000+0x800000 here",
        ),
        (
            |config| config.kind = vmm_core::machine::MachineKind::None,
            "the boards differ: q-min in the file, none here",
        ),
    ];
    for (change, words) in cases {
        let other = Fixture::new(|config| {
            change(config);
            if config.kind == vmm_core::machine::MachineKind::None {
                config.serial.clear();
            }
        });
        assert_eq!(refusal(&other, &state), words);
    }
    let watched = Fixture::new(|config| config.devices = vec![spec("ib700", "w", &[])]);
    let state = watched.machine.save_state().unwrap();
    let words = "'ib700@pio:441' is in the file and not in this machine";
    assert_eq!(refusal(&plain, &state), words);
    let [more, less] = ["2", "3"].map(|ports| {
        Fixture::new(|config| {
            let device = spec("virtio-serial-device", "s", &[("max_ports", ports)]);
            config.devices.push(device);
        })
    });
    let words = refusal(&less, &more.machine.save_state().unwrap());
    assert_eq!(
        words,
        "'virtio-mmio@mmio:feb00e00': there were 6 queues, and are 8"
    );
}

#[test]
fn what_was_plugged_in_has_to_be_there_again() {
    let [full, other] = std::array::from_fn(|_| {
        Fixture::new(|config| {
            config.max_cpus = 3;
            config.memory_slots = 2;
            config.max_ram_size = 64 << 20;
        })
    });
    let plug_cpu = |fixture: &Fixture| fixture.machine.device_add(cpu("c", 1, 0)).unwrap();
    let plug_memory = |fixture: &Fixture| {
        fixture.machine.object_add(&memory("m", "8M")).unwrap();
        let module = dimm("d", &[("memdev", "m")]);
        fixture.machine.device_add(module).unwrap();
    };
    plug_cpu(&full);
    plug_memory(&full);
    let state = full.machine.save_state().unwrap();
    let words = "the CPUs differ: 0 1 in the file, 0 here";
    assert_eq!(refusal(&other, &state), words);
    plug_cpu(&other);
    let words = "the pieces of memory differ: 0x0+0x400000 0x100000000+0x800000 in the file, 0x0+0x400000 here";
    assert_eq!(refusal(&other, &state), words);
    plug_memory(&other);
    other.machine.load_state(&state).unwrap();
    assert!(other.machine.save_state().unwrap() == state);
}

#[test]
fn files_that_are_none_are_refused() {
    let fixture = full();
    let state = fixture.machine.save_state().unwrap();
    for length in [0, 7, 8, 20, state.len() / 2, state.len() - 1] {
        assert_eq!(refusal(&fixture, &state[..length]), "it is incomplete");
    }
    let foreign = b"QEVM\0\0\0\x03 and so on, for quite a while";
    assert_eq!(
        refusal(&fixture, foreign),
        "it is not a file of device state"
    );
    let mut damaged = state.clone();
    damaged[state.len() / 2] ^= 1;
    assert_eq!(refusal(&fixture, &damaged), "its checksum is wrong");
    let longer = [&state[..], &[0]].concat();
    assert_eq!(refusal(&fixture, &longer), "its checksum is wrong");
}

/// Gives a file that was changed the checksum that it needs.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let at = bytes.len() - 4;
    let checksum = crc32fast::hash(&bytes[..at]);
    bytes[at..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn mutated_files_with_a_good_checksum_are_loaded_or_refused_and_do_no_harm() {
    let fixture = full();
    let state = fixture.machine.save_state().unwrap();
    let length = state.len();
    let changes = proptest::collection::vec((16..length - 4, any::<u8>()), 1..4);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(400)
    });
    let result = runner.run(&changes, |changes| {
        let mut bytes = state.clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let machine = &fixture.machine;
        match machine.load_state(&sealed(bytes)) {
            Ok(()) => {
                // whatever it is in now can be saved and loaded once more
                let again = machine.save_state().unwrap();
                prop_assert!(machine.load_state(&again).is_ok());
                machine.cont().unwrap();
                machine.stop().unwrap();
                machine.load_state(&state).unwrap();
            }
            Err(_) => prop_assert!(machine.save_state().unwrap() == state),
        }
        Ok(())
    });
    result.unwrap();
}

//! Guests that print what they were given, started from every format.

use vmm_core::boot::FLAT_ADDRESS;
use vmm_core::guests;
use vmm_core::machine::{BootConfig, Cause, Image, MachineError, MachineEvent, ShutdownAction};

use crate::fixture::Fixture;

fn boot(kernel: Vec<u8>) -> BootConfig {
    BootConfig {
        cmdline: "root=/dev/none quiet -- 'a b'".to_owned(),
        initrd: Some(Image::Bytes(b"what the RAM disk holds"[..].into())),
        ..BootConfig::new(Image::Bytes(kernel.into()))
    }
}

/// What the guest prints until its end.
fn said(boot: BootConfig) -> Option<String> {
    let fixture = Fixture::guest(boot, |_| ())?;
    fixture.expect("end\n");
    Some(fixture.console())
}

const GIVEN: &str = "cmdline:root=/dev/none quiet -- 'a b'\ninitrd:what the RAM disk holds\n";

#[test]
fn pvh_guest_finds_command_line_and_ram_disk() {
    let guest = guests::pvh_parameters().unwrap();
    for kernel in [guest.elf(), guest.flat().to_vec()] {
        let Some(said) = said(boot(kernel)) else {
            return;
        };
        assert_eq!(said, format!("{GIVEN}end\n"));
    }
}

#[test]
fn pvh_guest_without_parameters_finds_none() {
    let guest = guests::pvh_parameters().unwrap();
    let Some(said) = said(guest.boot()) else {
        return;
    };
    assert_eq!(said, "cmdline:\ninitrd:\nend\n");
}

/// ACPI tables are found, and of two ranges of memory the upper one has 3 MiB.
const BOARD: &str = "acpi:RSD PTR\nmemory:02 03\nend\n";

#[test]
fn vmlinux_and_bzimage_are_entered_in_64_bit_mode_with_everything() {
    let guest = guests::linux_parameters().unwrap();
    for kernel in [guests::vmlinux(&guest), guests::bzimage(&guest, |_| ())] {
        let Some(said) = said(boot(kernel)) else {
            return;
        };
        assert_eq!(said, format!("{}{GIVEN}{BOARD}", guests::ABOUT_64_BIT));
    }
}

#[test]
fn bzimage_without_64_bit_entry_is_entered_in_32_bit_mode() {
    let guest = guests::linux_parameters().unwrap();
    let old = guests::bzimage(&guest, |header| {
        header.version = 0x209;
        header.xloadflags = 0;
    });
    let Some(said) = said(boot(old)) else {
        return;
    };
    assert_eq!(said, format!("{GIVEN}{BOARD}"));
}

/// Without ACPI there are no tables, and nobody says that there are.
#[test]
fn guest_without_acpi_is_given_no_tables() {
    let find =
        |memory: &[u8], bytes: &[u8]| memory.windows(bytes.len()).position(|part| part == bytes);
    let linux = guests::linux_parameters().unwrap();
    let pvh = guests::pvh_parameters().unwrap().flat().to_vec();
    for (kernel, mark, at) in [
        // the magic of `hvm_start_info`, and `boot_params.hdr.header`
        (pvh, &b"\x78\xc5\x6e\x33"[..], 32),
        (guests::bzimage(&linux, |_| ()), &b"HdrS"[..], 0x70 - 0x202),
    ] {
        for no_acpi in [false, true] {
            let fixture = Fixture::new(|config| {
                config.boot = Some(boot(kernel.clone()));
                config.no_acpi = no_acpi;
            });
            let memory = fixture.machine.read_physical(0, 1 << 20).unwrap();
            let start = find(&memory, mark).unwrap().cast_signed() + at;
            let start = start.cast_unsigned();
            let pointer = u64::from_le_bytes(memory[start..start + 8].try_into().unwrap());
            let tables = find(&memory, b"RSD PTR ");
            match no_acpi {
                true => assert_eq!((pointer, tables), (0, None)),
                false => assert_eq!(Some(pointer), tables.map(|at| at as u64)),
            }
            let error =
                |result: Result<Vec<_>, MachineError>| result.err().map(|error| error.to_string());
            let text = "command is not supported, missing ACPI device";
            let status = error(fixture.machine.ospm_status());
            assert_eq!(status.as_deref(), no_acpi.then_some(text));
        }
    }
}

#[test]
fn reset_loads_the_kernel_and_the_ram_disk_again() {
    let guest = guests::linux_parameters().unwrap();
    let kernel = guests::bzimage(&guest, |_| ());
    let Some(fixture) = Fixture::guest(boot(kernel), |config| {
        config.actions.shutdown = ShutdownAction::Pause;
    }) else {
        return;
    };
    fixture.expect("end\n");
    let first = fixture.console();
    fixture.await_event(MachineEvent::Stop);
    let memory = 3 << 20;
    let start = usize::try_from((4 << 20) - memory).unwrap();
    fixture
        .machine
        .write_physical(memory, &vec![0xf4; start])
        .unwrap();
    fixture
        .machine
        .write_physical(FLAT_ADDRESS, &[0xf4; 0x400])
        .unwrap();
    fixture.machine.reset(Cause::HostQmpSystemReset).unwrap();
    fixture.machine.cont().unwrap();
    fixture.expect("end\n");
    assert_eq!(fixture.console(), first);
}

//! CPUs that come and go while a guest runs.

use qmp_runtime::json::Value;
use vmm_core::devices::{OstReport, Place};
use vmm_core::guests::{self, AP_COUNT, PLUG_KEEPS, PLUG_REFUSAL, PLUG_REPORT};
use vmm_core::machine::{MachineEvent, OspmStatus, Topology};
use vmm_core::qom::{Given, Spec};

use crate::fixture::Fixture;

pub(crate) fn cpu(id: &str, core: i64, thread: i64) -> Spec {
    let ids = [("socket-id", 0), ("core-id", core), ("thread-id", thread)];
    let ids = ids.map(|(name, id)| (name.to_owned(), Given::Json(Value::from(id))));
    Spec {
        type_name: "host-x86_64-cpu".to_owned(),
        id: Some(id.to_owned()),
        properties: ids.to_vec(),
    }
}

fn guest() -> Option<Fixture> {
    let guest = guests::plug().unwrap();
    let fixture = Fixture::guest(guest.boot(), |config| {
        config.max_cpus = 6;
        // APIC IDs 0, 1, 2, 3, 4, 5: threads in bit 0, three cores above
        config.topology = Some(Topology {
            sockets: 1,
            dies: 1,
            cores: 3,
            threads: 2,
        });
    })?;
    fixture.expect("plug: ready\n");
    fixture.console();
    Some(fixture)
}

fn indexes(fixture: &Fixture) -> Vec<u32> {
    let cpus = fixture.machine.cpus().unwrap();
    cpus.iter().map(|cpu| cpu.index).collect()
}

// proves: device_add, device_del, query-acpi-ospm-status
#[test]
fn cpu_comes_is_started_goes_and_comes_again() {
    let Some(fixture) = guest() else { return };
    let machine = &fixture.machine;
    for round in 1..=2 {
        machine.device_add(cpu("one", 1, 1)).unwrap();
        fixture.expect("plug: a CPU has come\n");
        fixture.console();
        assert_eq!(fixture.word(AP_COUNT) & 0xffff, round);
        assert_eq!(indexes(&fixture), [0, 3]);
        let slots = machine.cpu_slots().unwrap();
        assert_eq!(
            slots[3].path.as_deref(),
            Some("/machine/peripheral/one"),
            "{slots:?}"
        );
        let again = machine.device_add(cpu("two", 1, 1)).unwrap_err();
        assert_eq!(again.to_string(), "CPU[3] with APIC ID 3 exists");

        machine.device_del("one").unwrap();
        fixture.expect("plug: a CPU has gone\n");
        fixture.console();
        assert_eq!(indexes(&fixture), [0]);
        assert_eq!(machine.cpu_slots().unwrap()[3].path, None);
    }
    let (event, status) = PLUG_REPORT;
    let report = OstReport { event, status };
    let told = MachineEvent::AcpiDeviceOst(OspmStatus {
        device: Some("one".to_owned()),
        place: Place::Cpu(3),
        report,
    });
    let deleted = MachineEvent::DeviceDeleted {
        device: Some("one".to_owned()),
        path: "/machine/peripheral/one".to_owned(),
    };
    assert_eq!(
        fixture.events(),
        [
            MachineEvent::Resume,
            told.clone(),
            deleted.clone(),
            told,
            deleted
        ]
    );
    assert_eq!(machine.ospm_status().unwrap()[3].report, report);
}

// proves: device_del
#[test]
fn cpu_that_the_guest_keeps_can_be_asked_for_again() {
    let Some(fixture) = guest() else { return };
    let machine = &fixture.machine;
    machine.device_add(cpu("one", 1, 1)).unwrap();
    fixture.expect("plug: a CPU has come\n");
    machine
        .write_physical(PLUG_KEEPS, &1u32.to_le_bytes())
        .unwrap();
    let refusal = MachineEvent::DeviceUnplugGuestError {
        device: Some("one".to_owned()),
        path: "/machine/peripheral/one".to_owned(),
    };
    machine.device_del("one").unwrap();
    fixture.expect("plug: a CPU stays\n");
    fixture.await_event(refusal);
    assert_eq!(indexes(&fixture), [0, 3]);
    let (event, status) = PLUG_REFUSAL;
    assert_eq!(
        machine.ospm_status().unwrap()[3].report,
        OstReport { event, status }
    );
    machine.device_del("one").unwrap();
    fixture.expect("plug: a CPU has gone\n");
    assert_eq!(indexes(&fixture), [0]);
}

// proves: cpu-add, query-cpus, query-hotpluggable-cpus
#[test]
fn cpus_are_added_by_number_until_all_are_there() {
    let Some(fixture) = guest() else { return };
    let machine = &fixture.machine;
    for (index, count) in [(5, 1), (1, 2), (2, 3)] {
        machine.plug_cpu(index).unwrap();
        fixture.expect("plug: a CPU has come\n");
        fixture.console();
        assert_eq!(fixture.word(AP_COUNT) & 0xffff, count);
    }
    assert_eq!(indexes(&fixture), [0, 1, 2, 5]);
    for (index, text) in [
        (2, "CPU[2] with APIC ID 2 exists"),
        (6, "Invalid CPU id: 6"),
        (-1, "Invalid CPU id: -1"),
    ] {
        assert_eq!(machine.plug_cpu(index).unwrap_err().to_string(), text);
    }
    // a reset keeps them, as CPUs that wait to be started
    machine
        .reset(vmm_core::machine::Cause::HostQmpSystemReset)
        .unwrap();
    fixture.expect("plug: ready\n");
    assert_eq!(indexes(&fixture), [0, 1, 2, 5]);
    assert_eq!(fixture.word(AP_COUNT) & 0xffff, 0);
    // and the tables that the guest finds them in are there
    let tables = machine.read_physical(0xe0000, 8).unwrap();
    assert_eq!(tables, b"RSD PTR ");
}

#[test]
fn places_that_are_none_are_refused_by_name() {
    let fixture = Fixture::new(|config| config.max_cpus = 3);
    let machine = &fixture.machine;
    let refusal = |spec: Spec| machine.device_add(spec).unwrap_err().to_string();
    assert_eq!(
        refusal(cpu("a", 9, 0)),
        "Invalid CPU core-id: 9 must be in range 0:2"
    );
    assert_eq!(
        refusal(cpu("a", 2, 1)),
        "Invalid CPU thread-id: 1 must be in range 0:0"
    );
    let bare = Spec {
        properties: Vec::new(),
        ..cpu("a", 0, 0)
    };
    assert_eq!(refusal(bare), "CPU socket-id is not set");
    let other = Spec {
        type_name: "qemu64-x86_64-cpu".to_owned(),
        ..cpu("a", 1, 0)
    };
    assert_eq!(
        refusal(other),
        "Invalid CPU type, expected cpu type: 'host-x86_64-cpu'"
    );
    let boot = machine.device_del("/machine/unattached/device[0]");
    assert_eq!(boot.unwrap_err().to_string(), "Boot CPU is unpluggable");
    // without an accelerator, CPUs come all the same
    machine.device_add(cpu("a", 1, 0)).unwrap();
    assert_eq!(indexes(&fixture), [0, 1]);
}

pub(crate) fn memory(id: &str, size: &str) -> Spec {
    Spec {
        type_name: "memory-backend-ram".to_owned(),
        id: Some(id.to_owned()),
        properties: vec![("size".to_owned(), Given::text(size))],
    }
}

pub(crate) fn dimm(id: &str, properties: &[(&str, &str)]) -> Spec {
    let given = properties.iter();
    let given = given.map(|&(name, value)| (name.to_owned(), Given::text(value)));
    Spec {
        type_name: "pc-dimm".to_owned(),
        id: Some(id.to_owned()),
        properties: given.collect(),
    }
}

// proves: device_add, device_del, query-memory-devices, query-memory-size-summary
#[test]
fn memory_module_comes_is_used_stays_once_goes_and_comes_again() {
    let guest = guests::mem().unwrap();
    let Some(fixture) = Fixture::guest(guest.boot(), |config| {
        config.memory_slots = 2;
        config.max_ram_size = 64 << 20;
    }) else {
        return;
    };
    fixture.expect("mem: ready\n");
    fixture.console();
    let machine = &fixture.machine;
    machine.object_add(&memory("m", "8M")).unwrap();
    let path = "/machine/peripheral/d".to_owned();
    let device = Some("d".to_owned());
    for _ in 0..2 {
        assert_eq!(machine.plugged_memory(), 0);
        machine.device_add(dimm("d", &[("memdev", "m")])).unwrap();
        fixture.expect("mem: a module has come\n");
        let info = machine.dimms().remove(0);
        assert_eq!((info.address, info.size, info.slot), (4 << 30, 8 << 20, 0));
        assert!(info.hotplugged);
        assert_eq!(machine.plugged_memory(), 8 << 20);
        for offset in [0, guests::MEM_MARK_OFFSET] {
            assert_eq!(fixture.word(info.address + offset), guests::MEM_MARK);
        }
        // a reset keeps it, with what is in it
        machine
            .reset(vmm_core::machine::Cause::HostQmpSystemReset)
            .unwrap();
        fixture.expect("mem: ready\n");
        assert_eq!(fixture.word(info.address), guests::MEM_MARK);
        machine
            .write_physical(PLUG_KEEPS, &1u32.to_le_bytes())
            .unwrap();
        machine.device_del("d").unwrap();
        fixture.expect("mem: a module stays\n");
        fixture.await_event(MachineEvent::DeviceUnplugGuestError {
            device: device.clone(),
            path: path.clone(),
        });
        assert_eq!(machine.dimms().len(), 1);
        let busy = machine.object_del("m").unwrap_err().to_string();
        assert_eq!(busy, "object 'm' is in use, can not be deleted");
        machine.device_del("d").unwrap();
        fixture.expect("mem: a module has gone\n");
        fixture.await_event(MachineEvent::DeviceDeleted {
            device: device.clone(),
            path: path.clone(),
        });
        fixture.console();
        assert!(machine.dimms().is_empty());
        assert!(machine.read_physical(4 << 30, 4).is_err());
    }
    machine.object_del("m").unwrap();
}

#[test]
fn modules_that_do_not_fit_are_refused_in_qemus_words() {
    let fixture = Fixture::new(|config| {
        config.memory_slots = 2;
        config.max_ram_size = config.ram_size + (384 << 20);
    });
    let machine = &fixture.machine;
    for (id, size) in [("m", "128M"), ("n", "128M"), ("o", "1G"), ("p", "12k")] {
        machine.object_add(&memory(id, size)).unwrap();
    }
    let refusal = |properties: &[(&str, &str)]| {
        let added = machine.device_add(dimm("x", properties));
        added.unwrap_err().to_string()
    };
    let text = "'memdev' property must be set";
    assert_eq!(refusal(&[]), text);
    machine.device_add(dimm("d", &[("memdev", "m")])).unwrap();
    for (properties, text) in [
        (&[("memdev", "m")][..], "can't use already busy memdev: m"),
        (
            &[("memdev", "n"), ("slot", "5")],
            "invalid slot number 5, valid range is [0-1]",
        ),
        (
            &[("memdev", "n"), ("slot", "-2")],
            "invalid slot number -2, valid range is [0-1]",
        ),
        (&[("memdev", "n"), ("slot", "0")], "slot 0 is busy"),
        (
            &[("memdev", "n"), ("addr", "0x1000")],
            "address must be aligned to 0x200000 bytes",
        ),
        (
            &[("memdev", "n"), ("addr", "0x104000000")],
            "address range conflicts with memory device id='d'",
        ),
        (
            &[("memdev", "n"), ("addr", "0x8000000")],
            "can't add memory device [0x8000000:0x8000000], usable range for memory devices [0x100000000:0x98000000]",
        ),
        (
            &[("memdev", "n"), ("node", "3")],
            "'DIMM property node has value 3' which exceeds the number of numa nodes: 1",
        ),
        (
            &[("memdev", "o")],
            "not enough space, currently 0x8000000 in use of total space for memory devices 0x18000000",
        ),
        (
            &[("memdev", "p")],
            "backend memory size must be multiple of 0x200000",
        ),
    ] {
        assert_eq!(refusal(properties), text);
    }
    machine.device_add(dimm("e", &[("memdev", "n")])).unwrap();
    let places: Vec<_> = machine.dimms().iter().map(|dimm| dimm.address).collect();
    assert_eq!(places, [0x1_0000_0000, 0x1_0800_0000]);
    assert_eq!(refusal(&[("memdev", "p")]), "no free slots available");
    let none = Fixture::new(|_| {});
    none.machine.object_add(&memory("m", "128M")).unwrap();
    let error = none.machine.device_add(dimm("d", &[("memdev", "m")]));
    assert_eq!(
        error.unwrap_err().to_string(),
        "no slots where allocated, please specify the 'slots' option"
    );
}

//! Objects, properties and types.

use qmp_types::qmp::commands;
use vmm_core::backends::{IoThread, Secret};
use vmm_core::machine::MachineKind;
use vmm_core::qom::{Given, Spec, registry};

use crate::fixture::Fixture;

fn spec(type_name: &str, id: Option<&str>, properties: &[(&str, &str)]) -> Spec {
    let text = |&(name, value): &(&str, &str)| (name.to_owned(), Given::text(value));
    Spec {
        type_name: type_name.to_owned(),
        id: id.map(str::to_owned),
        properties: properties.iter().map(text).collect(),
    }
}

#[test]
fn tree_shows_what_the_machine_is_made_from() {
    let fixture = Fixture::new(|config| {
        config.cpus = 2;
        config.max_cpus = 3;
    });
    let tree = fixture.machine.tree();
    let machine = tree.resolve("/machine").unwrap();
    assert_eq!(machine.get("type").unwrap(), "q-min-machine");
    assert_eq!(machine.get("memory").unwrap()["size"], 4 << 20);
    assert_eq!(machine.get("smp").unwrap()["maxcpus"], 3);
    let cpus = tree.all_of("cpu");
    assert_eq!(cpus.len(), 2);
    assert_eq!(cpus[1].path(), "/machine/unattached/device[1]");
    assert_eq!(cpus[1].get("core-id").unwrap(), 1);
    let ports = tree.all_of("isa-serial");
    assert_eq!(ports[0].get("chardev").unwrap(), "serial0");
    assert_eq!(ports[0].get("irq").unwrap(), 4);
    let chardev = tree.resolve("/chardevs/serial0").unwrap();
    assert_eq!(chardev.type_info().name, "chardev-ringbuf");
    fixture
        .machine
        .chardevs()
        .insert("late", chardev_null())
        .unwrap();
    assert!(tree.resolve("/chardevs/late").is_ok());
    fixture.machine.chardevs().remove("late").unwrap();
    assert!(tree.resolve("/chardevs/late").is_err());
}

fn chardev_null() -> std::sync::Arc<dyn vmm_core::char::Backend> {
    std::sync::Arc::new(vmm_core::char::Null)
}

#[test]
fn every_machine_has_a_type_of_its_name() {
    for kind in MachineKind::ALL {
        let name = format!("{}-machine", kind.as_str());
        let known = registry::find(&name).unwrap_or_else(|| panic!("no type {name}"));
        assert!(known.is_a("machine") && !known.is_abstract);
    }
}

#[test]
fn device_that_cannot_be_made_is_refused_by_name() {
    let fixture = Fixture::new(|_| ());
    let refused = |spec: Spec| fixture.machine.device_add(spec).unwrap_err().to_string();
    assert_eq!(
        refused(spec("nope", None, &[])),
        "'nope' is not a valid device model name"
    );
    assert_eq!(
        refused(spec("device", None, &[])),
        "Parameter 'driver' expects a non-abstract device type"
    );
    assert_eq!(
        refused(spec("mc146818rtc", None, &[])),
        "Parameter 'driver' expects a pluggable device type"
    );
    assert_eq!(
        refused(spec("isa-serial", None, &[])),
        "Bus 'isa.0' does not support hotplugging"
    );
    let refused = |id: &str| fixture.machine.device_del(id).unwrap_err().to_string();
    assert_eq!(refused("nope"), "Device 'nope' not found");
    assert_eq!(refused("/machine"), "/machine is not a device");
}

#[test]
fn object_that_cannot_be_made_is_refused_by_name() {
    let fixture = Fixture::new(|_| ());
    let refused = |spec: &Spec| fixture.machine.object_add(spec).unwrap_err().to_string();
    for name in ["nope", "device", "container"] {
        assert_eq!(
            refused(&spec(name, Some("o"), &[])),
            format!("Parameter 'qom-type' does not accept value '{name}'")
        );
    }
    let refused = fixture.machine.object_del("nope").unwrap_err().to_string();
    assert_eq!(refused, "object 'nope' not found");
}

// proves: query-iothreads, object-add, object-del
#[test]
fn iothread_is_a_thread_that_works_until_it_is_deleted() {
    let fixture = Fixture::new(|_| ());
    let machine = &fixture.machine;
    let wanted = spec("iothread", Some("io1"), &[("poll-max-ns", "5")]);
    machine.object_add(&wanted).unwrap();
    let node = machine.tree().resolve("/objects/io1").unwrap();
    let info = node.downcast::<IoThread>().unwrap().info();
    assert_eq!(info.poll_max_ns, 5);
    let (sender, receiver) = std::sync::mpsc::channel();
    node.downcast::<IoThread>().unwrap().run(move || {
        let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        sender.send((name, thread)).unwrap();
    });
    let (name, thread) = receiver.recv().unwrap();
    assert_eq!(name, "IO io1\n");
    assert!(thread.ends_with(info.thread_id.to_string()));
    node.set("poll-grow", &3.into()).unwrap();
    assert_eq!(node.get("poll-grow").unwrap(), 3);
    let refused = |name: &str, value: i64| node.set(name, &value.into()).unwrap_err().to_string();
    assert_eq!(
        refused("poll-max-ns", -5),
        "poll-max-ns value must be in range [0, 9223372036854775807]"
    );
    assert_eq!(
        refused("thread-pool-min", 100),
        "bad thread-pool-min/thread-pool-max values"
    );
    drop(node);
    machine.object_del("io1").unwrap();
    let task = format!("/proc/self/task/{}", info.thread_id);
    assert!(!std::fs::exists(task).unwrap(), "the thread lives on");
}

#[test]
fn secret_is_what_its_data_or_its_file_says() {
    let fixture = Fixture::new(|_| ());
    let machine = &fixture.machine;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, "YWJj\n").unwrap();
    let path = file.to_str().unwrap();
    let cases = [
        ("plain", vec![("data", "xyz")], &b"xyz"[..]),
        (
            "coded",
            vec![("data", "YWJj"), ("format", "base64")],
            b"abc",
        ),
        ("raw", vec![("file", path)], b"YWJj\n"),
        ("both", vec![("file", path), ("format", "base64")], b"abc"),
    ];
    for (id, properties, bytes) in cases {
        let wanted = spec("secret", Some(id), &properties);
        machine.object_add(&wanted).unwrap();
        let node = machine.tree().object(id).unwrap();
        assert_eq!(node.downcast::<Secret>().unwrap().bytes(), bytes, "{id}");
    }
    let refused = |properties: &[(&str, &str)]| {
        let wanted = spec("secret", Some("x"), properties);
        machine.object_add(&wanted).unwrap_err().to_string()
    };
    assert_eq!(refused(&[]), "Either 'file' or 'data' must be provided");
    assert_eq!(
        refused(&[("data", "a"), ("file", "b")]),
        "'file' and 'data' are mutually exclusive"
    );
    assert_eq!(
        refused(&[("file", "/nope")]),
        "Unable to read /nope: Failed to open file “/nope”: No such file or directory"
    );
    assert!(machine.tree().object("x").is_none());
}

#[test]
fn objects_of_the_command_line_are_made_as_text_or_json() {
    let mut vmm = crate::process::Vmm::start(&[
        "-M",
        "none",
        "-object",
        "iothread,id=io1,poll-max-ns=7",
        "-object",
        r#"{"qom-type":"secret","id":"key","data":"xyz"}"#,
    ]);
    let mut client = vmm.connect();
    let threads = client.execute(&commands::QueryIothreads {}).unwrap();
    assert_eq!((&*threads[0].id, threads[0].poll_max_ns), ("io1", 7));
    let task = format!("/proc/{}/task/{}", vmm.id(), threads[0].thread_id);
    assert!(std::fs::exists(task).unwrap());
    let get = commands::QomGet::new("/objects/key", "data");
    assert_eq!(client.execute(&get).unwrap(), "xyz");
}

#[test]
fn memory_is_set_up_and_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("memory");
    let fixture = Fixture::new(|_| {});
    let add = |kind: &str, id: &str, properties: &[(&str, &str)]| {
        let added = fixture
            .machine
            .object_add(&spec(kind, Some(id), properties));
        added.map_err(|error| error.to_string())
    };
    let size = |bytes| ("size", bytes);
    let file = ("mem-path", path.to_str().unwrap());
    add("memory-backend-ram", "r", &[size("8192")]).unwrap();
    add("memory-backend-memfd", "m", &[size("4096")]).unwrap();
    add(
        "memory-backend-file",
        "f",
        &[size("8192"), file, ("share", "on")],
    )
    .unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 8192);
    let maps = || std::fs::read_to_string("/proc/self/maps").unwrap();
    let is_mapped = || maps().contains(path.to_str().unwrap());
    assert!(is_mapped());
    fixture.machine.object_del("f").unwrap();
    assert!(!is_mapped());
    for (kind, properties, expected) in [
        ("memory-backend-ram", &[][..], "Parameter 'size' is missing"),
        (
            "memory-backend-ram",
            &[size("0")],
            "property 'size' of memory-backend-ram doesn't take value '0'",
        ),
        (
            "memory-backend-ram",
            &[size("1152921504606846976")],
            "cannot set up guest memory 'x': Cannot allocate memory",
        ),
        (
            "memory-backend-file",
            &[size("4096")],
            "Parameter 'mem-path' is missing",
        ),
        (
            "memory-backend-file",
            &[size("4096"), ("mem-path", "/nonexistent/x")],
            "can't open backing store /nonexistent/x for guest RAM: No such file or directory",
        ),
    ] {
        assert_eq!(add(kind, "x", properties).unwrap_err(), expected);
    }
}

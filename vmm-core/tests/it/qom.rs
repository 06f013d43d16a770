//! Objects, properties and types.

use vmm_core::machine::MachineKind;
use vmm_core::qom::{Given, Spec, registry};

use crate::fixture::Fixture;

fn spec(type_name: &str, id: Option<&str>, properties: &[(&str, &str)]) -> Spec {
    let text = |&(name, value): &(&str, &str)| (name.to_owned(), Given::Text(value.to_owned()));
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
        refused(spec("isa-serial", None, &[])),
        "Parameter 'driver' expects a pluggable device type"
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

//! Virtio devices: what guests find in them, and what QMP says of them.

mod balloon;
pub(crate) mod blk;
mod blk_at_once;
mod images;
mod operations;
mod rng;
mod serial;

use vmm_core::guests;
use vmm_core::qom::{Given, Spec};

use crate::fixture::Fixture;

/// A device or an object as on the command line.
pub(crate) fn spec(type_name: &str, id: &str, properties: &[(&str, &str)]) -> Spec {
    let properties = properties.iter().map(|&(name, value)| {
        let value = Given::text(value);
        (name.to_owned(), value)
    });
    Spec {
        type_name: type_name.to_owned(),
        id: Some(id.to_owned()),
        properties: properties.collect(),
    }
}

/// What makes QEMU's transports those of virtio 1, at the interrupts that they
/// have here.
const MODERN: [&str; 4] = [
    "-M",
    "ioapic2=off",
    "-global",
    "virtio-mmio.force-legacy=false",
];

#[test]
fn guest_without_acpi_is_told_on_its_command_line() {
    let fixture = Fixture::new(|config| {
        let mut boot = guests::hello().unwrap().boot();
        boot.cmdline = "quiet".to_owned();
        config.boot = Some(boot);
        config.virtio_on_cmdline = true;
        for _ in 0..2 {
            config.devices.push(Spec {
                type_name: "virtio-rng-device".to_owned(),
                ..Spec::default()
            });
        }
    });
    let expected = "quiet virtio_mmio.device=512@0xfeb00e00:23 \
                    virtio_mmio.device=512@0xfeb00c00:22\0";
    let found = fixture
        .machine
        .read_physical(0x2_0000, expected.len())
        .unwrap();
    assert_eq!(String::from_utf8(found).unwrap(), expected);
}

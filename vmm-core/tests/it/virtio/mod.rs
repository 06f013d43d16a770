//! Virtio devices: what guests find in them, and what QMP says of them.

mod balloon;
mod blk;
mod operations;
mod rng;
mod serial;

use vmm_core::qom::{Given, Spec};

/// A device or an object as on the command line.
fn spec(type_name: &str, id: &str, properties: &[(&str, &str)]) -> Spec {
    let properties = properties.iter().map(|&(name, value)| {
        let value = Given::Text(value.to_owned());
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

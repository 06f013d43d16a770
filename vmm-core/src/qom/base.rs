//! The types that others are kinds of.

use super::{Access, Kind, Property, TypeInfo};

/// The root of all types.
pub static OBJECT: TypeInfo = TypeInfo::root("object")
    .abstract_type()
    .properties(&[Property::new("type", Kind::STRING).access(Access::Read)]);

/// What has children and nothing else.
pub static CONTAINER: TypeInfo = TypeInfo::new("container", &OBJECT);

/// The interface of what `-object` and `object-add` make.
pub static USER_CREATABLE: TypeInfo = TypeInfo::new("user-creatable", &INTERFACE).abstract_type();

/// The root of interfaces.
pub static INTERFACE: TypeInfo = TypeInfo::root("interface").abstract_type();

/// What `-device` and `device_add` make.
pub static DEVICE: TypeInfo = TypeInfo::new("device", &OBJECT)
    .abstract_type()
    .properties(&[
        Property::new("parent_bus", Kind::link("bus")).access(Access::Read),
        Property::new("realized", Kind::BOOL).access(Access::Read),
        Property::new("hotplugged", Kind::BOOL).access(Access::Read),
        Property::new("hotpluggable", Kind::BOOL).access(Access::Read),
    ]);

/// What devices plug into.
pub static BUS: TypeInfo = TypeInfo::new("bus", &OBJECT).abstract_type();

/// Devices of the board itself.
pub static SYS_BUS_DEVICE: TypeInfo = TypeInfo::new("sys-bus-device", &DEVICE)
    .abstract_type()
    .on_bus("System");

/// Devices on the old PC bus.
pub static ISA_DEVICE: TypeInfo = TypeInfo::new("isa-device", &DEVICE)
    .abstract_type()
    .on_bus("ISA");

/// CPUs.
pub static CPU: TypeInfo = TypeInfo::new("cpu", &DEVICE).abstract_type();

/// Boards.
pub static MACHINE: TypeInfo = TypeInfo::new("machine", &OBJECT).abstract_type();

/// The types of this module.
pub(super) const TYPES: &[&TypeInfo] = &[
    &OBJECT,
    &CONTAINER,
    &INTERFACE,
    &USER_CREATABLE,
    &DEVICE,
    &BUS,
    &SYS_BUS_DEVICE,
    &ISA_DEVICE,
    &CPU,
    &MACHINE,
];

//! Transports and their buses as objects, and what devices on them have in
//! common.

use std::sync::Arc;

use super::mmio::{Backend, NOTIFY, REGISTERS, RingFeatures, Transport};
use crate::accel::{Doorbell, IrqLine};
use crate::machine::{Doorbells, MachineError, Services};
use crate::qom::{BusState, Creation, Kind, NewNode, Object, Property, QomError, TypeInfo, base};

/// How many transports there are.
const TRANSPORTS: u32 = 8;
/// Where the registers of the first are; the others follow.
const BASE: u64 = 0xfeb0_0000;
/// The interrupt of the first: above those of the old PC devices.
const FIRST_IRQ: u32 = 16;

/// What virtio devices plug into.
pub(super) static VIRTIO_BUS: TypeInfo = TypeInfo::new("virtio-bus", &base::BUS).abstract_type();

pub(super) static VIRTIO_MMIO_BUS: TypeInfo = TypeInfo::new("virtio-mmio-bus", &VIRTIO_BUS);

pub(super) static VIRTIO_MMIO: TypeInfo = TypeInfo::new("virtio-mmio", &base::SYS_BUS_DEVICE)
    .properties(&[
        Property::new("force-legacy", Kind::BOOL).default_bool(false),
        Property::new("ioeventfd", Kind::BOOL).default_bool(true),
        Property::new("format_transport_address", Kind::BOOL).default_bool(true),
    ]);

/// What all virtio devices have. The first two change something; the others are
/// there to be left alone.
pub(super) static VIRTIO_DEVICE: TypeInfo = TypeInfo::new("virtio-device", &base::DEVICE)
    .abstract_type()
    .on_bus("virtio-bus")
    .properties(&[
        Property::new("indirect_desc", Kind::BOOL).default_bool(true),
        Property::new("event_idx", Kind::BOOL).default_bool(true),
        Property::new("notify_on_empty", Kind::BOOL).default_bool(true),
        Property::new("any_layout", Kind::BOOL).default_bool(true),
        Property::new("iommu_platform", Kind::BOOL).default_bool(false),
        Property::new("packed", Kind::BOOL).default_bool(false),
        Property::new("in_order", Kind::BOOL).default_bool(false),
    ]);

/// Features that are offered to no guest.
const ABSENT: &[&str] = &["iommu_platform", "packed", "in_order"];

/// A transport with its place on the board, as an object.
#[derive(Debug)]
pub(crate) struct Slot {
    transport: Arc<Transport>,
    index: u32,
}

impl Slot {
    /// The first address of the registers.
    pub(crate) fn address(&self) -> u64 {
        BASE + u64::from(self.index) * REGISTERS
    }

    /// Bytes of the registers.
    pub(crate) fn size(&self) -> u64 {
        REGISTERS
    }

    /// The number of the interrupt.
    pub(crate) fn irq(&self) -> u32 {
        FIRST_IRQ + self.index
    }

    /// What tells Linux of it on the command line, with a space before it.
    pub(crate) fn announcement(&self) -> String {
        let (size, address, irq) = (self.size(), self.address(), self.irq());
        format!(" virtio_mmio.device={size}@{address:#x}:{irq}")
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn is_occupied(&self) -> bool {
        self.transport.is_occupied()
    }
}

impl Object for Slot {}

/// The bus of a transport, which has a place for one device.
#[derive(Debug)]
struct MmioBus(Arc<Slot>);

impl Object for MmioBus {
    fn bus(&self) -> Option<BusState> {
        Some(BusState {
            full: self.0.is_occupied(),
            hotplug: false,
        })
    }
}

/// Puts the transports on the board.
pub(crate) fn add_transports(services: &Services) -> Result<(), MachineError> {
    for index in 0..TRANSPORTS {
        let transport = Transport::new(services.ram.clone(), services.observer());
        let slot = Arc::new(Slot {
            transport: Arc::new(transport),
            index,
        });
        let registers = Arc::clone(&slot.transport);
        let mmio = &services.buses.mmio;
        mmio.insert(slot.address(), slot.size(), registers)?;
        let node = services
            .tree
            .add_unattached(&VIRTIO_MMIO, Arc::clone(&slot) as _)?;
        let name = format!("virtio-mmio-bus.{index}");
        node.add(NewNode::plain(
            &name,
            &VIRTIO_MMIO_BUS,
            Arc::new(MmioBus(slot)),
        ))?;
    }
    Ok(())
}

/// All places, for tests of the tables that list them.
#[cfg(test)]
pub(crate) fn slots() -> Vec<Arc<Slot>> {
    use crate::machine::{GuestRam, MachineEvent, Observer};

    struct Nobody;
    impl Observer for Nobody {
        fn event(&self, _event: &MachineEvent) {}
    }

    let ram = GuestRam::new(4096).unwrap();
    let slot = |index| {
        let transport = Transport::new(ram.clone(), Arc::new(Nobody));
        Arc::new(Slot {
            transport: Arc::new(transport),
            index,
        })
    };
    (0..TRANSPORTS).map(slot).collect()
}

/// A place for the device that is being made.
pub(super) struct Place {
    slot: Arc<Slot>,
    line: IrqLine,
    ring: RingFeatures,
    name: &'static str,
    doorbells: Doorbells,
}

impl Place {
    /// The place that a device is to have, after a look at its properties.
    pub(super) fn new(cx: &Creation<'_>) -> Result<Self, QomError> {
        let properties = cx.properties;
        if let Some(name) = ABSENT.iter().find(|name| properties.bool(name)) {
            let text = format!("{name}=on: there is no such feature here");
            return Err(QomError::Refused(text));
        }
        let bus = cx.bus.and_then(|node| node.downcast::<MmioBus>());
        let Some(bus) = bus else {
            let text = format!("'{}' needs a virtio-mmio bus", cx.type_info.name);
            return Err(QomError::Refused(text));
        };
        let slot = Arc::clone(&bus.0);
        let line = services_line(cx.services, slot.irq())?;
        Ok(Self {
            slot,
            line,
            ring: RingFeatures {
                indirect_desc: properties.bool("indirect_desc"),
                event_idx: properties.bool("event_idx"),
            },
            name: cx.type_info.name,
            doorbells: cx.services.doorbells.clone(),
        })
    }

    /// The registers and queues.
    pub(super) fn transport(&self) -> Arc<Transport> {
        Arc::clone(&self.slot.transport)
    }

    /// Puts the device there.
    pub(super) fn plug(self, backend: &Arc<dyn Backend>) -> Result<(), QomError> {
        let transport = &self.slot.transport;
        if transport.plug(self.name, backend, self.ring, self.line) {
            for queue in 0..backend.queues() {
                if let Some(event) = backend.doorbell() {
                    self.doorbells.add(Doorbell {
                        event,
                        address: self.slot.address() + NOTIFY,
                        value: queue.into(),
                    });
                }
            }
            return Ok(());
        }
        let bus = format!("Bus 'virtio-mmio-bus.{}' is full", self.slot.index);
        Err(QomError::Refused(bus))
    }
}

fn services_line(services: &Services, number: u32) -> Result<IrqLine, QomError> {
    let line = services.lines.add(number);
    line.map_err(|error| QomError::Refused(format!("cannot make an event descriptor: {error}")))
}

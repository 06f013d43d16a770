//! CPUs and memory that come and go while the machine runs.

use std::sync::Arc;

use super::lifecycle::{Lifecycle, State};
use super::types::Cpu;
use super::{CpuPlace, Lines, MachineConfig, MachineError, MachineEvent, MachineKind};
use crate::accel::{AccelKind, Core, IdleCore, IrqLine};
use crate::devices::{Buses, CpuHotplug, GeneralEvents, MemoryHotplug, OstReport, Place};
use crate::qom::{Given, Node, QomError, Spec};

/// The controllers that the guest learns through.
#[derive(Debug)]
pub(crate) struct Hotplug {
    pub(crate) events: Arc<GeneralEvents>,
    pub(crate) cpus: Arc<CpuHotplug>,
    pub(crate) memory: Arc<MemoryHotplug>,
    /// Bytes of memory that can be plugged in.
    pub(crate) memory_room: u64,
}

/// Where the controllers are, in ports.
pub(crate) const EVENTS_PORT: u64 = 0x620;
pub(crate) const CPUS_PORT: u64 = 0xcd8;
pub(crate) const MEMORY_PORT: u64 = 0xa00;

impl Hotplug {
    /// The controllers of a board, placed; none on a machine without a board.
    pub(super) fn new(
        config: &MachineConfig,
        irq: IrqLine,
        buses: &Buses,
    ) -> Result<Self, MachineError> {
        let topology = config.cpu_topology();
        let apic_ids = (0..config.max_cpus).map(|index| topology.apic_id(index));
        let events = Arc::new(GeneralEvents::new(irq));
        let cpus = CpuHotplug::new(Arc::clone(&events), apic_ids.collect(), config.cpus);
        let memory = MemoryHotplug::new(Arc::clone(&events), config.memory_slots);
        let hotplug = Self {
            cpus: Arc::new(cpus),
            memory: Arc::new(memory),
            memory_room: config.max_ram_size.saturating_sub(config.ram_size),
            events,
        };
        let pio = &buses.pio;
        pio.insert(
            EVENTS_PORT,
            GeneralEvents::PORTS,
            Arc::clone(&hotplug.events) as _,
        )?;
        pio.insert(CPUS_PORT, CpuHotplug::PORTS, Arc::clone(&hotplug.cpus) as _)?;
        if config.memory_slots > 0 {
            pio.insert(
                MEMORY_PORT,
                MemoryHotplug::PORTS,
                Arc::clone(&hotplug.memory) as _,
            )?;
        }
        Ok(hotplug)
    }
}

/// A place for a CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuSlot {
    /// Its number.
    pub index: u32,
    /// The type of the CPU that fits.
    pub type_name: &'static str,
    /// Where it is in the topology.
    pub place: CpuPlace,
    /// Where the CPU is in the object tree, if there is one.
    pub path: Option<String>,
}

/// The guest's report on a place, as `query-acpi-ospm-status` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OspmStatus {
    /// The name of what is there, if the user gave one.
    pub device: Option<String>,
    /// What it is about.
    pub place: Place,
    /// What the guest says.
    pub report: OstReport,
}

fn refuse<T>(text: impl Into<String>) -> Result<T, QomError> {
    Err(QomError::Refused(text.into()))
}

impl Lifecycle {
    fn hotplug(&self) -> Option<&Arc<Hotplug>> {
        self.services.hotplug.as_ref()
    }

    /// The node of CPU `index`.
    pub(super) fn cpu_node(&self, index: u32) -> Option<Arc<Node>> {
        let nodes = self.services.tree.all_of("cpu");
        nodes.into_iter().find(|node| {
            let cpu = node.downcast::<Cpu>();
            cpu.is_some_and(|cpu| cpu.index() == index)
        })
    }

    /// Gives the guest one more CPU, which waits to be started.
    pub(super) fn plug_cpu(&self, state: &mut State, index: u32) -> Result<(), MachineError> {
        let core: Box<dyn Core> = match (state.parked.remove(&index), &state.vm) {
            (Some(parked), _) => parked,
            (None, Some(vm)) => Box::new(vm.create_core(index, None)?),
            (None, None) => Box::new(IdleCore),
        };
        self.vcpus.add(index, core)?;
        if state.run.is_running() {
            self.vcpus.resume();
        }
        if let Some(hotplug) = self.hotplug() {
            hotplug.cpus.inserted(index);
        }
        Ok(())
    }

    /// The CPU at a place that a user names, for a new object of `type_name`.
    pub(super) fn free_cpu(
        &self,
        type_name: &str,
        [socket, die, core, thread]: [i64; 4],
    ) -> Result<u32, QomError> {
        let expected = self.config.cpu_model.model().type_name;
        if self.hotplug().is_none() {
            return refuse("machine does not support hot-plugging CPUs");
        }
        if type_name != expected {
            return refuse(format!("Invalid CPU type, expected cpu type: '{expected}'"));
        }
        let topology = self.config.cpu_topology();
        // A machine with one die per socket needs not be told which.
        let die = if die < 0 && topology.dies == 1 {
            0
        } else {
            die
        };
        let number = |name: &str, value: i64, count: u32| {
            if value < 0 {
                return refuse(format!("CPU {name} is not set"));
            }
            match u32::try_from(value) {
                Ok(value) if value < count => Ok(value),
                _ => refuse(format!(
                    "Invalid CPU {name}: {value} must be in range 0:{}",
                    count.saturating_sub(1)
                )),
            }
        };
        let place = CpuPlace {
            socket: number("socket-id", socket, topology.sockets)?,
            die: number("die-id", die, topology.dies)?,
            core: number("core-id", core, topology.cores)?,
            thread: number("thread-id", thread, topology.threads)?,
        };
        let Some(index) = topology.index(place) else {
            return refuse("there is no such place for a CPU");
        };
        if self.vcpus.indexes().contains(&index) {
            let id = topology.apic_id(index);
            return refuse(format!("CPU[{index}] with APIC ID {id} exists"));
        }
        Ok(index)
    }

    /// Plugs in a CPU without a name.
    pub(super) fn add_cpu(&self, index: i64) -> Result<(), MachineError> {
        let topology = self.config.cpu_topology();
        let known = u32::try_from(index).ok();
        let Some(index) = known.filter(|index| *index < self.config.max_cpus) else {
            return Ok(refuse(format!("Invalid CPU id: {index}"))?);
        };
        let place = topology.place(index);
        let ids = [
            ("socket-id", place.socket),
            ("die-id", place.die),
            ("core-id", place.core),
            ("thread-id", place.thread),
        ];
        let ids = ids.map(|(name, id)| (name.to_owned(), Given::text(id.to_string())));
        self.device_add(Spec {
            type_name: self.config.cpu_model.model().type_name.to_owned(),
            id: None,
            properties: ids.to_vec(),
        })
    }

    /// All places for CPUs, the first one first.
    pub(super) fn cpu_slots(&self) -> Result<Vec<CpuSlot>, MachineError> {
        if self.config.kind == MachineKind::None {
            return Ok(refuse("machine does not support hot-plugging CPUs")?);
        }
        let topology = self.config.cpu_topology();
        let slots = (0..self.config.max_cpus).map(|index| CpuSlot {
            index,
            type_name: self.config.cpu_model.model().type_name,
            place: topology.place(index),
            path: self.cpu_node(index).map(|node| node.path()),
        });
        Ok(slots.collect())
    }

    /// The guest's reports on memory slots and on CPUs, where it can have made
    /// any.
    pub(super) fn ospm_status(&self) -> Result<Vec<OspmStatus>, MachineError> {
        let Some(hotplug) = self.hotplug() else {
            return Ok(refuse("command is not supported, missing ACPI device")?);
        };
        let memory = (0..).zip(hotplug.memory.reports());
        let memory = memory.map(|(slot, report)| (Place::Memory(slot), report));
        let cpus = (0..).zip(hotplug.cpus.reports());
        let cpus = cpus.map(|(index, report)| (Place::Cpu(index), report));
        let all = memory.chain(cpus).map(|(place, report)| OspmStatus {
            device: self.device_at(place),
            place,
            report,
        });
        Ok(all.collect())
    }

    fn device_at(&self, place: Place) -> Option<String> {
        let node = self.node_at(place);
        node.and_then(|node| node.id().map(str::to_owned))
    }

    fn node_at(&self, place: Place) -> Option<Arc<Node>> {
        match place {
            Place::Cpu(index) => self.cpu_node(index),
            Place::Memory(slot) => self.dimm_node(slot),
        }
    }

    /// The guest lets go of what is at `place`.
    pub(super) fn eject(&self, state: &mut State, place: Place) -> Result<(), MachineError> {
        match place {
            Place::Cpu(index) => self.eject_cpu(state, index),
            Place::Memory(slot) => {
                self.eject_dimm(state, slot);
                Ok(())
            }
        }
    }

    fn eject_cpu(&self, state: &mut State, index: u32) -> Result<(), MachineError> {
        // The first CPU stays, whatever a guest writes; so does one that nobody
        // asked for: no user would expect it gone.
        let node = self.cpu_node(index).filter(|node| node.is_leaving());
        let (Some(node), Some(hotplug), true) = (node, self.hotplug(), index > 0) else {
            return Ok(());
        };
        if let Some(core) = self.vcpus.remove(index)
            && self.config.accel == AccelKind::Kvm
        {
            state.parked.insert(index, core);
        }
        hotplug.cpus.removed(index);
        self.unplugged(&node);
        Ok(())
    }

    /// The guest reports on what is at `place`.
    pub(super) fn ost_report(&self, place: Place, report: OstReport) {
        let node = self.node_at(place);
        self.tell(&MachineEvent::AcpiDeviceOst(OspmStatus {
            device: self.device_at(place),
            place,
            report,
        }));
        // It stays then, until a user asks once more.
        if let Some(node) = node.filter(|_| report.refuses_removal())
            && node.set_leaving(false)
        {
            self.tell(&MachineEvent::DeviceUnplugGuestError {
                device: node.id().map(str::to_owned),
                path: node.path(),
            });
        }
    }
}

/// The controllers of `config`'s board.
pub(super) fn controllers(
    config: &MachineConfig,
    lines: &Lines,
    buses: &Buses,
    sci: u32,
) -> Result<Option<Arc<Hotplug>>, MachineError> {
    if config.kind == MachineKind::None || config.no_acpi {
        return Ok(None); // the guest could not know
    }
    let irq = lines.add(sci).map_err(|error| MachineError::Host {
        what: "an event descriptor",
        error,
    })?;
    Ok(Some(Arc::new(Hotplug::new(config, irq, buses)?)))
}

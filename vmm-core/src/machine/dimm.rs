//! `pc-dimm`: a memory module, which comes and goes while the machine runs.

use std::sync::Arc;

use qmp_runtime::json::Value;
use vm_memory::GuestRegionMmap;

use super::lifecycle::{Lifecycle, State};
use super::{MachineError, Services};
use crate::backends::MemoryBackend;
use crate::qom::{
    Access, Creation, Kind, Link, Node, Object, Property, QomError, Tree, TypeInfo, Unplug, base,
};

/// Guests take memory in pieces of this size at least.
const ALIGNMENT: u64 = 2 << 20;
/// Room for a module's place to be chosen freely, for each slot.
const SLACK: u64 = 1 << 30;

/// A module's type.
pub(crate) static PC_DIMM: TypeInfo = TypeInfo::new("pc-dimm", &base::DEVICE)
    .described("A memory module")
    .properties(&[
        Property::new("memdev", Kind::link("memory-backend")),
        Property::new("node", Kind::UINT32).default_uint(0),
        Property::new("addr", Kind::UINT64).default_uint(0),
        Property::new("slot", Kind::INT32).default_int(-1),
        Property::new("size", Kind::UINT64).access(Access::Read),
    ])
    .hotpluggable()
    .created_by(create);

/// A module in its slot.
#[derive(Debug)]
pub(super) struct Dimm {
    slot: u32,
    address: u64,
    memory: Link,
    backend: Arc<MemoryBackend>,
    regions: Vec<Arc<GuestRegionMmap<()>>>,
}

/// What there is to say of a memory module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DimmInfo {
    /// The name that the user gave it.
    pub id: Option<String>,
    /// Where it is in guest memory.
    pub address: u64,
    /// Bytes of it.
    pub size: u64,
    /// Its slot.
    pub slot: u32,
    /// The path of the object that it is made of.
    pub memory: String,
    /// Whether it came while the machine ran.
    pub hotplugged: bool,
}

impl Object for Dimm {
    fn get(&self, property: &str) -> Option<Value> {
        Some(match property {
            "size" => self.backend.size().into(),
            "addr" => self.address.into(),
            "slot" => self.slot.into(),
            "node" => 0.into(),
            "memdev" => self.memory.path().into(),
            _ => return None,
        })
    }

    fn unplug(&self, services: &Services) -> Result<Unplug, QomError> {
        match &services.hotplug {
            Some(hotplug) => hotplug.memory.request_removal(self.slot),
            None => return refuse("this machine's memory stays"),
        }
        Ok(Unplug::Requested)
    }
}

fn refuse<T>(text: impl Into<String>) -> Result<T, QomError> {
    Err(QomError::Refused(text.into()))
}

/// All modules with their places in the tree, the lowest address first.
fn all(tree: &Tree) -> Vec<(Arc<Node>, Arc<Dimm>)> {
    let nodes = tree.all_of(PC_DIMM.name).into_iter();
    let mut all: Vec<_> = nodes
        .filter_map(|node| Some((Arc::clone(&node), node.downcast::<Dimm>()?)))
        .collect();
    all.sort_by_key(|(_, dimm)| dimm.address);
    all
}

/// Makes a module and puts it where the guest finds it; the words of errors are
/// QEMU's.
fn create(cx: &mut Creation<'_>) -> Result<Arc<dyn Object>, QomError> {
    let Some(memory) = cx.properties.link("memdev") else {
        return refuse("'memdev' property must be set");
    };
    let memory = Link::new(Arc::clone(memory.node()));
    let Some(backend) = memory.object::<MemoryBackend>() else {
        return refuse("'memdev' property must be set");
    };
    let number = |name| cx.properties.get(name).and_then(Value::as_u64);
    if let Some(node) = number("node").filter(|node| *node > 0) {
        return refuse(format!(
            "'DIMM property node has value {node}' which exceeds the number of numa nodes: 1"
        ));
    }
    let Some(hotplug) = cx.services.hotplug.clone() else {
        return refuse("Device 'pc-dimm' can not be hotplugged on this machine");
    };
    let others = all(&cx.services.tree);
    let slots = u32::try_from(hotplug.memory.reports().len()).unwrap_or(u32::MAX);
    if slots == 0 {
        return refuse("no slots where allocated, please specify the 'slots' option");
    }
    let slot = free_slot(cx.properties.i64("slot"), slots, &others)?;
    let base = cx.services.ram.plug_base();
    let room = Room {
        start: base,
        size: hotplug.memory_room.saturating_add(u64::from(slots) * SLACK),
        total: hotplug.memory_room,
    };
    let wanted = number("addr").filter(|address| *address > 0);
    let address = room.place(backend.size(), wanted, &others)?;
    if backend.set_in_use(true) {
        return refuse(format!(
            "can't use already busy memdev: {}",
            memory.node().name()
        ));
    }
    let regions = backend.regions(|offset| address + offset);
    let dimm = Dimm {
        slot,
        address,
        memory,
        backend,
        regions,
    };
    if let Err(error) = dimm.plug(cx) {
        dimm.unplug_from(
            cx.services,
            cx.running.as_mut().map(|running| &mut *running.state),
        );
        return refuse(error.to_string());
    }
    let aloud = cx.running.is_some();
    hotplug
        .memory
        .inserted(slot, address, dimm.backend.size(), aloud);
    Ok(Arc::new(dimm))
}

/// The slot that is asked for, or the first free one.
fn free_slot(wanted: i64, slots: u32, others: &[(Arc<Node>, Arc<Dimm>)]) -> Result<u32, QomError> {
    let is_taken = |slot: u32| others.iter().any(|(_, other)| other.slot == slot);
    if wanted == -1 {
        return match (0..slots).find(|slot| !is_taken(*slot)) {
            Some(slot) => Ok(slot),
            None => refuse("no free slots available"),
        };
    }
    match u32::try_from(wanted).ok().filter(|slot| *slot < slots) {
        Some(slot) if is_taken(slot) => refuse(format!("slot {slot} is busy")),
        Some(slot) => Ok(slot),
        None => refuse(format!(
            "invalid slot number {wanted}, valid range is [0-{}]",
            slots - 1
        )),
    }
}

/// Where modules can be.
#[derive(Debug, Clone, Copy)]
struct Room {
    start: u64,
    size: u64,
    /// Bytes of all modules together.
    total: u64,
}

impl Room {
    fn place(
        self,
        size: u64,
        wanted: Option<u64>,
        others: &[(Arc<Node>, Arc<Dimm>)],
    ) -> Result<u64, QomError> {
        if let Some(address) = wanted
            && !address.is_multiple_of(ALIGNMENT)
        {
            return refuse(format!("address must be aligned to {ALIGNMENT:#x} bytes"));
        }
        if !size.is_multiple_of(ALIGNMENT) {
            return refuse(format!(
                "backend memory size must be multiple of {ALIGNMENT:#x}"
            ));
        }
        let used: u64 = others.iter().map(|(_, other)| other.backend.size()).sum();
        if used.saturating_add(size) > self.total {
            let total = self.total;
            return refuse(format!(
                "not enough space, currently {used:#x} in use of total space for memory devices {total:#x}"
            ));
        }
        let end = self.start.saturating_add(self.size);
        let fits = |address: u64| {
            address >= self.start && address.checked_add(size).is_some_and(|last| last <= end)
        };
        let conflict = |address: u64| {
            others.iter().find(|(_, other)| {
                address < other.address + other.backend.size() && other.address < address + size
            })
        };
        if let Some(address) = wanted {
            if !fits(address) {
                let (start, length) = (self.start, self.size);
                return refuse(format!(
                    "can't add memory device [{address:#x}:{size:#x}], usable range for memory devices [{start:#x}:{length:#x}]"
                ));
            }
            if let Some((node, _)) = conflict(address) {
                let id = node.id().unwrap_or_default();
                return refuse(format!(
                    "address range conflicts with memory device id='{id}'"
                ));
            }
            return Ok(address);
        }
        let mut address = self.start;
        while let Some((_, other)) = conflict(address) {
            address = other.address + other.backend.size();
        }
        if !fits(address) {
            return refuse(
                "could not find position in guest address space for memory device - memory fragmented due to alignments",
            );
        }
        Ok(address)
    }
}

impl Dimm {
    /// Gives the guest the memory.
    fn plug(&self, cx: &mut Creation<'_>) -> Result<(), MachineError> {
        for region in &self.regions {
            cx.services.ram.plug(region)?;
            if let Some(running) = &mut cx.running
                && let Some(vm) = &mut running.state.vm
            {
                vm.map(region)?;
            }
        }
        Ok(())
    }

    /// Takes it from the guest, as far as it has it.
    fn unplug_from(&self, services: &Services, state: Option<&mut State>) {
        if let Some(vm) = state.and_then(|state| state.vm.as_mut()) {
            for region in &self.regions {
                let _ = vm.unmap(region); // a slot that is there can be emptied
            }
        }
        for region in &self.regions {
            services.ram.unplug(region);
        }
        self.backend.set_in_use(false);
    }
}

impl Lifecycle {
    /// The module in a slot.
    pub(super) fn dimm_node(&self, slot: u32) -> Option<Arc<Node>> {
        let all = all(&self.services.tree).into_iter();
        let mut nodes = all.filter(|(_, dimm)| dimm.slot == slot);
        nodes.next().map(|(node, _)| node)
    }

    /// All modules, the lowest address first.
    pub(super) fn dimms(&self) -> Vec<DimmInfo> {
        let all = all(&self.services.tree).into_iter();
        all.map(|(node, dimm)| DimmInfo {
            id: node.id().map(str::to_owned),
            address: dimm.address,
            size: dimm.backend.size(),
            slot: dimm.slot,
            memory: dimm.memory.path(),
            hotplugged: node.is_hotplugged(),
        })
        .collect()
    }

    /// The guest lets go of the module in a slot; one that nobody asked for
    /// stays.
    pub(super) fn eject_dimm(&self, state: &mut State, slot: u32) {
        let node = self.dimm_node(slot).filter(|node| node.is_leaving());
        let (Some(node), Some(hotplug)) = (node, &self.services.hotplug) else {
            return;
        };
        if let Some(dimm) = node.downcast::<Dimm>() {
            dimm.unplug_from(&self.services, Some(state));
        }
        hotplug.memory.removed(slot);
        self.unplugged(&node);
    }
}

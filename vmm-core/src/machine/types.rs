//! The machine and its CPUs as objects, and the tree that they are in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use qmp_runtime::json::{Map, Value};

use super::{
    BootConfig, CpuPlace, Image, MachineConfig, MachineError, MachineKind, Services, Topology,
};
use crate::accel::{AccelKind, kvm};
use crate::backends::MemoryDefaults;
use crate::char::Registry;
use crate::cpu::{FEATURE_COUNT, with_features};
use crate::qom::{
    Access, Creation, Kind, Link, Object, Property, QomError, Tree, TypeInfo, Unplug, base,
};
use crate::sync::lock;

/// What all boards have.
const PROPERTIES: &[Property] = &[
    read("kernel", Kind::STRING).described("Linux kernel image file"),
    read("initrd", Kind::STRING).described("Linux initial ramdisk file"),
    read("append", Kind::STRING).described("Linux kernel command line"),
    read("memory-backend", Kind::link("memory-backend")).described("The object that is the memory"),
    read("memory", Kind::other("MemorySizeConfiguration")).described("Memory size configuration"),
    read("smp", Kind::other("SMPConfiguration")).described("CPU topology"),
    Property::new("mem-merge", Kind::BOOL)
        .access(Access::Write)
        .described("Whether the host may keep equal pages of memory once, by default"),
    Property::new("dump-guest-core", Kind::BOOL)
        .access(Access::Write)
        .described("Whether memory is in a dump of this process, by default"),
    Property::new("usb", Kind::BOOL)
        .access(Access::Write)
        .described("Set on/off to enable/disable usb"),
    Property::new("graphics", Kind::BOOL)
        .access(Access::Write)
        .described("Set on/off to enable/disable graphics emulation"),
];

const fn read(name: &'static str, kind: Kind) -> Property {
    Property::new(name, kind).access(Access::Read)
}

static NONE: TypeInfo = TypeInfo::new("none-machine", &base::MACHINE).properties(PROPERTIES);
static X86: TypeInfo = TypeInfo::new("x86-machine", &base::MACHINE)
    .abstract_type()
    .properties(PROPERTIES);
/// The kind of board that clients ask for the properties of PCs.
static PC: TypeInfo = TypeInfo::new("generic-pc-machine", &X86).abstract_type();
static Q_MIN: TypeInfo = TypeInfo::new("q-min-machine", &PC);

static X86_CPU: TypeInfo = TypeInfo::new("x86_64-cpu", &base::CPU)
    .abstract_type()
    .properties(&CPU_PROPERTIES);

const CPU_BASICS: [Property; 5] = [
    read("unavailable-features", Kind::other("strList"))
        .described("Features that were asked for and are not there"),
    Property::new("socket-id", Kind::INT32).default_int(-1),
    Property::new("die-id", Kind::INT32).default_int(-1),
    Property::new("core-id", Kind::INT32).default_int(-1),
    Property::new("thread-id", Kind::INT32).default_int(-1),
];

/// What all CPUs have: a place, and features or none.
static CPU_PROPERTIES: [Property; CPU_BASICS.len() + FEATURE_COUNT] = with_features(&CPU_BASICS);

/// What CPUs have that stand for the host's.
const HOST_PROPERTIES: &[Property] = &[read("migratable", Kind::BOOL)
    .default_bool(true)
    .described("Whether features that other hosts cannot go on with are left out")];

/// A type for the CPUs of a model.
macro_rules! cpu_type {
    ($name:ident, $type_name:literal, $text:literal, $properties:expr) => {
        static $name: TypeInfo = TypeInfo::new($type_name, &X86_CPU)
            .described($text)
            .properties($properties)
            .hotpluggable()
            .created_by(Cpu::create);
    };
}

cpu_type!(
    HOST_CPU,
    "host-x86_64-cpu",
    "The host's CPU",
    HOST_PROPERTIES
);
cpu_type!(
    MAX_CPU,
    "max-x86_64-cpu",
    "All features that the host has",
    HOST_PROPERTIES
);
cpu_type!(
    BASE_CPU,
    "base-x86_64-cpu",
    "No feature but those that are asked for",
    &[]
);
cpu_type!(
    QEMU64_CPU,
    "qemu64-x86_64-cpu",
    "QEMU's plain 64-bit CPU",
    &[]
);
cpu_type!(KVM64_CPU, "kvm64-x86_64-cpu", "KVM's plain 64-bit CPU", &[]);
cpu_type!(
    QEMU32_CPU,
    "qemu32-x86_64-cpu",
    "QEMU's plain 32-bit CPU",
    &[]
);

static CPUS: &[&TypeInfo] = &[
    &HOST_CPU,
    &MAX_CPU,
    &BASE_CPU,
    &QEMU64_CPU,
    &KVM64_CPU,
    &QEMU32_CPU,
];

/// The type of CPUs of the model that `config` asks for.
fn cpu_type(config: &MachineConfig) -> &'static TypeInfo {
    let name = config.cpu_model.model().type_name;
    let found = CPUS.iter().find(|known| known.name == name);
    found.copied().unwrap_or(&HOST_CPU)
}

/// The types of this module.
pub(crate) const TYPES: &[&TypeInfo] = &[
    &NONE,
    &X86,
    &PC,
    &Q_MIN,
    &X86_CPU,
    &HOST_CPU,
    &MAX_CPU,
    &BASE_CPU,
    &QEMU64_CPU,
    &KVM64_CPU,
    &QEMU32_CPU,
    &super::PC_DIMM,
];

impl MachineKind {
    /// The board's type.
    #[must_use]
    pub fn type_info(self) -> &'static TypeInfo {
        match self {
            Self::None => &NONE,
            Self::QMin => &Q_MIN,
        }
    }
}

/// The object `/machine`.
#[derive(Debug)]
struct Board {
    ram_size: u64,
    cpus: u32,
    max_cpus: u32,
    topology: Topology,
    memory_slots: u32,
    max_ram_size: u64,
    boot: Option<BootConfig>,
    memory: OnceLock<Link>,
    memory_defaults: Arc<Mutex<MemoryDefaults>>,
    /// Wishes of the user that change nothing on boards without the thing.
    wishes: Mutex<BTreeMap<String, Value>>,
}

impl Board {
    fn path_of(image: Option<&Image>) -> Value {
        match image {
            Some(Image::File(path)) => path.to_string_lossy().into(),
            _ => "".into(),
        }
    }
}

impl Object for Board {
    fn get(&self, property: &str) -> Option<Value> {
        let boot = self.boot.as_ref();
        Some(match property {
            "kernel" => Self::path_of(boot.map(|boot| &boot.kernel)),
            "initrd" => Self::path_of(boot.and_then(|boot| boot.initrd.as_ref())),
            "append" => boot
                .map(|boot| boot.cmdline.as_str())
                .unwrap_or_default()
                .into(),
            "memory-backend" => self.memory.get().map(Link::path).unwrap_or_default().into(),
            "memory" => numbers(&[
                ("size", self.ram_size),
                ("slots", self.memory_slots.into()),
                ("max-size", self.max_ram_size),
            ]),
            "smp" => numbers(&[
                ("cpus", self.cpus.into()),
                ("sockets", self.topology.sockets.into()),
                ("dies", self.topology.dies.into()),
                ("clusters", 1),
                ("modules", 1),
                ("cores", self.topology.cores.into()),
                ("threads", self.topology.threads.into()),
                ("maxcpus", self.max_cpus.into()),
            ]),
            "mem-merge" => lock(&self.memory_defaults).merge.into(),
            "dump-guest-core" => lock(&self.memory_defaults).dump.into(),
            wish => return lock(&self.wishes).get(wish).cloned(),
        })
    }

    fn set(&self, property: &str, value: &Value) -> Result<(), QomError> {
        let on = value.as_bool().unwrap_or_default();
        match property {
            "mem-merge" => lock(&self.memory_defaults).merge = on,
            "dump-guest-core" => lock(&self.memory_defaults).dump = on,
            wish => drop(lock(&self.wishes).insert(wish.to_owned(), value.clone())),
        }
        Ok(())
    }
}

fn numbers(members: &[(&str, u64)]) -> Value {
    let members = members.iter();
    let members = members.map(|&(name, value)| (name.to_owned(), value.into()));
    Value::Object(Map::from_iter(members))
}

/// A CPU.
#[derive(Debug)]
pub(super) struct Cpu {
    index: u32,
    place: CpuPlace,
    /// What its model comes to; unknown where nothing runs it.
    model: Option<Arc<Outcome>>,
    migratable: Option<bool>,
}

/// What the CPUs' model comes to here.
#[derive(Debug)]
struct Outcome {
    features: Vec<(&'static str, bool)>,
    missing: Vec<&'static str>,
}

impl Outcome {
    fn of(config: &MachineConfig) -> Option<Arc<Self>> {
        if config.accel != AccelKind::Kvm {
            return None;
        }
        let host = kvm::host_leaves().ok()?;
        Some(Arc::new(Self {
            features: config.cpu_model.expand(&host).features,
            missing: config.cpu_model.missing(&host),
        }))
    }
}

impl Cpu {
    fn new(config: &MachineConfig, index: u32, model: Option<Arc<Outcome>>) -> Self {
        Self {
            index,
            place: config.cpu_topology().place(index),
            model,
            migratable: config.cpu_model.migratable(),
        }
    }

    pub(super) fn index(&self) -> u32 {
        self.index
    }

    fn create(cx: &mut Creation<'_>) -> Result<Arc<dyn Object>, QomError> {
        let properties = cx.properties;
        let ids = ["socket-id", "die-id", "core-id", "thread-id"].map(|name| properties.i64(name));
        let Some(running) = &mut cx.running else {
            let text = "CPUs of a machine that is not made yet come from -smp cpus=";
            return Err(QomError::Refused(text.to_owned()));
        };
        let machine = running.machine;
        let index = machine.free_cpu(cx.type_info.name, ids)?;
        machine
            .plug_cpu(running.state, index)
            .map_err(|error| QomError::Refused(error.to_string()))?;
        let model = Outcome::of(&machine.config);
        Ok(Arc::new(Self::new(&machine.config, index, model)))
    }
}

impl Object for Cpu {
    fn get(&self, property: &str) -> Option<Value> {
        match property {
            "socket-id" => Some(self.place.socket.into()),
            "die-id" => Some(self.place.die.into()),
            "core-id" => Some(self.place.core.into()),
            "thread-id" => Some(self.place.thread.into()),
            "unavailable-features" => {
                let missing = &self.model.as_ref()?.missing;
                Some(missing.iter().map(|&name| Value::from(name)).collect())
            }
            "migratable" => self.migratable.map(Into::into),
            feature => {
                let mut features = self.model.as_ref()?.features.iter();
                let (_, on) = features.find(|(name, _)| *name == feature)?;
                Some((*on).into())
            }
        }
    }

    fn unplug(&self, services: &Services) -> Result<Unplug, QomError> {
        let refuse = |text: &str| Err(QomError::Refused(text.to_owned()));
        if self.index == 0 {
            return refuse("Boot CPU is unpluggable");
        }
        match &services.hotplug {
            Some(hotplug) => hotplug.cpus.request_removal(self.index),
            None => return refuse("CPU hot unplug not supported without ACPI"),
        }
        Ok(Unplug::Requested)
    }
}

/// Says which object is the machine's memory.
pub(super) fn set_memory(tree: &Tree, memory: Link) -> Result<(), QomError> {
    if let Some(board) = tree.at("/machine")?.downcast::<Board>() {
        let _ = board.memory.set(memory); // once for each machine
    }
    Ok(())
}

/// A tree with the machine and its CPUs in it; those come before all devices, so
/// that their numbers are the same.
pub(super) fn tree(
    config: &MachineConfig,
    chardevs: &Registry,
    memory_defaults: &Arc<Mutex<MemoryDefaults>>,
) -> Result<Tree, MachineError> {
    let board = Board {
        ram_size: config.ram_size,
        cpus: config.cpus,
        max_cpus: config.max_cpus,
        topology: config.cpu_topology(),
        memory_slots: config.memory_slots,
        max_ram_size: config.max_ram_size,
        boot: config.boot.clone(),
        memory: OnceLock::new(),
        memory_defaults: Arc::clone(memory_defaults),
        wishes: Mutex::default(),
    };
    let tree = Tree::new(config.kind.type_info(), Arc::new(board));
    tree.add_root(
        "chardevs",
        Tree::container_type(),
        Arc::new(chardevs.clone()),
    )?;
    let model = Outcome::of(config);
    for index in 0..config.cpus {
        let cpu = Cpu::new(config, index, model.clone());
        tree.add_unattached(cpu_type(config), Arc::new(cpu))?;
    }
    Ok(tree)
}

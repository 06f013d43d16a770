//! The machine and its CPUs as objects, and the tree that they are in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use qmp_runtime::json::{Map, Value};

use super::{BootConfig, Image, MachineConfig, MachineError, MachineKind};
use crate::char::Registry;
use crate::qom::{Access, Kind, Object, Property, QomError, Tree, TypeInfo, base};
use crate::sync::lock;

/// What all boards have.
const PROPERTIES: &[Property] = &[
    read("kernel", Kind::STRING).described("Linux kernel image file"),
    read("initrd", Kind::STRING).described("Linux initial ramdisk file"),
    read("append", Kind::STRING).described("Linux kernel command line"),
    read("memory", Kind::other("MemorySizeConfiguration")).described("Memory size configuration"),
    read("smp", Kind::other("SMPConfiguration")).described("CPU topology"),
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
static Q_MIN: TypeInfo = TypeInfo::new("q-min-machine", &base::MACHINE).properties(PROPERTIES);

static X86_CPU: TypeInfo = TypeInfo::new("x86_64-cpu", &base::CPU)
    .abstract_type()
    .properties(&[
        read("socket-id", Kind::INT32),
        read("core-id", Kind::INT32),
        read("thread-id", Kind::INT32),
    ]);
static HOST_CPU: TypeInfo = TypeInfo::new("host-x86_64-cpu", &X86_CPU).described("The host's CPU");

/// The types of this module.
pub(crate) const TYPES: &[&TypeInfo] = &[&NONE, &Q_MIN, &X86_CPU, &HOST_CPU];

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
    boot: Option<BootConfig>,
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
            "memory" => numbers(&[
                ("size", self.ram_size),
                ("slots", 0),
                ("max-size", self.ram_size),
            ]),
            "smp" => numbers(&[
                ("cpus", self.cpus.into()),
                ("sockets", 1),
                ("dies", 1),
                ("clusters", 1),
                ("modules", 1),
                ("cores", self.max_cpus.into()),
                ("threads", 1),
                ("maxcpus", self.max_cpus.into()),
            ]),
            wish => return lock(&self.wishes).get(wish).cloned(),
        })
    }

    fn set(&self, property: &str, value: &Value) -> Result<(), QomError> {
        lock(&self.wishes).insert(property.to_owned(), value.clone());
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
struct Cpu {
    index: u32,
}

impl Object for Cpu {
    fn get(&self, property: &str) -> Option<Value> {
        match property {
            "socket-id" | "thread-id" => Some(0.into()),
            "core-id" => Some(self.index.into()),
            _ => None,
        }
    }
}

/// A tree with the machine and its CPUs in it; those come before all devices, so
/// that their numbers are the same.
pub(super) fn tree(config: &MachineConfig, chardevs: &Registry) -> Result<Tree, MachineError> {
    let board = Board {
        ram_size: config.ram_size,
        cpus: config.cpus,
        max_cpus: config.max_cpus,
        boot: config.boot.clone(),
        wishes: Mutex::default(),
    };
    let tree = Tree::new(config.kind.type_info(), Arc::new(board));
    tree.add_root(
        "chardevs",
        Tree::container_type(),
        Arc::new(chardevs.clone()),
    )?;
    for index in 0..config.cpus {
        tree.add_unattached(&HOST_CPU, Arc::new(Cpu { index }))?;
    }
    Ok(tree)
}

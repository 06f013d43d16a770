//! The code that the guest's operating system runs: sleep states, serial port,
//! CPUs that come and go.

use std::sync::Arc;

use acpi_tables::Aml;
use acpi_tables::aml::{
    Acquire, Arg, BufferData, Device, EISAName, Equal, Field, FieldAccessType, FieldEntry,
    FieldLockRule, FieldUpdateRule, IO, If, Interrupt, Local, Memory32Fixed, Method, MethodCall,
    Mutex, Name, Notify, ONE, OpRegion, OpRegionSpace, Package, Path, Release, ResourceTemplate,
    Return, Scope, Store, While, ZERO,
};

use super::super::Topology;
use super::super::hotplug::CPUS_PORT;
use super::memory;
use super::{ENABLED, bytes, local_apic};
use crate::devices::CpuHotplug;
use crate::devices::virtio::Slot;

/// What the guest is told to do about a CPU.
pub(super) const DEVICE_CHECK: u8 = 1;
pub(super) const EJECT_REQUEST: u8 = 3;
/// There, enabled, shown, working.
pub(super) const PRESENT: u8 = 0xf;

pub(super) const FOR_EVER: u16 = 0xffff;

fn path(name: &str) -> Path {
    Path::new(name)
}

/// The body of the DSDT.
pub(super) fn code(
    topology: &Topology,
    max_cpus: u32,
    memory_slots: u32,
    virtio: &[Arc<Slot>],
) -> Vec<u8> {
    let mut code = Vec::new();
    // What is written to the control register: power off, and sleep until woken.
    for (name, kind) in [("_S5_", 0u8), ("_S1_", 1)] {
        let package = Package::new(vec![&kind, &kind, &ZERO, &ZERO]);
        code.extend(bytes(&Name::new(path(name), &package)));
    }
    code.extend(Scope::raw(path("_SB_"), system(topology, max_cpus, virtio)));
    let scan = MethodCall::new(path("\\_SB_.CPUS.CSCN"), Vec::new());
    let event = Method::new(path("_E02"), 0, false, vec![&scan]);
    let look = MethodCall::new(path(memory::SCAN), Vec::new());
    let memory_event = Method::new(path("_E03"), 0, false, vec![&look]);
    let mut events: Vec<&dyn Aml> = vec![&event];
    if memory_slots > 0 {
        let modules = memory::modules(memory_slots);
        code.extend(Scope::raw(path("_SB_"), modules));
        events.push(&memory_event);
    }
    code.extend(bytes(&Scope::new(path("_GPE"), events)));
    code
}

/// What is on the board.
fn system(topology: &Topology, max_cpus: u32, virtio: &[Arc<Slot>]) -> Vec<u8> {
    let id = Name::new(path("_HID"), &EISAName::new("PNP0501"));
    let ports = IO::new(0x3f8, 0x3f8, 0, 8);
    let interrupt = Interrupt::new(true, true, false, false, 4);
    let resources = ResourceTemplate::new(vec![&ports, &interrupt]);
    let resources = Name::new(path("_CRS"), &resources);
    let number = Name::new(path("_UID"), &ZERO);
    let mut code = bytes(&Device::new(path("COM1"), vec![&id, &number, &resources]));
    for slot in virtio {
        code.extend(virtio_device(slot));
    }
    code.extend(cpus(topology, max_cpus));
    code
}

/// A transport with a device.
fn virtio_device(slot: &Slot) -> Vec<u8> {
    let word = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let id = Name::new(path("_HID"), &"LNRO0005");
    let index = slot.index();
    let number = Name::new(path("_UID"), &index);
    let coherent = Name::new(path("_CCA"), &ONE);
    let registers = Memory32Fixed::new(true, word(slot.address()), word(slot.size()));
    // edge-triggered: a line here is a pulse
    let interrupt = Interrupt::new(true, true, false, false, slot.irq());
    let resources = ResourceTemplate::new(vec![&registers, &interrupt]);
    let resources = Name::new(path("_CRS"), &resources);
    let name = format!("VR{index:02}");
    bytes(&Device::new(
        path(&name),
        vec![&id, &number, &coherent, &resources],
    ))
}

/// The CPUs, and the registers of their controller.
fn cpus(topology: &Topology, max_cpus: u32) -> Vec<u8> {
    let (port, length) = (CPUS_PORT as u16, CpuHotplug::PORTS as u8);
    let region = OpRegion::new(path("PRST"), OpRegionSpace::SystemIO, &port, &length);
    let field = |access, entries| {
        Field::new(
            path("PRST"),
            access,
            FieldLockRule::NoLock,
            FieldUpdateRule::WriteAsZeroes,
            entries,
        )
    };
    let wide = field(
        FieldAccessType::DWord,
        vec![
            FieldEntry::Named(*b"CSEL", 32),
            FieldEntry::Reserved(32),
            FieldEntry::Named(*b"CDAT", 32),
        ],
    );
    let narrow = field(
        FieldAccessType::Byte,
        vec![
            FieldEntry::Reserved(32),
            FieldEntry::Named(*b"CPEN", 1),
            FieldEntry::Named(*b"CINS", 1),
            FieldEntry::Named(*b"CRMV", 1),
            FieldEntry::Named(*b"CEJ0", 1),
            FieldEntry::Reserved(4),
            FieldEntry::Named(*b"CCMD", 8),
        ],
    );
    let hid = Name::new(path("_HID"), &"ACPI0010");
    let cid = Name::new(path("_CID"), &EISAName::new("PNP0A05"));
    let lock = Mutex::new(path("CPLK"), 0);
    let methods = methods(max_cpus);
    let devices: Vec<Vec<u8>> = (0..max_cpus).map(|index| cpu(topology, index)).collect();

    let mut children: Vec<u8> = Vec::new();
    for part in [&hid as &dyn Aml, &cid, &region, &wide, &narrow, &lock] {
        children.extend(bytes(part));
    }
    children.extend(methods);
    children.extend(devices.concat());
    bytes(&Device::new(path("CPUS"), vec![&Raw(children)]))
}

/// Code that is made already.
pub(super) struct Raw(pub(super) Vec<u8>);

impl Aml for Raw {
    fn to_aml_bytes(&self, sink: &mut dyn acpi_tables::AmlSink) {
        sink.vec(&self.0);
    }
}

fn name(index: u32) -> String {
    format!("C{index:03X}")
}

/// What all CPUs share. Only one method at a time uses the registers.
fn methods(max_cpus: u32) -> Vec<u8> {
    let acquire = Acquire::new(path("CPLK"), FOR_EVER);
    let release = Release::new(path("CPLK"));
    let (select, data, command) = (path("CSEL"), path("CDAT"), path("CCMD"));
    let select_argument = Store::new(&select, &Arg(0));
    let mut code = Vec::new();

    // whether a CPU is there
    let present = path("CPEN");
    let is_there = Equal::new(&present, &ONE);
    let set = Store::new(&Local(0), &PRESENT);
    let check = If::new(&is_there, vec![&set]);
    let clear = Store::new(&Local(0), &ZERO);
    let answer = Return::new(&Local(0));
    let status: Vec<&dyn Aml> = vec![
        &acquire,
        &select_argument,
        &clear,
        &check,
        &release,
        &answer,
    ];
    code.extend(bytes(&Method::new(path("CSTA"), 1, true, status)));

    // lets a CPU go
    let eject_bit = path("CEJ0");
    let eject = Store::new(&eject_bit, &ONE);
    let ejecting: Vec<&dyn Aml> = vec![&acquire, &select_argument, &eject, &release];
    code.extend(bytes(&Method::new(path("CEJ1"), 1, true, ejecting)));

    // reports on a CPU
    let (say_event, say_status) = (1u8, 2u8);
    let event_next = Store::new(&command, &say_event);
    let event = Store::new(&data, &Arg(1));
    let status_next = Store::new(&command, &say_status);
    let status = Store::new(&data, &Arg(2));
    let report: Vec<&dyn Aml> = vec![
        &acquire,
        &select_argument,
        &event_next,
        &event,
        &status_next,
        &status,
        &release,
    ];
    code.extend(bytes(&Method::new(path("COST"), 3, true, report)));

    // tells the operating system about one CPU
    let mut tell = Vec::new();
    for index in 0..max_cpus {
        let is_it = Equal::new(&Arg(0), &index);
        let device = path(&name(index));
        let notify = Notify::new(&device, &Arg(1));
        tell.extend(bytes(&If::new(&is_it, vec![&notify])));
    }
    code.extend(bytes(&Method::new(path("CTFY"), 2, true, vec![&Raw(tell)])));

    // looks for CPUs with events until there are none
    let find = Store::new(&command, &ZERO);
    let restart = Store::new(&select, &ZERO);
    let more = Store::new(&Local(0), &ONE);
    let enough = Store::new(&Local(0), &ZERO);
    let on_event = |flag: &str, code: u8| {
        let bit = path(flag);
        let is_set = Equal::new(&bit, &ONE);
        let acknowledge = Store::new(&bit, &ONE);
        let tell = MethodCall::new(path("CTFY"), vec![&data, &code]);
        bytes(&If::new(&is_set, vec![&tell, &acknowledge, &more]))
    };
    let came = Raw(on_event("CINS", DEVICE_CHECK));
    let goes = Raw(on_event("CRMV", EJECT_REQUEST));
    let again = Equal::new(&Local(0), &ONE);
    let round: Vec<&dyn Aml> = vec![&enough, &restart, &find, &came, &goes];
    let rounds = While::new(&again, round);
    let scan: Vec<&dyn Aml> = vec![&acquire, &more, &rounds, &release];
    code.extend(bytes(&Method::new(path("CSCN"), 0, true, scan)));
    code
}

/// A CPU's device.
fn cpu(topology: &Topology, index: u32) -> Vec<u8> {
    let hid = Name::new(path("_HID"), &"ACPI0007");
    let uid = Name::new(path("_UID"), &index);
    let status = MethodCall::new(path("CSTA"), vec![&index]);
    let status = Return::new(&status);
    let status = Method::new(path("_STA"), 0, true, vec![&status]);
    let entry = BufferData::new(local_apic(topology, index, ENABLED));
    let entry = Name::new(path("_MAT"), &entry);
    let report = MethodCall::new(path("COST"), vec![&index, &Arg(0), &Arg(1)]);
    let report = Method::new(path("_OST"), 3, true, vec![&report]);
    let eject = MethodCall::new(path("CEJ1"), vec![&index]);
    let eject = Method::new(path("_EJ0"), 1, true, vec![&eject]);
    let mut parts: Vec<&dyn Aml> = vec![&hid, &uid, &status, &entry, &report];
    if index > 0 {
        parts.push(&eject); // the first one stays
    }
    bytes(&Device::new(path(&name(index)), parts))
}

//! The code that the guest's operating system runs for memory modules.

use acpi_tables::Aml;
use acpi_tables::aml::{
    Acquire, Add, AddressSpace, AddressSpaceCacheable, Arg, CreateQWordField, Device, EISAName,
    Equal, Field, FieldAccessType, FieldEntry, FieldLockRule, FieldUpdateRule, If, LessThan, Local,
    Method, MethodCall, Mutex, Name, Notify, ONE, OpRegion, OpRegionSpace, Or, Path, Release,
    ResourceTemplate, Return, ShiftLeft, Store, Subtract, While, ZERO,
};

use super::super::hotplug::MEMORY_PORT;
use super::bytes;
use super::dsdt::{DEVICE_CHECK, EJECT_REQUEST, FOR_EVER, PRESENT, Raw};
use crate::devices::MemoryHotplug;

/// The method that looks for slots with events.
pub(super) const SCAN: &str = "\\_SB_.MHPC.MSCN";

/// Where a resource descriptor of 64-bit addresses has its parts.
const MINIMUM: u8 = 14;
const MAXIMUM: u8 = 22;
const LENGTH: u8 = 38;

fn path(name: &str) -> Path {
    Path::new(name)
}

fn name(slot: u32) -> String {
    format!("M{slot:03X}")
}

/// The slots, and the registers of their controller.
pub(super) fn modules(slots: u32) -> Vec<u8> {
    let (port, length) = (MEMORY_PORT as u16, MemoryHotplug::PORTS as u8);
    let region = OpRegion::new(path("MRST"), OpRegionSpace::SystemIO, &port, &length);
    let field = |access, names: &[&[u8; 4]]| {
        let entries = names.iter().map(|name| FieldEntry::Named(**name, 32));
        Field::new(
            path("MRST"),
            access,
            FieldLockRule::NoLock,
            FieldUpdateRule::WriteAsZeroes,
            entries.collect(),
        )
    };
    let read = field(
        FieldAccessType::DWord,
        &[b"MADL", b"MADH", b"MSZL", b"MSZH"],
    );
    let write = field(FieldAccessType::DWord, &[b"MSEL", b"MOEV", b"MOST"]);
    let status = Field::new(
        path("MRST"),
        FieldAccessType::Byte,
        FieldLockRule::NoLock,
        FieldUpdateRule::WriteAsZeroes,
        vec![
            FieldEntry::Reserved(160),
            FieldEntry::Named(*b"MENA", 1),
            FieldEntry::Named(*b"MINS", 1),
            FieldEntry::Named(*b"MRMV", 1),
            FieldEntry::Named(*b"MEJE", 1),
        ],
    );
    let hid = Name::new(path("_HID"), &EISAName::new("PNP0A06"));
    let uid = Name::new(path("_UID"), &"Memory slots");
    let lock = Mutex::new(path("MLCK"), 0);
    let mut children = Vec::new();
    for part in [
        &hid as &dyn Aml,
        &uid,
        &region,
        &read,
        &write,
        &status,
        &lock,
    ] {
        children.extend(bytes(part));
    }
    children.extend(methods(slots));
    children.extend((0..slots).flat_map(module));
    bytes(&Device::new(path("MHPC"), vec![&Raw(children)]))
}

/// What all slots share. Only one method at a time uses the registers.
fn methods(slots: u32) -> Vec<u8> {
    let acquire = Acquire::new(path("MLCK"), FOR_EVER);
    let release = Release::new(path("MLCK"));
    let select = path("MSEL");
    let select_argument = Store::new(&select, &Arg(0));
    let mut code = Vec::new();

    // whether there is a module
    let present = path("MENA");
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
    code.extend(bytes(&Method::new(path("MSTA"), 1, true, status)));
    code.extend(resources());

    // lets a module go
    let eject_bit = path("MEJE");
    let eject = Store::new(&eject_bit, &ONE);
    let ejecting: Vec<&dyn Aml> = vec![&acquire, &select_argument, &eject, &release];
    code.extend(bytes(&Method::new(path("MEJ1"), 1, true, ejecting)));

    // reports on a slot
    let (event, status) = (path("MOEV"), path("MOST"));
    let event = Store::new(&event, &Arg(1));
    let status = Store::new(&status, &Arg(2));
    let report: Vec<&dyn Aml> = vec![&acquire, &select_argument, &event, &status, &release];
    code.extend(bytes(&Method::new(path("MOS1"), 3, true, report)));

    // tells the operating system about one slot
    let mut tell = Vec::new();
    for slot in 0..slots {
        let is_it = Equal::new(&Arg(0), &slot);
        let device = path(&name(slot));
        let notify = Notify::new(&device, &Arg(1));
        tell.extend(bytes(&If::new(&is_it, vec![&notify])));
    }
    code.extend(bytes(&Method::new(path("MTFY"), 2, true, vec![&Raw(tell)])));

    // looks at all slots
    let on_event = |flag: &str, code: u8| {
        let bit = path(flag);
        let is_set = Equal::new(&bit, &ONE);
        let acknowledge = Store::new(&bit, &ONE);
        let tell = MethodCall::new(path("MTFY"), vec![&Local(0), &code]);
        bytes(&If::new(&is_set, vec![&tell, &acknowledge]))
    };
    let start = Store::new(&Local(0), &ZERO);
    let select_next = Store::new(&select, &Local(0));
    let came = Raw(on_event("MINS", DEVICE_CHECK));
    let goes = Raw(on_event("MRMV", EJECT_REQUEST));
    let next = Add::new(&Local(0), &Local(0), &ONE);
    let more = LessThan::new(&Local(0), &slots);
    let rounds = While::new(&more, vec![&select_next, &came, &goes, &next]);
    let scan: Vec<&dyn Aml> = vec![&acquire, &start, &rounds, &release];
    code.extend(bytes(&Method::new(path("MSCN"), 0, true, scan)));
    code
}

/// The method that tells where a module is.
fn resources() -> Vec<u8> {
    let acquire = Acquire::new(path("MLCK"), FOR_EVER);
    let release = Release::new(path("MLCK"));
    let select = path("MSEL");
    let select = Store::new(&select, &Arg(0));
    let space =
        AddressSpace::new_memory(AddressSpaceCacheable::Cacheable, true, 0u64, 0xfffu64, None);
    let template = ResourceTemplate::new(vec![&space]);
    let template = Name::new(path("MR64"), &template);
    let buffer = path("MR64");
    let (first, last, length) = (path("MINA"), path("MAXA"), path("LENA"));
    let fields = [
        bytes(&CreateQWordField::new(&first, &buffer, &MINIMUM)),
        bytes(&CreateQWordField::new(&last, &buffer, &MAXIMUM)),
        bytes(&CreateQWordField::new(&length, &buffer, &LENGTH)),
    ];
    let fields = Raw(fields.concat());
    let join = |high: &str, low: &str, target: &Path| {
        let (high, low) = (path(high), path(low));
        let mut code = bytes(&ShiftLeft::new(&Local(0), &high, &32u8));
        code.extend(bytes(&Or::new(target, &Local(0), &low)));
        Raw(code)
    };
    let address = join("MADH", "MADL", &first);
    let size = join("MSZH", "MSZL", &length);
    let sum = Add::new(&Local(0), &first, &length);
    let end = Subtract::new(&last, &Local(0), &ONE);
    let answer = Return::new(&buffer);
    let body: Vec<&dyn Aml> = vec![
        &acquire, &select, &template, &fields, &address, &size, &sum, &end, &release, &answer,
    ];
    bytes(&Method::new(path("MCRS"), 1, true, body))
}

/// A slot's device.
fn module(slot: u32) -> Vec<u8> {
    let hid = Name::new(path("_HID"), &EISAName::new("PNP0C80"));
    let uid = Name::new(path("_UID"), &slot);
    let answer = |own: &str, shared: &str| {
        let call = MethodCall::new(path(shared), vec![&slot]);
        let call = Return::new(&call);
        bytes(&Method::new(path(own), 0, true, vec![&call]))
    };
    let status = Raw(answer("_STA", "MSTA"));
    let resources = Raw(answer("_CRS", "MCRS"));
    let report = MethodCall::new(path("MOS1"), vec![&slot, &Arg(0), &Arg(1)]);
    let report = Method::new(path("_OST"), 3, true, vec![&report]);
    let eject = MethodCall::new(path("MEJ1"), vec![&slot]);
    let eject = Method::new(path("_EJ0"), 1, true, vec![&eject]);
    bytes(&Device::new(
        path(&name(slot)),
        vec![&hid, &uid, &status, &resources, &report, &eject],
    ))
}

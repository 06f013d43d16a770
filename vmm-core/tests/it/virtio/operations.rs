//! Anything that a guest can do to ports, registers and queues: nothing panics,
//! and it all ends. The same function is a fuzz target.
#![allow(
    unreachable_pub,
    reason = "a fuzz target has the file as a module, too"
)]
#![allow(missing_docs, reason = "fields say what they are")]

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use vmm_core::block::{DriveConfig, NodeConfig, NodeSource, Zeroes};
use vmm_core::char::{Backend, BackendConfig, InputSink, Registry};
use vmm_core::machine::{
    Actions, Machine, MachineConfig, MachineEvent, MachineKind, Observer, WatchdogAction,
};
use vmm_core::qom::{Given, Spec};

const RAM: u64 = 2 << 20;
const DISK: u64 = 64 << 10;
/// Where the registers of the first transport are, and how far from it the next.
const TRANSPORTS: u64 = 0xfeb0_0000;
const STRIDE: u64 = 0x200;
/// The devices, from the last transport on.
pub const DEVICES: u64 = 5;
const LAST: u64 = 7;
const QUEUE_SIZE: u16 = 16;
const QUEUES: u8 = 6;
/// Offsets of the rings in a queue's page.
const AVAILABLE: u64 = 0x400;
const USED: u64 = 0x800;
pub const DISK_DEVICE: u8 = 2;
/// Descriptors of a request of the disk, and the requests that there are descriptors for.
const PIECES: u16 = 3;
const REQUESTS: usize = (QUEUE_SIZE / PIECES) as usize;
/// Where the requests of the disk are.
const HEADERS: u32 = 0x4_0000;
const STATUSES: u32 = 0x4_1000;
const DATA: u32 = 0x5_0000;

/// What the guest does next.
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
#[derive(Debug, Clone)]
pub enum Operation {
    /// Writes to a register or the configuration of a device.
    Write {
        device: u8,
        offset: u16,
        value: u64,
        width: u8,
    },
    /// Reads one.
    Read { device: u8, offset: u16, width: u8 },
    /// Writes to an address that may be nobody's.
    WriteMemoryBus { address: u32, value: u64, width: u8 },
    /// Writes to a port, and reads it.
    Port { port: u16, value: u32, width: u8 },
    /// Changes memory.
    Memory { address: u32, bytes: Vec<u8> },
    /// Sets a device up as a driver does, with these features and all queues.
    Start { device: u8, features: u64 },
    /// Makes a chain available; each descriptor may be anything.
    Chain {
        device: u8,
        queue: u8,
        head: u16,
        descriptors: Vec<Descriptor>,
        notify: bool,
    },
    /// Makes a request of the disk available.
    Disk { request: DiskRequest, notify: bool },
    /// Resets a device.
    Reset { device: u8 },
    /// The user stops the guest and lets it run on.
    Pause,
    /// The user saves the devices, loads that with some bytes changed, and then as it was.
    Reload { damage: Vec<(u16, u8)> },
    /// Somebody types.
    Input { bytes: Vec<u8> },
    /// The user asks for memory.
    Balloon { bytes: u32 },
    /// The user wants statistics of it every so often; a clock that is loaded brings them sooner.
    Poll { seconds: i8 },
}

/// A request of the disk. Most make sense, and many begin where the one before ends.
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
#[derive(Debug, Clone, Copy)]
pub struct DiskRequest {
    pub kind: u8,
    /// Nothing if it follows the one before.
    pub sector: Option<u8>,
    pub sectors: u8,
    /// Bytes besides whole sectors, mostly none; with the last value, the data goes the wrong way.
    pub odd: u8,
}

impl DiskRequest {
    fn kind(self) -> u32 {
        const KINDS: u8 = 16;
        match self.kind < 0x80 {
            true => u32::from(self.kind % KINDS),
            false => u32::from(self.kind & 1), // reads and writes
        }
    }

    fn is_writable(self) -> bool {
        (self.kind() != 1) ^ (self.odd == u8::MAX)
    }

    fn length(self) -> u32 {
        let odd = self.odd.saturating_sub(0xf0);
        u32::from(self.sectors % 32) * 512 + u32::from(odd)
    }
}

/// A descriptor.
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    pub address: u32,
    pub high: u8,
    pub length: u32,
    pub flags: u8,
    pub next: u8,
}

/// Notes what a device says of itself.
#[derive(Default)]
struct Watcher(AtomicBool);

impl Observer for Watcher {
    fn event(&self, _: &MachineEvent) {}

    fn diagnostic(&self, text: &str) {
        if text.contains("has failed") {
            self.0.store(true, Ordering::Release);
        }
    }
}

fn spec(type_name: &str, id: &str, properties: &[(&str, &str)]) -> Spec {
    let properties = properties.iter();
    let properties = properties.map(|&(name, value)| (name.to_owned(), Given::text(value)));
    Spec {
        type_name: type_name.to_owned(),
        id: Some(id.to_owned()),
        properties: properties.collect(),
    }
}

/// The other end of a console.
#[derive(Default)]
struct FarEnd(Mutex<Option<InputSink>>);

impl std::fmt::Debug for FarEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FarEnd")
    }
}

impl Backend for FarEnd {
    fn kind(&self) -> &'static str {
        "far"
    }

    fn write(&self, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }

    fn connect(&self, input: Option<InputSink>) {
        *self.0.lock().unwrap() = input;
    }
}

struct Guest {
    machine: Machine,
    watcher: Arc<Watcher>,
    far: Arc<FarEnd>,
    /// Behind the last request of the disk.
    sector: Cell<u64>,
    _image: tempfile::NamedTempFile,
}

fn read_sector(sector: Option<u8>) -> DiskRequest {
    DiskRequest {
        kind: 0,
        sector,
        sectors: 1,
        odd: 0,
    }
}

impl Guest {
    /// A guest whose disk passes the host's cache by, where that works.
    fn new(direct: bool) -> Self {
        let mut image = tempfile::NamedTempFile::new().unwrap();
        image.write_all(&vec![7; DISK as usize]).unwrap();
        let path = image.path().to_str().unwrap().to_owned();
        let open = |flags| {
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(flags).open(image.path())
        };
        let image_node = NodeConfig {
            unmap: true,
            direct: direct && open(libc::O_DIRECT).is_ok(),
            zeroes: Zeroes::Unmapped,
            ..NodeConfig::new(NodeSource::File(path))
        };
        let chardevs = Registry::new();
        chardevs.add("serial0", &BackendConfig::Null).unwrap();
        let far = Arc::new(FarEnd::default());
        chardevs.insert("far", far.clone()).unwrap();
        let config = MachineConfig {
            kind: MachineKind::QMin,
            ram_size: RAM,
            cpus: 1,
            max_cpus: 2,
            max_ram_size: 2 * RAM,
            memory_slots: 2,
            serial: vec!["serial0".to_owned()],
            drives: vec![DriveConfig {
                id: "d".to_owned(),
                image: Some(image_node),
                write_back: true,
            }],
            devices: vec![
                spec("virtio-rng-device", "r", &[]),
                spec(
                    "virtio-balloon-device",
                    "b",
                    &[("free-page-reporting", "on")],
                ),
                spec("virtio-blk-device", "v", &[("drive", "d")]),
                spec("virtio-serial-device", "s", &[("max_ports", "2")]),
                spec("virtconsole", "c", &[("chardev", "far")]),
                spec("virtserialport", "p", &[("name", "name")]),
                spec("isa-vga", "g", &[("vgamem_mb", "1")]),
                spec("ib700", "w", &[]),
            ],
            actions: Actions {
                // a reset in its own time would come in between
                watchdog: WatchdogAction::None,
                ..Actions::default()
            },
            ..MachineConfig::default()
        };
        let watcher = Arc::new(Watcher::default());
        let machine = Machine::new(config, chardevs, watcher.clone()).unwrap();
        machine.start().unwrap();
        Self {
            machine,
            watcher,
            far,
            sector: Cell::default(),
            _image: image,
        }
    }

    fn register(device: u8, offset: u16) -> u64 {
        let slot = LAST - u64::from(device) % DEVICES;
        TRANSPORTS + slot * STRIDE + u64::from(offset) % STRIDE
    }

    fn set(&self, device: u8, offset: u16, value: u32) {
        let at = Self::register(device, offset);
        let _ = self.machine.buses().mmio.write(at, &value.to_le_bytes());
    }

    /// Where a queue's rings are.
    fn rings(device: u8, queue: u8) -> u64 {
        let device = u64::from(device) % DEVICES;
        (1 + device * u64::from(QUEUES) + u64::from(queue % QUEUES)) * 0x1000
    }

    fn put(&self, address: u64, bytes: &[u8]) {
        let _ = self.machine.write_physical(address % RAM, bytes); // or it is no memory
    }

    fn start(&self, device: u8, features: u64) {
        for status in [0, 1, 3] {
            self.set(device, 0x70, status);
        }
        let [a, b, c, d, e, f, g, h] = features.to_le_bytes();
        for (half, word) in [
            (0, u32::from_le_bytes([a, b, c, d])),
            (1, u32::from_le_bytes([e, f, g, h])),
        ] {
            self.set(device, 0x14, half);
            let mut offered = [0; 4];
            let at = Self::register(device, 0x10);
            self.machine.buses().mmio.read(at, &mut offered);
            self.set(device, 0x24, half);
            self.set(device, 0x20, word & u32::from_le_bytes(offered) | half);
        }
        self.set(device, 0x70, 0xb);
        for queue in 0..QUEUES {
            let at = Self::rings(device, queue);
            self.set(device, 0x30, u32::from(queue));
            self.set(device, 0x38, u32::from(QUEUE_SIZE));
            for (register, address) in [(0x80, at), (0x90, at + AVAILABLE), (0xa0, at + USED)] {
                self.set(device, register, u32::try_from(address).unwrap());
            }
            self.put(at + AVAILABLE, &[0; 4]);
            self.put(at + USED, &[0; 4]);
            self.set(device, 0x44, 1);
        }
        self.set(device, 0x70, 0xf);
    }

    fn chain(&self, device: u8, queue: u8, head: u16, descriptors: &[Descriptor], notify: bool) {
        self.chain_at(device, queue, head, (0, descriptors), notify);
    }

    /// Makes a chain available whose descriptors are written from one on.
    fn chain_at(
        &self,
        device: u8,
        queue: u8,
        head: u16,
        (first, descriptors): (u16, &[Descriptor]),
        notify: bool,
    ) {
        let at = Self::rings(device, queue);
        for (index, descriptor) in (first..QUEUE_SIZE).zip(descriptors) {
            let address = u64::from(descriptor.address) | u64::from(descriptor.high) << 32;
            let mut bytes = address.to_le_bytes().to_vec();
            bytes.extend(descriptor.length.to_le_bytes());
            bytes.extend(u16::from(descriptor.flags).to_le_bytes());
            bytes.extend(u16::from(descriptor.next).to_le_bytes());
            self.put(at + 16 * u64::from(index), &bytes);
        }
        let index = self.available(device, queue);
        let slot = u64::from(index % QUEUE_SIZE);
        self.put(at + AVAILABLE + 4 + 2 * slot, &head.to_le_bytes());
        self.put(at + AVAILABLE + 2, &index.wrapping_add(1).to_le_bytes());
        if notify {
            self.set(device, 0x50, u32::from(queue));
        }
    }

    /// A request of the disk that is whole. Several of them have memory of their own.
    fn disk(&self, request: DiskRequest, notify: bool) {
        let number = self.available(DISK_DEVICE, 0) % REQUESTS as u16;
        let first = PIECES * number;
        let place = 0x100 * u32::from(number);
        let length = request.length();
        let sector = request.sector.map_or(self.sector.get(), u64::from);
        self.sector.set(sector + u64::from(length) / 512);
        let mut header = request.kind().to_le_bytes().to_vec();
        header.extend([0; 4]);
        header.extend(sector.to_le_bytes());
        self.put(u64::from(HEADERS + place), &header);
        let piece = |address, length, flags, next| Descriptor {
            address,
            high: 0,
            length,
            flags,
            next: (first + next) as u8,
        };
        let direction = u8::from(request.is_writable()) << 1;
        let data = DATA + 0x1_0000 * u32::from(number);
        let chain = [
            piece(HEADERS + place, 16, 1, 1),
            piece(data, length, 1 | direction, 2),
            piece(STATUSES + place, 1, 2, 0),
        ];
        self.chain_at(DISK_DEVICE, 0, first, (first, &chain), notify);
        if notify {
            self.give_time();
        }
    }

    /// Lets the disk do what it has to, before anything else happens to it; a moment, for it may have nothing to do.
    fn give_time(&self) {
        let used = Self::rings(DISK_DEVICE, 0) + USED + 2;
        let wanted = self.available(DISK_DEVICE, 0).to_le_bytes();
        let end = std::time::Instant::now() + std::time::Duration::from_millis(1);
        while self.machine.read_physical(used, 2).unwrap() != wanted
            && std::time::Instant::now() < end
        {
            std::thread::yield_now();
        }
    }

    /// How many chains the guest has made available so far.
    fn available(&self, device: u8, queue: u8) -> u16 {
        let at = Self::rings(device, queue) + AVAILABLE + 2;
        let index = self.machine.read_physical(at, 2).unwrap();
        u16::from_le_bytes([index[0], index[1]])
    }

    fn reload(&self, damage: &[(u16, u8)]) {
        const CHECKSUM: usize = 4;
        const HEADER: usize = 16;
        let machine = &self.machine;
        let ran = machine.stop().unwrap_or_default();
        let saved = machine.save_state().unwrap();
        let mut damaged = saved.clone();
        let end = saved.len() - CHECKSUM;
        for &(at, byte) in damage {
            damaged[HEADER + usize::from(at) % (end - HEADER)] = byte;
        }
        let checksum = crc32fast::hash(&damaged[..end]);
        damaged[end..].copy_from_slice(&checksum.to_le_bytes());
        if machine.load_state(&damaged).is_err() {
            assert_eq!(machine.save_state().unwrap(), saved, "refused, and changed");
        }
        machine.load_state(&saved).unwrap();
        assert_eq!(machine.save_state().unwrap(), saved);
        if ran {
            let _ = machine.cont(); // what was loaded may ask for a reset first
        }
    }

    fn run(&self, operation: Operation) {
        let buses = self.machine.buses();
        let cut = |width: u8| 1usize << (width % 4);
        match operation {
            Operation::Write {
                device,
                offset,
                value,
                width,
            } => {
                let bytes = &value.to_le_bytes()[..cut(width)];
                let _ = buses.mmio.write(Self::register(device, offset), bytes);
            }
            Operation::Read {
                device,
                offset,
                width,
            } => {
                let mut bytes = [0; 8];
                let at = Self::register(device, offset);
                buses.mmio.read(at, &mut bytes[..cut(width)]);
            }
            Operation::WriteMemoryBus {
                address,
                value,
                width,
            } => {
                let mut bytes = value.to_le_bytes();
                let bytes = &mut bytes[..cut(width)];
                let _ = buses.mmio.write(u64::from(address), bytes);
                buses.mmio.read(u64::from(address), bytes);
            }
            Operation::Port { port, value, width } => {
                let mut bytes = value.to_le_bytes();
                let bytes = &mut bytes[..cut(width % 3)];
                let _ = buses.pio.write(u64::from(port), bytes);
                buses.pio.read(u64::from(port), bytes);
            }
            Operation::Memory { address, bytes } => self.put(u64::from(address), &bytes),
            Operation::Start { device, features } => self.start(device, features),
            Operation::Chain {
                device,
                queue,
                head,
                descriptors,
                notify,
            } => self.chain(device, queue, head, &descriptors, notify),
            Operation::Disk { request, notify } => self.disk(request, notify),
            Operation::Reset { device } => self.set(device, 0x70, 0),
            Operation::Reload { damage } => self.reload(&damage),
            Operation::Pause => {
                self.machine.stop().unwrap();
                self.machine.cont().unwrap();
            }
            Operation::Input { bytes } => {
                let sink = self.far.0.lock().unwrap().clone();
                sink.unwrap()(&bytes);
            }
            Operation::Balloon { bytes } => {
                self.machine.set_balloon(u64::from(bytes)).unwrap();
            }
            Operation::Poll { seconds } => {
                let balloon = self.machine.tree().at("/machine/peripheral/b").unwrap();
                let set = balloon.set("guest-stats-polling-interval", &seconds.into());
                assert_eq!(set.is_ok(), seconds >= 0);
            }
        }
    }

    /// Waits for so many requests of the disk to be done.
    fn await_disk(&self, requests: u8) {
        let used = Self::rings(DISK_DEVICE, 0) + USED + 2;
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while self.machine.read_physical(used, 1).unwrap() != [requests] {
            assert!(std::time::Instant::now() < deadline, "the disk is dead");
            std::thread::yield_now();
        }
    }

    /// After all that, each device works once it is set up anew.
    fn check(&self) {
        for device in 0..DEVICES {
            self.set(device as u8, 0x70, 0);
        }
        let _ = self.machine.stop(); // waits for what is being done
        assert!(!self.watcher.0.load(Ordering::Acquire));
        let _ = self.machine.cont();
        self.start(DISK_DEVICE, 0);
        self.disk(read_sector(Some(1)), true);
        self.await_disk(1);
        let status = self.machine.read_physical(u64::from(STATUSES), 1).unwrap();
        assert_eq!(status, [0], "the disk cannot be read");
    }
}

/// The same, all of it done to one device, which is set up at first.
#[allow(dead_code, reason = "for fuzz targets of one device each")]
pub fn focus(mut operations: Vec<Operation>, number: u8) -> Vec<Operation> {
    for operation in &mut operations {
        match operation {
            Operation::Write { device, .. }
            | Operation::Read { device, .. }
            | Operation::Start { device, .. }
            | Operation::Chain { device, .. }
            | Operation::Reset { device } => *device = number,
            _ => {}
        }
    }
    let start = Operation::Start {
        device: number,
        features: 0,
    };
    operations.insert(0, start);
    operations
}

/// Requests of the disk, several at once.
#[allow(dead_code, reason = "for the fuzz target of the disk")]
pub fn at_once(rows: Vec<Vec<DiskRequest>>) -> Vec<Operation> {
    let operations = rows.into_iter().flat_map(|row| {
        let last = row.len().saturating_sub(1);
        row.into_iter()
            .enumerate()
            .map(move |(index, request)| Operation::Disk {
                request,
                notify: index == last || index % REQUESTS == REQUESTS - 1,
            })
    });
    operations.collect()
}

/// Does all of it to a new machine.
pub fn run(operations: Vec<Operation>) {
    // every other length of input has the host's cache passed by
    let guest = Guest::new(operations.len() % 2 == 1);
    for operation in operations.into_iter().take(200) {
        guest.run(operation);
    }
    guest.check();
}

#[cfg(not(fuzzing))]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn descriptor() -> impl Strategy<Value = Descriptor> {
        let address = prop_oneof![4 => 0..RAM as u32, 1 => any::<u32>()];
        let length = prop_oneof![4 => 0..0x2000u32, 1 => any::<u32>()];
        let flags = prop_oneof![4 => 0..4u8, 1 => any::<u8>()];
        let next = prop_oneof![4 => 0..6u8, 1 => any::<u8>()];
        let high = prop_oneof![9 => Just(0u8), 1 => any::<u8>()];
        (address, high, length, flags, next).prop_map(|(address, high, length, flags, next)| {
            Descriptor {
                address,
                high,
                length,
                flags,
                next,
            }
        })
    }

    fn disk_request() -> impl Strategy<Value = DiskRequest> {
        let sector = proptest::option::of(0..200u8);
        (any::<[u8; 3]>(), sector).prop_map(|([kind, sectors, odd], sector)| DiskRequest {
            kind,
            sector,
            sectors,
            odd,
        })
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let device = 0..DEVICES as u8;
        prop_oneof![
            2 => (device.clone(), 0..0x140u16, any::<u64>(), 0..4u8).prop_map(
                |(device, offset, value, width)| Operation::Write { device, offset, value, width }
            ),
            1 => (device.clone(), 0..0x140u16, 0..4u8).prop_map(
                |(device, offset, width)| Operation::Read { device, offset, width }
            ),
            1 => (any::<u32>(), any::<u64>(), 0..4u8).prop_map(
                |(address, value, width)| Operation::WriteMemoryBus { address, value, width }
            ),
            2 => (any::<u16>(), any::<u32>(), 0..3u8).prop_map(
                |(port, value, width)| Operation::Port { port, value, width }
            ),
            1 => (0..0x4_2000u32, vec(any::<u8>(), 0..32)).prop_map(
                |(address, bytes)| Operation::Memory { address, bytes }
            ),
            3 => (device.clone(), any::<u64>()).prop_map(
                |(device, features)| Operation::Start { device, features }
            ),
            4 => (device.clone(), 0..QUEUES, 0..18u16, vec(descriptor(), 0..6), any::<bool>()).prop_map(
                |(device, queue, head, descriptors, notify)| Operation::Chain {
                    device, queue, head, descriptors, notify
                }
            ),
            5 => (disk_request(), any::<bool>()).prop_map(
                |(request, notify)| Operation::Disk { request, notify }
            ),
            1 => device.prop_map(|device| Operation::Reset { device }),
            1 => Just(Operation::Pause),
            1 => vec((any::<u16>(), any::<u8>()), 0..4).prop_map(|damage| Operation::Reload { damage }),
            1 => vec(any::<u8>(), 0..99).prop_map(|bytes| Operation::Input { bytes }),
            1 => any::<u32>().prop_map(|bytes| Operation::Balloon { bytes }),
            1 => any::<i8>().prop_map(|seconds| Operation::Poll { seconds }),
        ]
    }

    /// What is fuzzed gets as far as to requests that are joined.
    #[test]
    fn requests_of_the_disk_can_be_adjacent() {
        let guest = Guest::new(false);
        let row = [Some(1), None, None].map(read_sector).to_vec();
        let operations = at_once(vec![row]);
        for operation in focus(operations, DISK_DEVICE) {
            guest.run(operation);
        }
        guest.await_disk(3);
        let drives = guest.machine.block().drives();
        let read = drives[0].statistics().of(vmm_core::block::Operation::Read);
        assert_eq!((read.operations, read.merged), (3, 2));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: std::env::var("PROPTEST_CASES").map_or(48, |cases| cases.parse().unwrap()),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn nothing_that_a_guest_does_breaks_a_device(operations in vec(operation(), 0..60)) {
            run(operations);
        }
    }
}

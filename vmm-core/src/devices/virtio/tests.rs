//! Registers and queues without a guest.

use std::sync::{Arc, Mutex};

use super::mmio::{Backend, RingFeatures, Transport};
use super::queue::{Chain, Malformed};
use crate::accel::IrqLine;
use crate::devices::Device;
use crate::machine::{GuestRam, MachineEvent, Observer};
use crate::sync::lock;

const RAM: u64 = 1 << 20;
const DESCRIPTORS: u64 = 0x1000;
const AVAILABLE: u64 = 0x2000;
const USED: u64 = 0x3000;
const SIZE: u16 = 8;
const INDIRECT: u64 = 0x4000;

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn event(&self, _: &MachineEvent) {}

    fn diagnostic(&self, text: &str) {
        lock(&self.0).push(text.to_owned());
    }
}

#[derive(Debug, Default)]
struct Probe {
    notified: Mutex<Vec<u16>>,
    resets: Mutex<u32>,
    config: Mutex<[u8; 8]>,
}

impl Backend for Probe {
    fn device_id(&self) -> u32 {
        42
    }

    fn queues(&self) -> u16 {
        2
    }

    fn features(&self) -> u64 {
        1 << 3
    }

    fn config_size(&self) -> u64 {
        8
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let start = offset as usize;
        data.copy_from_slice(&lock(&self.config)[start..start + data.len()]);
    }

    fn write_config(&self, offset: u64, data: &[u8]) {
        let start = offset as usize;
        lock(&self.config)[start..start + data.len()].copy_from_slice(data);
    }

    fn notify(&self, queue: u16) {
        lock(&self.notified).push(queue);
    }

    fn reset(&self) {
        *lock(&self.resets) += 1;
    }
}

struct Bench {
    ram: GuestRam,
    told: Arc<Told>,
    probe: Arc<Probe>,
    line: IrqLine,
    transport: Transport,
}

impl Bench {
    fn new() -> Self {
        let ram = GuestRam::new(RAM).unwrap();
        let told = Arc::new(Told::default());
        let probe = Arc::new(Probe::default());
        let line = IrqLine::new(16).unwrap();
        let transport = Transport::new(ram.clone(), told.clone());
        let ring = RingFeatures {
            indirect_desc: true,
            event_idx: true,
        };
        let backend: Arc<dyn Backend> = probe.clone();
        assert!(transport.plug("probe", &backend, ring, line.clone()));
        Self {
            ram,
            told,
            probe,
            line,
            transport,
        }
    }

    fn get(&self, register: u64) -> u32 {
        let mut bytes = [0; 4];
        self.transport.read(register, &mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn set(&self, register: u64, value: u32) {
        self.transport.write(register, &value.to_le_bytes());
    }

    /// As a driver does, with one queue.
    fn start(&self, features: u64) {
        for status in [0, 1, 3] {
            self.set(0x70, status);
        }
        let features = features | 1 << 32;
        for half in [0, 1] {
            self.set(0x24, half);
            self.set(0x20, (features >> (32 * half)) as u32);
        }
        self.set(0x70, 0xb);
        self.set(0x30, 0);
        self.set(0x38, u32::from(SIZE));
        for (register, address) in [(0x80, DESCRIPTORS), (0x90, AVAILABLE), (0xa0, USED)] {
            self.set(register, address as u32);
        }
        for address in [AVAILABLE, USED] {
            self.ram.zero(address, 0x100).unwrap();
        }
        self.set(0x44, 1);
        self.set(0x70, 0xf);
    }

    fn descriptor(&self, table: u64, index: u64, entry: (u64, u32, u16, u16)) {
        let (address, length, flags, next) = entry;
        let mut bytes = address.to_le_bytes().to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        bytes.extend(next.to_le_bytes());
        self.ram.write(table + 16 * index, &bytes).unwrap();
    }

    fn offer(&self, index: u16, head: u16) {
        let slot = u64::from(index % SIZE);
        let entry = AVAILABLE + 4 + 2 * slot;
        self.ram.write(entry, &head.to_le_bytes()).unwrap();
        let next = index.wrapping_add(1).to_le_bytes();
        self.ram.write(AVAILABLE + 2, &next).unwrap();
    }

    fn used(&self) -> u16 {
        let mut bytes = [0; 2];
        self.ram.read(USED + 2, &mut bytes).unwrap();
        u16::from_le_bytes(bytes)
    }

    fn pulses(&self) -> u64 {
        self.line.event().read().unwrap_or_default()
    }
}

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const TABLE: u16 = 4;

#[test]
fn features_are_agreed_on_or_not() {
    let bench = Bench::new();
    assert_eq!((bench.get(0x00), bench.get(0x04)), (0x7472_6976, 2));
    assert_eq!((bench.get(0x08), bench.get(0x0c)), (42, 0x554d_4551));
    assert_eq!(bench.get(0x10), 1 << 3 | 1 << 28 | 1 << 29);
    bench.set(0x14, 1);
    assert_eq!(bench.get(0x10), 1);
    bench.start(1 << 3);
    assert_eq!(bench.get(0x70), 0xf);
    // too late
    bench.set(0x24, 0);
    bench.set(0x20, 0);
    assert_eq!(bench.transport.driver_features(), 1 << 3 | 1 << 32);
    // what was not offered, and what is needed
    for (low, high) in [(1, 1), (0, 0), (0, 2)] {
        bench.set(0x70, 0);
        assert_eq!(bench.get(0x70), 0);
        bench.set(0x70, 3);
        for (half, value) in [(0, low), (1, high)] {
            bench.set(0x24, half);
            bench.set(0x20, value);
        }
        bench.set(0x70, 0xb);
        assert_eq!(bench.get(0x70), 3);
        bench.set(0x70, 0xf);
        assert!(!bench.transport.is_ready());
    }
}

#[test]
fn notifications_come_from_a_driver_that_is_ready() {
    let bench = Bench::new();
    bench.set(0x50, 0);
    bench.start(0);
    for number in [0, 1, 2, 0x1_0000, u32::MAX] {
        bench.set(0x50, number);
    }
    assert_eq!(*lock(&bench.probe.notified), [0, 1]);
    let resets = *lock(&bench.probe.resets);
    bench.transport.reset();
    bench.set(0x50, 0);
    assert_eq!(*lock(&bench.probe.notified), [0, 1]);
    assert_eq!(*lock(&bench.probe.resets), resets + 1);
    assert_eq!(
        (bench.get(0x44), bench.get(0x60), bench.get(0x70)),
        (0, 0, 0)
    );
}

#[test]
fn configuration_is_read_and_written_inside_its_bounds() {
    let bench = Bench::new();
    bench.transport.write(0x106, &[1, 2]);
    bench.transport.write(0x107, &[3, 4]);
    let mut bytes = [0; 8];
    bench.transport.read(0x100, &mut bytes);
    assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 1, 2]);
    let mut word = [0; 4];
    bench.transport.read(0x106, &mut word);
    assert_eq!(word, [0xff; 4]);
    let mut half = [0xff; 2];
    bench.transport.read(0x00, &mut half);
    assert_eq!(half, [0; 2]); // registers are words
    bench.transport.config_changed();
    assert_eq!(bench.pulses(), 0);
    bench.start(0);
    let before = bench.get(0xfc);
    bench.transport.config_changed();
    assert_eq!((bench.get(0x60), bench.pulses()), (2, 1));
    assert_ne!(bench.get(0xfc), before);
    bench.set(0x64, 2);
    assert_eq!(bench.get(0x60), 0);
}

#[test]
fn chain_is_taken_filled_and_given_back() {
    let bench = Bench::new();
    bench.start(0);
    bench.ram.write(0x5000, b"abc").unwrap();
    bench.descriptor(DESCRIPTORS, 2, (0x5000, 3, NEXT, 5));
    bench.descriptor(DESCRIPTORS, 5, (INDIRECT, 32, TABLE, 0));
    bench.descriptor(INDIRECT, 0, (0x6000, 2, NEXT | WRITE, 1));
    bench.descriptor(INDIRECT, 1, (0x7000, 2, WRITE, 0));
    bench.offer(0, 2);
    assert!(bench.transport.take(1).is_none());
    let chain = bench.transport.take(0).unwrap();
    assert_eq!((chain.readable(), chain.writable()), (3, 4));
    let mut bytes = [0; 8];
    assert_eq!(chain.read(1, &mut bytes), 2);
    assert_eq!(bytes[..2], *b"bc");
    assert_eq!(chain.write(1, b"xyz!"), 3);
    bench.transport.give_back(&chain, 4);
    assert_eq!((bench.used(), bench.get(0x60), bench.pulses()), (1, 1, 1));
    let mut bytes = [0; 2];
    bench.ram.read(0x7000, &mut bytes).unwrap();
    assert_eq!(bytes, *b"yz");
    assert!(bench.transport.take(0).is_none());
    // a driver that wants no interrupt
    bench.ram.write(AVAILABLE, &[1]).unwrap();
    bench.offer(1, 2);
    let chain = bench.transport.take(0).unwrap();
    bench.transport.give_back(&chain, 4);
    assert_eq!((bench.used(), bench.pulses()), (2, 0));
}

#[test]
fn many_chains_are_announced_at_once_or_not_at_all() {
    for event_idx in [false, true] {
        let bench = Bench::new();
        bench.start(if event_idx { 1 << 29 } else { 0 });
        bench.descriptor(DESCRIPTORS, 0, (0x5000, 3, 0, 0));
        let mut life = 0;
        for index in 0..3 {
            bench.offer(index, 0);
            let chain = bench.transport.take(0).unwrap();
            bench.transport.put_back(&chain, 0);
            life = chain.life;
        }
        // the guest can see them, and nobody has told it
        assert_eq!((bench.used(), bench.pulses()), (3, 0));
        bench.transport.announce(0, life);
        assert_eq!((bench.get(0x60), bench.pulses()), (1, 1));
        // after a reset there is nothing to tell of
        bench.offer(3, 0);
        let chain = bench.transport.take(0).unwrap();
        bench.transport.put_back(&chain, 0);
        bench.start(0);
        bench.transport.announce(0, chain.life);
        assert_eq!((bench.get(0x60), bench.pulses()), (0, 0));
    }
}

#[test]
fn chain_of_an_earlier_life_is_not_given_back() {
    let bench = Bench::new();
    bench.start(0);
    bench.descriptor(DESCRIPTORS, 0, (0x5000, 3, 0, 0));
    bench.offer(0, 0);
    let chain = bench.transport.take(0).unwrap();
    assert!(bench.transport.is_current(&chain));
    bench.start(0);
    assert!(!bench.transport.is_current(&chain));
    bench.transport.give_back(&chain, 0);
    assert_eq!((bench.used(), bench.get(0x60)), (0, 0));
}

/// What a guest that breaks the rules finds.
fn breaks(lay_out: impl FnOnce(&Bench) -> u16) -> String {
    let bench = Bench::new();
    bench.start(0);
    let head = lay_out(&bench);
    bench.offer(0, head);
    assert!(bench.transport.take(0).is_none());
    // it needs a reset, hears of it, and is served no more
    assert_eq!((bench.get(0x70), bench.get(0x60)), (0x4f, 2));
    assert_eq!(bench.pulses(), 1);
    bench.set(0x70, 0xf);
    assert_eq!(bench.get(0x70), 0x4f);
    bench.set(0x50, 0);
    assert!(lock(&bench.probe.notified).is_empty());
    // after that it works again
    bench.start(0);
    assert_eq!(bench.get(0x70), 0xf);
    bench.descriptor(DESCRIPTORS, 0, (0x5000, 3, 0, 0));
    bench.offer(0, 0);
    assert!(bench.transport.take(0).is_some());
    let told = lock(&bench.told.0).clone();
    assert_eq!(told.len(), 1);
    told[0].clone()
}

#[test]
fn guest_that_breaks_the_rules_needs_a_reset() {
    let one = |entry: (u64, u32, u16, u16)| {
        breaks(|bench| {
            bench.descriptor(DESCRIPTORS, 0, entry);
            0
        })
    };
    let text = |error: Malformed| format!("probe: {error}");
    assert_eq!(breaks(|_| 8), text(Malformed::Head(8)));
    assert_eq!(one((0x5000, 1, NEXT, 9)), text(Malformed::Head(9)));
    assert_eq!(one((0x5000, 1, NEXT, 0)), text(Malformed::Loop));
    assert_eq!(one((0x5000, 0, 0, 0)), text(Malformed::Empty));
    for bad in [RAM - 1, RAM, 0xfeb0_0000, u64::MAX] {
        assert_eq!(one((bad, 2, 0, 0)), text(Malformed::NotRam));
    }
    assert_eq!(one((0, u32::MAX, 0, 0)), text(Malformed::NotRam));
    let order = breaks(|bench| {
        bench.descriptor(DESCRIPTORS, 0, (0x5000, 1, NEXT | WRITE, 1));
        bench.descriptor(DESCRIPTORS, 1, (0x5000, 1, 0, 0));
        0
    });
    assert_eq!(order, text(Malformed::Order));
    for (address, length, flags) in [
        (INDIRECT, 0, TABLE),
        (INDIRECT, 17, TABLE),
        (INDIRECT, 16, TABLE | NEXT),
        (u64::MAX - 8, 32, TABLE),
        (RAM, 16, TABLE),
    ] {
        assert_eq!(one((address, length, flags, 0)), text(Malformed::Indirect));
    }
    let nested = breaks(|bench| {
        bench.descriptor(DESCRIPTORS, 0, (INDIRECT, 16, TABLE, 0));
        bench.descriptor(INDIRECT, 0, (INDIRECT, 16, TABLE, 0));
        0
    });
    assert_eq!(nested, text(Malformed::Indirect));
    let endless = breaks(|bench| {
        bench.descriptor(DESCRIPTORS, 0, (INDIRECT, 32, TABLE, 0));
        bench.descriptor(INDIRECT, 0, (0x5000, 1, NEXT, 1));
        bench.descriptor(INDIRECT, 1, (0x5000, 1, NEXT, 0));
        0
    });
    assert_eq!(endless, text(Malformed::Loop));
}

#[test]
fn index_that_runs_ahead_and_rings_outside_of_memory_need_a_reset() {
    let bench = Bench::new();
    bench.start(0);
    bench.ram.write(AVAILABLE + 2, &[9, 0]).unwrap();
    assert!(bench.transport.take(0).is_none());
    assert_eq!(bench.get(0x70), 0x4f);
    for (register, address) in [(0x80, RAM), (0x90, RAM - 8), (0xa0, 0xffff_f000)] {
        bench.set(0x70, 0);
        bench.set(0x70, 3);
        bench.set(0x24, 1);
        bench.set(0x20, 1);
        bench.set(0x70, 0xb);
        bench.set(0x38, u32::from(SIZE));
        for (register, address) in [(0x80, DESCRIPTORS), (0x90, AVAILABLE), (0xa0, USED)] {
            bench.set(register, address as u32);
        }
        bench.set(register, address as u32);
        bench.set(0x44, 1);
        assert_eq!(bench.get(0x70), 0x4b, "{register:#x}");
    }
    assert_eq!(lock(&bench.told.0).len(), 1); // however often it does so
}

#[test]
fn guest_that_counts_by_events_is_interrupted_when_it_asked() {
    let bench = Bench::new();
    bench.start(1 << 29);
    bench.descriptor(DESCRIPTORS, 0, (0x5000, 3, 0, 0));
    let wanted = AVAILABLE + 4 + 2 * u64::from(SIZE);
    bench.ram.write(wanted, &[1, 0]).unwrap();
    for (index, pulses) in [(0, 0), (1, 1), (2, 0)] {
        bench.offer(index, 0);
        let chain: Chain = bench.transport.take(0).unwrap();
        bench.transport.give_back(&chain, 0);
        assert_eq!(bench.pulses(), pulses, "{index}");
    }
    // it is told when to kick again
    assert!(bench.transport.take(0).is_none());
    let mut event = [0; 2];
    let at = USED + 4 + 8 * u64::from(SIZE);
    bench.ram.read(at, &mut event).unwrap();
    assert_eq!(event, [3, 0]);
}

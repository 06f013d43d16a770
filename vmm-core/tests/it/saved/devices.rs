//! What devices have in their registers and queues, in another machine.

use std::sync::{Arc, Mutex};

use vmm_core::char::{Backend, InputSink, Registry};
use vmm_core::devices::{InputEvent, Key};
use vmm_core::machine::{Machine, MachineConfig, MachineEvent, MachineKind};

use crate::virtio::spec;

/// The other end of a line.
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

fn machine() -> (Machine, Arc<FarEnd>) {
    let chardevs = Registry::new();
    let far = Arc::new(FarEnd::default());
    chardevs.insert("line", far.clone()).unwrap();
    let config = MachineConfig {
        kind: MachineKind::QMin,
        ram_size: 4 << 20,
        cpus: 1,
        max_cpus: 2,
        serial: vec!["line".to_owned()],
        devices: vec![spec("isa-vga", "g", &[]), spec("ib700", "w", &[])],
        ..MachineConfig::default()
    };
    let machine = Machine::new(config, chardevs, Arc::new(|_: &MachineEvent| ())).unwrap();
    (machine, far)
}

fn write(machine: &Machine, port: u64, value: u8) {
    assert_eq!(machine.buses().pio.write(port, &[value]), None, "{port:#x}");
}

fn read(machine: &Machine, port: u64) -> u8 {
    let mut byte = [0];
    machine.buses().pio.read(port, &mut byte);
    byte[0]
}

/// A register behind an index and a data port.
fn indexed(machine: &Machine, ports: u64, index: u8) -> u8 {
    write(machine, ports, index);
    read(machine, ports + 1)
}

/// Does something to one machine, and looks at another that goes on from there.
fn moved(prepare: impl FnOnce(&Machine, &FarEnd)) -> Machine {
    let ((one, far), (other, _)) = (machine(), machine());
    one.start().unwrap();
    prepare(&one, &far);
    other.load_state(&one.save_state().unwrap()).unwrap();
    other
}

#[test]
fn bytes_in_a_serial_port_and_before_it_are_read_in_order() {
    let sent: Vec<u8> = (0..200).collect();
    let other = moved(|machine, far| {
        write(machine, 0x3fb, 0x03);
        write(machine, 0x3ff, 0x5a);
        let sink = far.0.lock().unwrap().clone().unwrap();
        sink(&sent);
        for expected in &sent[..10] {
            assert_eq!(read(machine, 0x3f8), *expected);
        }
    });
    assert_eq!([read(&other, 0x3fb), read(&other, 0x3ff)], [0x03, 0x5a]);
    let mut got = Vec::new();
    while read(&other, 0x3fd) & 1 != 0 {
        got.push(read(&other, 0x3f8));
    }
    assert_eq!(got, sent[10..]);
}

#[test]
fn clock_goes_on_and_its_memory_is_kept() {
    let other = moved(|machine, _| {
        for (index, value) in [
            (0x0b, 0x82),
            (0x09, 0x30),
            (0x04, 0x03),
            (0x0b, 0x02),
            (0x50, 0xa5),
            (0x0e, 7),
        ] {
            write(machine, 0x70, index);
            machine.buses().pio.write(0x71, &[value]); // it tells that it was set
        }
    });
    assert_eq!(read(&other, 0x71), 7, "the register that was chosen");
    let found = [0x09, 0x04, 0x50].map(|index| indexed(&other, 0x70, index));
    assert_eq!(found, [0x30, 0x03, 0xa5]);
}

#[test]
fn keys_that_wait_and_the_mode_of_the_controller_are_kept() {
    let other = moved(|machine, _| {
        write(machine, 0x64, 0x60);
        write(machine, 0x60, 0x03); // no translation
        write(machine, 0x60, 0xf4); // the keyboard speaks
        assert_eq!(read(machine, 0x60), 0xfa);
        let press = |down| InputEvent::Key {
            key: Key::named("shift"),
            down,
        };
        machine.input(&[press(true), press(false)]).unwrap();
    });
    let codes = [0; 3].map(|_| read(&other, 0x60));
    assert_eq!(codes, [0x12, 0xf0, 0x12]);
    write(&other, 0x64, 0x20);
    assert_eq!(read(&other, 0x60), 0x03);
}

#[test]
fn events_that_the_guest_has_not_seen_are_kept() {
    let other = moved(|machine, _| {
        machine.powerdown().unwrap();
        machine.buses().pio.write(0x602, &[0, 1]);
        write(machine, 0xcf9, 2);
        write(machine, 0xcd8, 1);
        write(machine, 0x628, 4);
    });
    assert_eq!([read(&other, 0x601), read(&other, 0x603)], [1, 1]);
    assert_eq!([read(&other, 0xcf9), read(&other, 0x628)], [2, 4]);
    write(&other, 0xcdd, 0); // no event: the selected CPU stays
    assert_eq!(read(&other, 0xce0), 1);
}

#[test]
fn mode_and_palette_of_the_video_card_are_kept() {
    let other = moved(|machine, _| {
        for (register, value) in [(1u16, 8u16), (2, 2), (3, 8), (4, 0x41)] {
            let pio = &machine.buses().pio;
            pio.write(0x1ce, &register.to_le_bytes());
            pio.write(0x1cf, &value.to_le_bytes());
        }
        write(machine, 0x3c8, 0);
        write(machine, 0x3c9, 0x3f);
    });
    let picture = other.picture(None).unwrap();
    assert_eq!((picture.width, picture.height), (8, 2));
    assert_eq!(picture.rgb[..3], [255, 0, 0]);
    assert_eq!(read(&other, 0x3c8), 0);
    write(&other, 0x3c9, 0x3f); // the next part
    assert_eq!(other.picture(None).unwrap().rgb[..3], [255, 255, 0]);
}

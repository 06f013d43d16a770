//! What QEMU 10.0.2 answers to the same accesses.

use super::*;
use crate::devices::{Axis, Button, Key};

const NOTHING: [u8; 0] = [];

struct Bench {
    device: Arc<KeyboardController>,
    inputs: Inputs,
}

fn bench() -> Bench {
    let line = |number| IrqLine::new(number).unwrap();
    let device = KeyboardController::new(line(1), line(12));
    let inputs = Inputs::default();
    device.attach(&inputs);
    Bench { device, inputs }
}

impl Bench {
    fn read(&self, offset: u64) -> u8 {
        let mut data = [0];
        self.device.read(offset, &mut data);
        data[0]
    }

    fn drain(&self) -> Vec<u8> {
        let full = || self.read(COMMAND) & FULL != 0;
        std::iter::from_fn(|| full().then(|| self.read(DATA))).collect()
    }

    /// A command of the controller, and what comes of it.
    fn command(&self, command: u8) -> Vec<u8> {
        assert_eq!(self.device.write(COMMAND, &[command]), None);
        self.drain()
    }

    /// Bytes for the keyboard, and its answers.
    fn keyboard(&self, bytes: &[u8]) -> Vec<u8> {
        let answer = |&byte: &u8| {
            assert_eq!(self.device.write(DATA, &[byte]), None);
            self.drain()
        };
        bytes.iter().flat_map(answer).collect()
    }

    /// Bytes for the mouse, and its answers.
    fn mouse(&self, bytes: &[u8]) -> Vec<u8> {
        let answer = |byte: &u8| {
            self.command(0xd4);
            self.keyboard(std::slice::from_ref(byte))
        };
        bytes.iter().flat_map(answer).collect()
    }

    fn key(&self, name: &str, down: bool) {
        let key = Some(Key::named(name).unwrap());
        self.inputs.send(&[InputEvent::Key { key, down }]).unwrap();
    }

    fn moves(&self, by: i64) {
        let axis = Axis::X;
        self.inputs.send(&[InputEvent::Move { axis, by }]).unwrap();
    }

    fn button(&self, button: Button, down: bool) -> Vec<u8> {
        let event = InputEvent::Button { button, down };
        self.inputs.send(&[event]).unwrap();
        self.drain()
    }

    /// Interrupts of keyboard and mouse since the last call.
    fn interrupts(&self) -> (u64, u64) {
        let count = |line: &IrqLine| line.event().read().unwrap_or_default();
        (
            count(&self.device.keyboard_irq),
            count(&self.device.mouse_irq),
        )
    }
}

#[test]
fn controller_answers_its_commands() {
    let bench = bench();
    assert_eq!(bench.read(COMMAND), 0x18);
    for (command, answer) in [
        (0x20, &[3][..]),
        (0xaa, &[0x55]),
        (0xab, &[0]),
        (0xa9, &[0]),
        (0xc0, &[0x80]),
        (0xd0, &[0xcf]),
        (0xdd, &[]),
        (0xd0, &[0xcd]),
        (0xdf, &[]),
        (0xd0, &[0xcf]),
        (0xf1, &[]),
        (0xff, &[]),
    ] {
        assert_eq!(bench.command(command), answer, "{command:#x}");
    }
    assert_eq!(bench.read(COMMAND), 0x1c);
    assert_eq!(bench.read(DATA), 0xcf, "the last byte stays");
}

#[test]
fn reset_line_is_pulled_by_two_commands() {
    let bench = bench();
    for command in [0xfe, 0xf0] {
        let reset = bench.device.write(COMMAND, &[command]);
        assert_eq!(reset, Some(GuestRequest::Reset), "{command:#x}");
    }
    bench.command(0xd1);
    assert_eq!(bench.keyboard(&[0xdf]), NOTHING);
    bench.command(0xd1);
    let reset = bench.device.write(DATA, &[0xde]);
    assert_eq!(reset, Some(GuestRequest::Reset));
}

#[test]
fn keyboard_answers_its_commands() {
    let bench = bench();
    for (command, answer) in [
        (&[0xee][..], &[0xee][..]),
        (&[0xf2], &[0xfa, 0xab, 0x83]),
        (&[0xf0, 0], &[0xfa, 0xfa, 2]),
        (&[0xff], &[0xfa, 0xaa]),
        (&[0xf5], &[0xfa]),
        (&[0xf6], &[0xfa]),
        (&[0xed, 7], &[0xfa, 0xfa]),
        (&[0xf3, 0], &[0xfa, 0xfa]),
        (&[0x00], &[0xfa]),
        (&[0x05], &[0xfe]),
        (&[0xf7], &[0xfe]),
        (&[0xf0, 9], &[0xfa, 0xfe]),
        (&[0xf0, 1], &[0xfa, 0xfa]),
        (&[0xf0, 0], &[0xfa, 0xfa, 1]),
    ] {
        assert_eq!(bench.keyboard(command), answer, "{command:x?}");
    }
}

#[test]
fn keys_come_in_the_chosen_set_with_an_interrupt_a_byte() {
    let bench = bench();
    bench.key("a", true);
    assert_eq!(bench.drain(), NOTHING, "it does not scan yet");
    bench.keyboard(&[0xf4]);
    bench.interrupts();
    bench.key("up", true);
    bench.key("up", false);
    assert_eq!(bench.interrupts(), (1, 0));
    assert_eq!(bench.drain(), [0xe0, 0x75, 0xe0, 0xf0, 0x75]);
    assert_eq!(bench.interrupts(), (4, 0));
    bench.keyboard(&[0xf0, 1]);
    bench.key("up", true);
    bench.key("up", false);
    assert_eq!(bench.drain(), [0xe0, 0x48, 0xe0, 0xc8]);
    bench.keyboard(&[0xf0, 2]);
    bench.command(0x60);
    bench.keyboard(&[TRANSLATE]);
    bench.interrupts();
    bench.key("pause", true);
    assert_eq!(bench.drain(), [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5]);
    assert_eq!(bench.interrupts(), (0, 0), "the mode has them off");
}

#[test]
fn sixteen_bytes_wait_and_the_rest_is_lost() {
    let bench = bench();
    bench.keyboard(&[0xf4]);
    for _ in 0..12 {
        bench.key("up", true);
        bench.key("up", false);
    }
    let expected = [
        0xe0, 0x75, 0xe0, 0xf0, 0x75, 0xe0, 0x75, 0xe0, 0xf0, 0x75, 0xe0, 0x75, 0xe0, 0xf0, 0x75,
        0xe0,
    ];
    assert_eq!(bench.drain(), expected);
}

#[test]
fn answers_go_before_keys() {
    let bench = bench();
    bench.keyboard(&[0xf4]);
    bench.key("a", true);
    assert_eq!(bench.keyboard(&[0xf2]), [0xfa, 0xab, 0x83, 0x1c]);
    bench.key("a", true);
    bench.key("b", true);
    assert_eq!(bench.command(0x20), [0x1c, 3, 0x32]);
}

#[test]
fn device_that_is_off_keeps_what_it_has() {
    let bench = bench();
    bench.keyboard(&[0xf4]);
    bench.mouse(&[0xf4]);
    bench.command(0xad);
    bench.key("a", true);
    assert_eq!(bench.drain(), NOTHING);
    assert_eq!(bench.command(0xae), [0x1c]);
    bench.command(0xad);
    bench.key("a", true);
    assert_eq!(bench.keyboard(&[0xf4]), [0xfa, 0x1c], "writing turns it on");
    bench.command(0xa7);
    bench.moves(1);
    assert_eq!(bench.drain(), NOTHING);
    assert_eq!(bench.command(0xa8), [8, 1, 0]);
}

#[test]
fn bytes_are_put_in_place_of_the_devices() {
    let bench = bench();
    for (command, status) in [(0xd2, 0x19), (0xd3, 0x39)] {
        bench.command(command);
        bench.device.write(DATA, &[0x33]);
        assert_eq!(bench.read(COMMAND), status);
        assert_eq!(bench.drain(), [0x33]);
    }
    assert_eq!(bench.interrupts(), (1, 1));
}

#[test]
fn mouse_answers_its_commands() {
    let bench = bench();
    for (command, answer) in [
        (&[0xff][..], &[0xfa, 0xaa, 0][..]),
        (&[0xf2], &[0xfa, 0]),
        (&[0xe9], &[0xfa, 0, 2, 100]),
        (&[0xf6], &[0xfa]),
        (&[0x12], &[]),
        (&[0xee, 0x55, 0xec], &[0xfa, 0x55, 0xfa]),
        (&[0xf4, 0xe7, 0xf0], &[0xfa, 0xfa, 0xfa]),
        (&[0xe8, 3, 0xe9], &[0xfa, 0xfa, 0xfa, 0x70, 3, 100]),
    ] {
        assert_eq!(bench.mouse(command), answer, "{command:x?}");
    }
    bench.moves(3);
    assert_eq!(bench.drain(), NOTHING, "it tells only when asked");
    assert_eq!(bench.mouse(&[0xeb]), [0xfa, 8, 3, 0]);
}

#[test]
fn mouse_tells_movements_and_buttons() {
    let bench = bench();
    bench.moves(5);
    assert_eq!(bench.drain(), NOTHING);
    bench.mouse(&[0xff, 0xf4]);
    bench.interrupts();
    let events = [
        InputEvent::Move {
            axis: Axis::X,
            by: 5,
        },
        InputEvent::Move {
            axis: Axis::Y,
            by: 7,
        },
    ];
    bench.inputs.send(&events).unwrap();
    assert_eq!(bench.read(COMMAND) & FROM_MOUSE, FROM_MOUSE);
    assert_eq!(bench.drain(), [0x28, 5, 0xf9]);
    assert_eq!(bench.interrupts(), (0, 3));
    bench.moves(300);
    assert_eq!(bench.drain(), [8, 0x7f, 0, 8, 0x7f, 0, 8, 0x2e, 0]);
    assert_eq!(bench.button(Button::Left, true), [9, 0, 0]);
    assert_eq!(bench.button(Button::Right, true), [0xb, 0, 0]);
    assert_eq!(bench.button(Button::WheelUp, true), [0xb, 0, 0]);
}

#[test]
fn knocking_turns_the_mouse_into_one_with_a_wheel() {
    let bench = bench();
    bench.mouse(&[0xff, 0xf4, 0xf3, 200, 0xf3, 100, 0xf3, 80]);
    assert_eq!(bench.mouse(&[0xf2]), [0xfa, 3]);
    assert_eq!(bench.button(Button::WheelUp, true), [8, 0, 0, 0xff]);
    assert_eq!(bench.button(Button::WheelDown, true), [8, 0, 0, 1]);
    bench.mouse(&[0xf3, 200, 0xf3, 200, 0xf3, 80]);
    assert_eq!(bench.mouse(&[0xf2]), [0xfa, 4]);
    assert_eq!(bench.button(Button::Side, true), [8, 0, 0, 0x10]);
    bench.button(Button::Side, false);
    assert_eq!(bench.button(Button::Extra, true), [8, 0, 0, 0x20]);
    bench.button(Button::Extra, false);
    assert_eq!(bench.button(Button::WheelLeft, true), [8, 0, 0, 0x41]);
    assert_eq!(bench.button(Button::WheelRight, true), [8, 0, 0, 0x7f]);
}

#[test]
fn movements_that_do_not_fit_add_up() {
    let bench = bench();
    bench.mouse(&[0xf4, 0xf3, 200, 0xf3, 200, 0xf3, 80]);
    (1..=10).for_each(|by| bench.moves(by));
    let told = [8, 1, 0, 0, 8, 2, 0, 0, 8, 3, 0, 0, 8, 4, 0, 0];
    assert_eq!(bench.drain(), told);
    bench.moves(0);
    assert_eq!(bench.drain(), [8, 45, 0, 0]);
}

#[test]
fn input_that_nobody_takes_is_refused_whole() {
    let bench = bench();
    bench.mouse(&[0xf4]);
    let axis = Axis::X;
    let events = [
        InputEvent::Move { axis, by: 1 },
        InputEvent::Position { axis, at: 1 },
    ];
    let refused = bench.inputs.send(&events).unwrap_err();
    let text = "Input handler not found for event type abs";
    assert_eq!(refused.to_string(), text);
    assert_eq!(bench.drain(), NOTHING);
}

#[test]
fn reset_forgets_everything() {
    let bench = bench();
    bench.keyboard(&[0xf4]);
    bench.key("a", true);
    bench.device.reset();
    assert_eq!(bench.read(COMMAND), 0x18);
    bench.key("a", true);
    assert_eq!(bench.drain(), NOTHING);
}

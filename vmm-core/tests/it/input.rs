//! Keys and movements, on their way into a guest.

use vmm_core::devices::{Axis, Button, InputEvent, Key};
use vmm_core::guests;
use vmm_core::machine::{MachineEvent, RunState};

use crate::fixture::Fixture;

fn ready(translate: bool) -> Option<Fixture> {
    let fixture = Fixture::guest(guests::kbd(translate).unwrap().boot(), |_| {})?;
    fixture.expect("kbd: ready\n");
    fixture.console();
    Some(fixture)
}

fn key(name: &str, down: bool) -> InputEvent {
    let key = Some(Key::named(name).unwrap());
    InputEvent::Key { key, down }
}

/// Waits for these bytes and nothing else.
fn expect(fixture: &Fixture, who: char, bytes: &[u8]) {
    let lines: String = bytes
        .iter()
        .map(|byte| format!("{who}{byte:02x}\n"))
        .collect();
    fixture.expect(&lines);
    assert_eq!(fixture.console(), lines);
}

// proves: input-send-event
#[test]
fn keys_reach_the_guest_in_the_set_it_wants() {
    for (translate, codes) in [
        (true, &[0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8][..]),
        (false, &[0x1c, 0xf0, 0x1c, 0xe0, 0x75, 0xe0, 0xf0, 0x75]),
    ] {
        let Some(fixture) = ready(translate) else {
            return;
        };
        for event in [("a", true), ("a", false), ("up", true), ("up", false)] {
            fixture.machine.input(&[key(event.0, event.1)]).unwrap();
        }
        expect(&fixture, 'k', codes);
    }
}

// proves: send-key
#[test]
fn typed_keys_go_down_in_order_and_up_in_reverse() {
    let Some(fixture) = ready(true) else { return };
    let keys = ["ctrl", "alt", "delete"].map(Key::named);
    fixture.machine.type_keys(&keys, Some(5)).unwrap();
    let codes = [0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d];
    expect(&fixture, 'k', &codes);
    fixture
        .machine
        .type_keys(&[Key::numbered(0xc8)], Some(1))
        .unwrap();
    fixture
        .machine
        .type_keys(&[Key::named("b")], Some(1))
        .unwrap();
    expect(&fixture, 'k', &[0xe0, 0x48, 0xe0, 0xc8, 0x30, 0xb0]);
}

#[test]
fn mouse_reaches_the_guest() {
    let Some(fixture) = ready(true) else { return };
    let axis = Axis::X;
    fixture
        .machine
        .input(&[
            InputEvent::Move { axis, by: 3 },
            InputEvent::Button {
                button: Button::Left,
                down: true,
            },
        ])
        .unwrap();
    expect(&fixture, 'm', &[0x09, 3, 0]);
}

#[test]
fn stopped_guest_takes_no_input() {
    let Some(fixture) = ready(true) else { return };
    fixture.machine.stop().unwrap();
    let refused = fixture.machine.input(&[key("a", true)]).unwrap_err();
    assert_eq!(refused.to_string(), "VM not running");
    let keys = [Key::named("a")];
    fixture.machine.type_keys(&keys, Some(1)).unwrap(); // as if nobody had
    fixture.machine.cont().unwrap();
    fixture.machine.input(&[key("b", true)]).unwrap();
    expect(&fixture, 'k', &[0x30]);
}

#[test]
fn key_that_nobody_hears_wakes_nobody() {
    let Some(fixture) = Fixture::guest(guests::suspend().unwrap().boot(), |_| {}) else {
        return;
    };
    fixture.await_event(MachineEvent::Suspend);
    fixture.machine.input(&[key("a", true)]).unwrap();
    assert_eq!(fixture.machine.run_state(), RunState::Suspended);
}

#[test]
fn key_wakes_a_guest_whose_keyboard_is_on() {
    let boot = guests::suspend_with_keyboard().unwrap().boot();
    let Some(fixture) = Fixture::guest(boot, |_| {}) else {
        return;
    };
    fixture.await_event(MachineEvent::Suspend);
    fixture.machine.input(&[key("a", true)]).unwrap();
    fixture.machine.wait();
    assert_eq!(fixture.console(), "good night\ngood morning\n");
    assert!(fixture.events().contains(&MachineEvent::Wakeup));
}

// proves: query-mice
#[test]
fn board_has_one_mouse() {
    let fixture = Fixture::new(|_| {});
    let mice = fixture.machine.mice();
    assert_eq!(mice.len(), 1);
    assert_eq!((mice[0].index, mice[0].name), (2, "QEMU PS/2 Mouse"));
    assert!(mice[0].current && !mice[0].absolute);
    let none = Fixture::new(|config| {
        *config = vmm_core::machine::MachineConfig::default();
    });
    assert!(none.machine.mice().is_empty());
}

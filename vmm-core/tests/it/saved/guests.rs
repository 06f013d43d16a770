//! Guests that go on from where they were.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;

use vmm_core::guests::{self, GO, Wait};
use vmm_core::machine::{MachineEvent, RunState};

use super::Moment;
use crate::fixture::Fixture;
use crate::virtio::spec;

/// Has the guest count once, and see it.
fn count(fixture: &Fixture, expected: &str) {
    fixture.machine.write_physical(GO, &[1]).unwrap();
    fixture.expect("\n");
    assert_eq!(fixture.console(), format!("{expected}\n"));
}

fn counter() -> Option<Fixture> {
    let fixture = Fixture::guest(guests::count().unwrap().boot(), |_| ())?;
    fixture.expect("count\n");
    fixture.console();
    count(&fixture, "01 01");
    count(&fixture, "02 02");
    Some(fixture)
}

#[test]
fn guest_goes_on_from_the_registers_of_cpu_and_devices_that_were_saved() {
    let Some(fixture) = counter() else { return };
    fixture.machine.stop().unwrap();
    let state = fixture.machine.save_state().unwrap();
    for _ in 0..2 {
        fixture.machine.cont().unwrap();
        count(&fixture, "03 03");
        fixture.machine.stop().unwrap();
        fixture.machine.load_state(&state).unwrap();
        assert_eq!(fixture.machine.run_state(), RunState::Paused);
    }
}

#[test]
fn guest_that_runs_stands_still_while_it_is_saved_and_that_is_told() {
    use MachineEvent::{Resume, Stop};
    let Some(fixture) = counter() else { return };
    let state = fixture.machine.save_state().unwrap();
    assert_eq!(fixture.machine.run_state(), RunState::Running);
    assert_eq!(fixture.events(), [Resume, Stop, Resume]);
    count(&fixture, "03 03");
    let error = fixture.machine.load_state(&state).unwrap_err();
    let words = "Cannot update device state while vm is running";
    assert_eq!(error.to_string(), words);
    count(&fixture, "04 04");
}

#[test]
fn state_survives_a_reset() {
    let Some(fixture) = counter() else { return };
    fixture.machine.stop().unwrap();
    let moment = Moment::of(&fixture);
    moment.restore(&fixture);
    assert_eq!(fixture.machine.run_state(), RunState::Prelaunch);
    fixture.machine.cont().unwrap();
    count(&fixture, "03 03");
}

#[test]
fn interrupts_that_are_pending_and_timers_that_run_are_saved() {
    let Some(fixture) = Fixture::guest(guests::heartbeat().unwrap().boot(), |_| ()) else {
        return;
    };
    fixture.expect("heartbeat: running\n");
    fixture.await_word(guests::TICKS, 3);
    fixture.machine.stop().unwrap();
    fixture.console();
    fixture.machine.inject_nmi().unwrap();
    let moment = Moment::of(&fixture);
    let ticks = fixture.word(guests::TICKS);
    for _ in 0..2 {
        fixture.machine.cont().unwrap();
        fixture.expect("heartbeat: NMI\n");
        fixture.await_word(guests::TICKS, ticks + 10);
        fixture.console();
        moment.restore(&fixture);
        assert_eq!(fixture.word(guests::TICKS), ticks);
    }
}

#[test]
fn sleeping_guest_sleeps_on_and_is_woken() {
    let Some(fixture) = Fixture::guest(guests::suspend().unwrap().boot(), |_| ()) else {
        return;
    };
    fixture.await_event(MachineEvent::Suspend);
    fixture.machine.stop().unwrap();
    let moment = Moment::of(&fixture);
    let before = fixture.console();
    moment.restore(&fixture);
    fixture.machine.cont().unwrap();
    assert_eq!(fixture.machine.run_state(), RunState::Suspended);
    assert_eq!(fixture.console(), "", "{before}");
    fixture.machine.wakeup().unwrap();
    fixture.expect("\n");
}

#[test]
fn virtio_device_goes_on_with_what_it_had_begun() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    let made = Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: there is no mkfifo");
        return;
    }
    let pipe = OpenOptions::new().read(true).write(true).open(&path);
    let mut pipe = pipe.unwrap(); // with a writer it has no end
    for wait in [Wait::Poll, Wait::Interrupt] {
        let Some(fixture) = Fixture::guest(guests::rng(wait).unwrap().boot(), |config| {
            let name = path.to_str().unwrap();
            let source = spec("rng-random", "source", &[("filename", name)]);
            config.objects.push(source);
            let device = spec("virtio-rng-device", "r", &[("rng", "source")]);
            config.devices.push(device);
        }) else {
            return;
        };
        pipe.write_all(&[0xab; 16]).unwrap();
        fixture.expect(&format!("rng: {}\n", "ab".repeat(16)));
        fixture.console();
        fixture.pass(std::time::Duration::from_millis(100)); // until it waits for the next bytes
        fixture.machine.stop().unwrap();
        let moment = Moment::of(&fixture);
        moment.restore(&fixture);
        fixture.machine.cont().unwrap();
        pipe.write_all(&[0xcd; 16]).unwrap();
        fixture.machine.wait();
        let second = format!("rng: {}\n", "cd".repeat(16));
        assert_eq!(fixture.console(), second, "{wait:?}");
        assert_eq!(fixture.diagnostics(), [""; 0]);
    }
}

// proves: xen-set-global-dirty-log
#[test]
fn all_writes_are_noted_from_the_first_wish_to_the_last() {
    use vmm_core::machine::{Cause, DirtyRateMode};
    let Some(fixture) = Fixture::guest(guests::dirty().unwrap().boot(), |config| {
        config.ram_size = 16 << 20;
    }) else {
        return;
    };
    let machine = &fixture.machine;
    fixture.expect("dirty\n");
    let pages = (guests::DIRTY.end - guests::DIRTY.start) / 4096;
    let wait = || fixture.pass(std::time::Duration::from_millis(200));
    assert_eq!(machine.take_written_pages().unwrap(), None);
    machine.log_writes(true).unwrap();
    machine.log_writes(true).unwrap();
    wait();
    let written = machine.take_written_pages().unwrap().unwrap();
    assert!((1..=pages + 8).contains(&written), "{written}");
    // others measure meanwhile, and take nothing away
    machine.stop().unwrap();
    machine.take_written_pages().unwrap();
    assert_eq!(
        machine.take_written_pages().unwrap(),
        Some(0),
        "it stands still"
    );
    machine.cont().unwrap();
    let time = std::time::Duration::from_millis(300);
    machine
        .measure_dirty_rate(DirtyRateMode::Bitmap, time)
        .unwrap();
    let deadline = std::time::Instant::now() + crate::fixture::LIMIT;
    while machine.dirty_rate().unwrap().is_measuring {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
    assert!(machine.dirty_rate().unwrap().rate.is_some());
    machine.stop().unwrap();
    let written = machine.take_written_pages().unwrap().unwrap();
    assert!((1..=pages + 8).contains(&written), "{written}");
    // a reset is nobody's wish to stop it
    machine.reset(Cause::HostQmpSystemReset).unwrap();
    machine.cont().unwrap();
    wait();
    assert!(machine.take_written_pages().unwrap() > Some(0));
    machine.log_writes(false).unwrap();
    machine.log_writes(false).unwrap();
    assert_eq!(machine.take_written_pages().unwrap(), None);
}

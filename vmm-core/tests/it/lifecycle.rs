//! Stopping, continuing, resetting and ending a running guest.

use std::time::Duration;

use vmm_core::guests;
use vmm_core::machine::{Cause, MachineError, MachineEvent, RunState};

use crate::fixture::Fixture;

const PAUSE: Duration = Duration::from_millis(100);
const HOST_RESET: MachineEvent = MachineEvent::Reset {
    guest: false,
    reason: Cause::HostQmpSystemReset,
};

fn heartbeat() -> Option<Fixture> {
    let fixture = Fixture::guest(guests::heartbeat().unwrap().boot(), |_| {})?;
    fixture.expect("heartbeat: running\n");
    fixture.console();
    Some(fixture)
}

// proves: stop, cont
#[test]
fn stopped_guest_does_not_tick() {
    let Some(fixture) = heartbeat() else { return };
    fixture.await_word(guests::TICKS, 3);
    assert!(fixture.machine.stop().unwrap());
    assert_eq!(fixture.machine.run_state(), RunState::Paused);
    let before = fixture.word(guests::TICKS);
    fixture.stay_silent(PAUSE);
    assert_eq!(fixture.word(guests::TICKS), before);
    assert!(fixture.machine.cont().unwrap());
    fixture.await_word(guests::TICKS, before + 3);
}

#[test]
fn stop_and_cont_report_a_change_once() {
    let Some(fixture) = heartbeat() else { return };
    let machine = &fixture.machine;
    let changes = [
        machine.cont(),
        machine.stop(),
        machine.stop(),
        machine.cont(),
        machine.cont(),
    ];
    assert_eq!(
        changes.map(Result::unwrap),
        [false, true, false, true, false]
    );
    use MachineEvent::{Resume, Stop};
    assert_eq!(fixture.events(), [Resume, Stop, Resume]);
}

// proves: inject-nmi
#[test]
fn nmi_while_stopped_waits_for_the_guest() {
    let Some(fixture) = heartbeat() else { return };
    fixture.machine.stop().unwrap();
    fixture.machine.inject_nmi().unwrap();
    fixture.stay_silent(PAUSE);
    fixture.machine.cont().unwrap();
    fixture.expect("heartbeat: NMI\n");
}

// proves: system_reset
#[test]
fn reset_starts_the_guest_anew() {
    let Some(fixture) = heartbeat() else { return };
    fixture.await_word(guests::TICKS, 3);
    // a broken image and a scratch word: one is restored, the other kept
    fixture
        .machine
        .write_physical(0x10_0000, &[0xf4; 64])
        .unwrap();
    fixture.machine.write_physical(0x20_0000, b"kept").unwrap();
    fixture.machine.reset(Cause::HostQmpSystemReset).unwrap();
    assert_eq!(fixture.machine.run_state(), RunState::Running);
    fixture.expect("heartbeat: running\n");
    fixture.await_word(guests::TICKS, 3);
    assert_eq!(
        fixture.machine.read_physical(0x20_0000, 4).unwrap(),
        b"kept"
    );
    assert_eq!(fixture.events(), [MachineEvent::Resume, HOST_RESET]);
    fixture.machine.powerdown().unwrap(); // its interrupt line still works
    fixture.expect("heartbeat: good night\n");
}

#[test]
fn reset_while_stopped_waits_in_prelaunch() {
    let Some(fixture) = heartbeat() else { return };
    fixture.machine.stop().unwrap();
    fixture.machine.reset(Cause::HostQmpSystemReset).unwrap();
    assert_eq!(fixture.machine.run_state(), RunState::Prelaunch);
    fixture.stay_silent(PAUSE);
    fixture.machine.cont().unwrap();
    fixture.expect("heartbeat: running\n");
    use MachineEvent::{Resume, Stop};
    assert_eq!(fixture.events(), [Resume, Stop, HOST_RESET, Resume]);
}

#[test]
fn reset_keeps_the_threads_of_the_cpus() {
    let Some(fixture) = heartbeat() else { return };
    let before = fixture.machine.cpus().unwrap();
    fixture.machine.reset(Cause::HostQmpSystemReset).unwrap();
    let after = fixture.machine.cpus().unwrap();
    assert_eq!(before[0].thread_id, after[0].thread_id);
    assert!(before[0].thread_id > 0);
}

#[test]
fn spinning_guest_stops_many_times() {
    let Some(fixture) = Fixture::guest(guests::spin().unwrap().boot(), |_| {}) else {
        return;
    };
    fixture.expect("spin\n");
    for _ in 0..200 {
        assert!(fixture.machine.stop().unwrap());
        let before = fixture.word(guests::SPINS);
        assert_eq!(fixture.word(guests::SPINS), before);
        assert!(fixture.machine.cont().unwrap());
    }
    assert!(!fixture.machine.cpus().unwrap()[0].halted);
}

#[test]
fn spinning_guest_is_reset_many_times() {
    let Some(fixture) = Fixture::guest(guests::spin().unwrap().boot(), |_| {}) else {
        return;
    };
    for _ in 0..20 {
        fixture.machine.reset(Cause::HostQmpSystemReset).unwrap();
    }
    fixture.expect("spin\n");
    let resets = fixture
        .events()
        .iter()
        .filter(|event| **event == HOST_RESET)
        .count();
    assert_eq!(resets, 20);
}

// proves: quit
#[test]
fn quit_ends_a_running_guest() {
    let Some(fixture) = heartbeat() else { return };
    fixture.machine.quit().unwrap();
    assert_eq!(fixture.machine.wait().cause, Cause::HostQmpQuit);
    let shutdown = MachineEvent::Shutdown {
        guest: false,
        reason: Cause::HostQmpQuit,
    };
    assert_eq!(fixture.events(), [MachineEvent::Resume, shutdown]);
    assert!(matches!(
        fixture.machine.cont(),
        Err(MachineError::Finished)
    ));
    assert!(matches!(
        fixture.machine.quit(),
        Err(MachineError::Finished)
    ));
}

#[test]
fn paused_start_waits_for_cont() {
    let boot = guests::hello().unwrap().boot();
    let Some(fixture) = Fixture::guest(boot, |config| config.paused = true) else {
        return;
    };
    assert_eq!(fixture.machine.run_state(), RunState::Prelaunch);
    fixture.stay_silent(PAUSE);
    assert_eq!(fixture.events(), []);
    fixture.machine.cont().unwrap();
    fixture.machine.wait();
    assert_eq!(fixture.console(), "hello from q-min\n");
}

#[test]
fn preconfig_allows_nothing_but_its_end() {
    let boot = guests::hello().unwrap().boot();
    let Some(fixture) = Fixture::guest(boot, |config| config.preconfig = true) else {
        return;
    };
    let machine = &fixture.machine;
    assert_eq!(machine.run_state().as_str(), "prelaunch");
    assert!(matches!(machine.cont(), Err(MachineError::Preconfig)));
    assert!(matches!(
        machine.reset(Cause::HostQmpSystemReset),
        Err(MachineError::Preconfig)
    ));
    machine.exit_preconfig().unwrap();
    machine.wait();
    assert!(matches!(
        machine.exit_preconfig(),
        Err(MachineError::NotPreconfig)
    ));
    assert_eq!(fixture.events()[0], MachineEvent::Resume);
}

#[test]
fn jump_into_nothing_is_an_internal_error_until_a_reset() {
    // jumps into the hole where no memory and no device is
    let code = [0xb8, 0, 0, 0, 0xf0, 0xff, 0xe0]; // mov eax, 0xf0000000; jmp eax
    let image = vmm_core::machine::Image::Bytes(std::sync::Arc::from(code));
    let boot = vmm_core::machine::BootConfig::new(image);
    let Some(fixture) = Fixture::guest(boot, |_| {}) else {
        return;
    };
    fixture.await_event(MachineEvent::Stop);
    assert_eq!(fixture.machine.run_state(), RunState::InternalError);
    assert!(fixture.diagnostics()[0].starts_with("KVM internal error"));
    let refused = fixture.machine.cont().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Resetting the Virtual Machine is required"
    );
    fixture.machine.reset(Cause::HostQmpSystemReset).unwrap();
    assert_eq!(fixture.machine.run_state(), RunState::Prelaunch);
}

#[test]
fn control_from_many_threads_neither_hangs_nor_reorders() {
    let boot = guests::heartbeat().unwrap().boot();
    let Some(fixture) = Fixture::guest(boot, |config| config.cpus = 2) else {
        return;
    };
    let machine = &fixture.machine;
    std::thread::scope(|scope| {
        for turn in 0..4 {
            scope.spawn(move || {
                for round in 0..40 {
                    match (turn + round) % 5 {
                        0 => drop(machine.stop().unwrap()),
                        1 => drop(machine.cont().unwrap()),
                        2 => drop(machine.cpus().unwrap()),
                        3 if round % 4 == 0 => machine.reset(Cause::HostQmpSystemReset).unwrap(),
                        _ => drop(machine.read_virtual(0, 0x10_0000, 64).unwrap()),
                    }
                }
            });
        }
    });
    // between two stops there is a start, whatever else there is
    let mut runs = false;
    for event in fixture.events() {
        match event {
            MachineEvent::Resume => assert!(!std::mem::replace(&mut runs, true)),
            MachineEvent::Stop => assert!(std::mem::replace(&mut runs, false)),
            other => assert_eq!(other, HOST_RESET),
        }
    }
    assert_eq!(machine.run_state().is_running(), runs);
    machine.cont().unwrap();
    fixture.expect("heartbeat: running\n");
    fixture.await_word(guests::TICKS, 1);
}

//! What follows when the watchdog expires.

use vmm_core::guests;
use vmm_core::machine::{Cause, MachineEvent, RunState, WatchdogAction};
use vmm_core::qom::Spec;

use crate::fixture::Fixture;

use MachineEvent::{Powerdown, Resume, Stop};

const POWER_OFF: MachineEvent = MachineEvent::Shutdown {
    guest: true,
    reason: Cause::GuestShutdown,
};

fn barked_at(action: WatchdogAction) -> Option<Fixture> {
    let boot = guests::watchdog().unwrap().boot();
    let fixture = Fixture::guest(boot, |config| {
        config.actions.watchdog = action;
        config.devices.push(Spec {
            type_name: "ib700".to_owned(),
            ..Spec::default()
        });
    })?;
    fixture.await_event(MachineEvent::Watchdog { action });
    Some(fixture)
}

fn barked(action: WatchdogAction) -> MachineEvent {
    MachineEvent::Watchdog { action }
}

// proves: watchdog-set-action
#[test]
fn reset_starts_the_guest_again() {
    let action = WatchdogAction::Reset;
    let Some(fixture) = barked_at(action) else {
        return;
    };
    fixture.machine.wait();
    let reset = MachineEvent::Reset {
        guest: true,
        reason: Cause::GuestReset,
    };
    assert_eq!(fixture.events(), [Resume, barked(action), reset, POWER_OFF]);
    assert!(fixture.console().ends_with("watchdog: second start\n"));
}

#[test]
fn shutdown_presses_the_power_button() {
    let action = WatchdogAction::Shutdown;
    let Some(fixture) = barked_at(action) else {
        return;
    };
    assert_eq!(fixture.machine.wait().cause, Cause::GuestShutdown);
    let events = [Resume, barked(action), Powerdown, POWER_OFF];
    assert_eq!(fixture.events(), events);
    assert!(fixture.console().ends_with("watchdog: good night\n"));
}

#[test]
fn poweroff_ends_without_another_word() {
    let action = WatchdogAction::Poweroff;
    let Some(fixture) = barked_at(action) else {
        return;
    };
    assert_eq!(fixture.machine.wait().exit_code, 0);
    assert_eq!(fixture.events(), [Resume, barked(action)]);
}

#[test]
fn pause_stops_until_cont() {
    let action = WatchdogAction::Pause;
    let Some(fixture) = barked_at(action) else {
        return;
    };
    fixture.await_event(Stop);
    assert_eq!(fixture.machine.run_state(), RunState::Watchdog);
    assert_eq!(fixture.events(), [Resume, barked(action), Stop]);
    fixture.machine.cont().unwrap();
    fixture.machine.powerdown().unwrap(); // it runs on
    fixture.expect("watchdog: good night\n");
}

#[test]
fn nmi_reaches_the_guest() {
    let Some(fixture) = barked_at(WatchdogAction::InjectNmi) else {
        return;
    };
    fixture.expect("watchdog: NMI\n");
    assert_eq!(fixture.machine.run_state(), RunState::Running);
}

#[test]
fn debug_and_none_only_tell() {
    for (action, told) in [
        (WatchdogAction::Debug, &["watchdog: timer fired"][..]),
        (WatchdogAction::None, &[]),
    ] {
        let Some(fixture) = barked_at(action) else {
            return;
        };
        fixture.machine.powerdown().unwrap(); // it runs on
        fixture.machine.wait();
        let events = [Resume, barked(action), Powerdown, POWER_OFF];
        assert_eq!(fixture.events(), events);
        assert_eq!(fixture.diagnostics(), told);
    }
}

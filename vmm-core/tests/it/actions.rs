//! What follows when a guest ends, by the configured actions.

use vmm_core::guests::{self, ResetBy};
use vmm_core::machine::{
    Actions, Cause, Finish, GuestPanicAction, MachineEvent, PanicAction, RebootAction, RunState,
    ShutdownAction,
};

use crate::fixture::Fixture;

use MachineEvent::{Resume, Stop};

const POWER_OFF: MachineEvent = MachineEvent::Shutdown {
    guest: true,
    reason: Cause::GuestShutdown,
};
const PANIC_OFF: MachineEvent = MachineEvent::Shutdown {
    guest: true,
    reason: Cause::GuestPanic,
};

fn panicked(action: GuestPanicAction) -> MachineEvent {
    MachineEvent::GuestPanicked { action }
}

fn panicking(panic: PanicAction, shutdown: ShutdownAction) -> Option<Fixture> {
    let boot = guests::panic().unwrap().boot();
    Fixture::guest(boot, |config| {
        config.actions = Actions {
            panic,
            shutdown,
            ..Actions::default()
        };
    })
}

#[test]
fn shutdown_pause_stops_until_a_reset() {
    let boot = guests::hello().unwrap().boot();
    let Some(fixture) = Fixture::guest(boot, |config| {
        config.actions.shutdown = ShutdownAction::Pause;
    }) else {
        return;
    };
    fixture.await_event(Stop);
    assert_eq!(fixture.machine.run_state(), RunState::Shutdown);
    assert_eq!(fixture.machine.finished(), None);
    let refused = fixture.machine.cont().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Resetting the Virtual Machine is required"
    );
    fixture.machine.reset(Cause::HostQmpSystemReset).unwrap();
    assert_eq!(fixture.machine.run_state(), RunState::Prelaunch);
    fixture.machine.set_actions(Actions::default());
    fixture.machine.cont().unwrap();
    fixture.machine.wait();
    assert_eq!(fixture.console(), "hello from q-min\nhello from q-min\n");
    let reset = MachineEvent::Reset {
        guest: false,
        reason: Cause::HostQmpSystemReset,
    };
    assert_eq!(
        fixture.events(),
        [Resume, POWER_OFF, Stop, reset, Resume, POWER_OFF]
    );
}

// proves: set-action
#[test]
fn reboot_shutdown_ends_instead_of_resetting() {
    for by in [ResetBy::KeyboardController, ResetBy::TripleFault] {
        let boot = guests::reset(by).unwrap().boot();
        let Some(fixture) = Fixture::guest(boot, |config| {
            config.actions.reboot = RebootAction::Shutdown;
        }) else {
            return;
        };
        assert_eq!(fixture.machine.wait().cause, Cause::GuestReset);
        let shutdown = MachineEvent::Shutdown {
            guest: true,
            reason: Cause::GuestReset,
        };
        assert_eq!(fixture.events(), [Resume, shutdown]);
        assert_eq!(fixture.console(), "first start\n");
    }
}

#[test]
fn panic_shuts_down_by_default() {
    let actions = Actions::default();
    let Some(fixture) = panicking(actions.panic, actions.shutdown) else {
        return;
    };
    assert_eq!(
        fixture.machine.wait(),
        Finish {
            cause: Cause::GuestPanic,
            exit_code: 0
        }
    );
    let poweroff = panicked(GuestPanicAction::Poweroff);
    assert_eq!(fixture.events(), [Resume, poweroff, PANIC_OFF]);
}

#[test]
fn panic_exit_failure_exits_with_one() {
    let Some(fixture) = panicking(PanicAction::ExitFailure, ShutdownAction::Poweroff) else {
        return;
    };
    assert_eq!(
        fixture.machine.wait(),
        Finish {
            cause: Cause::GuestPanic,
            exit_code: 1
        }
    );
}

// proves: set-action
#[test]
fn panic_none_lets_the_guest_run_on() {
    let Some(fixture) = panicking(PanicAction::None, ShutdownAction::Poweroff) else {
        return;
    };
    assert_eq!(fixture.machine.wait().cause, Cause::GuestShutdown);
    assert_eq!(fixture.console(), "panic\nalive\n");
    assert_eq!(
        fixture.events(),
        [Resume, panicked(GuestPanicAction::Run), POWER_OFF]
    );
}

#[test]
fn panic_pause_stops_and_cont_goes_on() {
    for (panic, shutdown) in [
        (PanicAction::Pause, ShutdownAction::Poweroff),
        (PanicAction::Shutdown, ShutdownAction::Pause),
    ] {
        let Some(fixture) = panicking(panic, shutdown) else {
            return;
        };
        fixture.await_event(Stop);
        assert_eq!(fixture.machine.run_state(), RunState::GuestPanicked);
        assert_eq!(
            fixture.events(),
            [Resume, panicked(GuestPanicAction::Pause), Stop]
        );
        assert_eq!(fixture.console(), "panic\n");
        fixture.machine.cont().unwrap();
        fixture.await_event(POWER_OFF);
        assert_eq!(fixture.console(), "alive\n");
    }
}

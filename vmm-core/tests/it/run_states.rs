//! Every command that changes the run state, in every run state. What QEMU
//! 10.0.2 answers is written down here.

use vmm_core::guests::{self, Guest};
use vmm_core::machine::{
    Cause, MachineConfig, MachineError, MachineEvent, RunState, ShutdownAction,
};

use crate::fixture::{Fixture, kvm_works};

const NEEDS_RESET: &str = "Resetting the Virtual Machine is required";
const NOT_ASLEEP: &str = "Unable to wake up: guest is not in suspended state";
const NOT_READY: &str = "The command is permitted only after machine initialization has completed";

type Answer = Result<RunState, &'static str>;
type Command = fn(&Fixture) -> Result<(), MachineError>;

/// A way into a state, and what comes of each command there.
struct Row {
    state: RunState,
    reach: fn() -> Fixture,
    stop: Answer,
    cont: Answer,
    reset: Answer,
    wakeup: Answer,
}

fn start(guest: &Guest, change: impl FnOnce(&mut MachineConfig)) -> Fixture {
    Fixture::guest(guest.boot(), change).unwrap()
}

fn running() -> Fixture {
    start(&guests::spin().unwrap(), |_| {})
}

fn suspended() -> Fixture {
    let fixture = start(&guests::suspend().unwrap(), |_| {});
    fixture.await_event(MachineEvent::Suspend);
    fixture
}

fn stopped(fixture: Fixture) -> Fixture {
    fixture.machine.stop().unwrap();
    fixture
}

fn ended(guest: &Guest) -> Fixture {
    let fixture = start(guest, |config| {
        config.actions.shutdown = ShutdownAction::Pause;
    });
    fixture.await_event(MachineEvent::Stop);
    fixture
}

const ROWS: [Row; 9] = {
    use RunState::*;
    [
        Row {
            state: Preconfig,
            reach: || start(&guests::spin().unwrap(), |config| config.preconfig = true),
            stop: Err(NOT_READY),
            cont: Err(NOT_READY),
            reset: Err(NOT_READY),
            wakeup: Err(NOT_READY),
        },
        Row {
            state: Prelaunch,
            reach: || start(&guests::spin().unwrap(), |config| config.paused = true),
            stop: Ok(Prelaunch),
            cont: Ok(Running),
            reset: Ok(Prelaunch),
            wakeup: Err(NOT_ASLEEP),
        },
        Row {
            state: Running,
            reach: running,
            stop: Ok(Paused),
            cont: Ok(Running),
            reset: Ok(Running),
            wakeup: Err(NOT_ASLEEP),
        },
        Row {
            state: Paused,
            reach: || stopped(running()),
            stop: Ok(Paused),
            cont: Ok(Running),
            reset: Ok(Prelaunch),
            wakeup: Err(NOT_ASLEEP),
        },
        Row {
            state: Suspended,
            reach: suspended,
            stop: Ok(Paused),
            cont: Ok(Suspended),
            reset: Ok(Prelaunch),
            wakeup: Ok(Running),
        },
        Row {
            state: Paused, // while asleep
            reach: || stopped(suspended()),
            stop: Ok(Paused),
            cont: Ok(Suspended),
            reset: Ok(Prelaunch),
            wakeup: Err(NOT_ASLEEP),
        },
        Row {
            state: GuestPanicked,
            reach: || ended(&guests::panic().unwrap()),
            stop: Ok(GuestPanicked),
            cont: Ok(Running),
            reset: Ok(Prelaunch),
            wakeup: Err(NOT_ASLEEP),
        },
        Row {
            state: InternalError,
            reach: || ended(&guests::wild_jump().unwrap()),
            stop: Ok(InternalError),
            cont: Err(NEEDS_RESET),
            reset: Ok(Prelaunch),
            wakeup: Err(NOT_ASLEEP),
        },
        Row {
            state: Shutdown,
            reach: || ended(&guests::hello().unwrap()),
            stop: Ok(Shutdown),
            cont: Err(NEEDS_RESET),
            reset: Ok(Prelaunch),
            wakeup: Err(NOT_ASLEEP),
        },
    ]
};

#[test]
fn each_command_in_each_state_is_answered_as_by_qemu() {
    if !kvm_works() {
        return;
    }
    for row in ROWS {
        let commands: [(&str, Answer, Command); 4] = [
            ("stop", row.stop, |f| f.machine.stop().map(drop)),
            ("cont", row.cont, |f| f.machine.cont().map(drop)),
            ("system_reset", row.reset, |f| {
                f.machine.reset(Cause::HostQmpSystemReset)
            }),
            ("system_wakeup", row.wakeup, |f| f.machine.wakeup()),
        ];
        for (name, expected, command) in commands {
            let fixture = (row.reach)();
            let state = fixture.machine.run_state();
            assert_eq!(state, row.state, "{:?}", fixture.diagnostics());
            // Before it is asked: a guest that runs on may end at any time.
            let shutdown = |config: &mut vmm_core::machine::Actions| {
                config.shutdown = ShutdownAction::Pause;
            };
            let mut actions = fixture.machine.actions();
            shutdown(&mut actions);
            fixture.machine.set_actions(actions);
            let answer = command(&fixture).map_err(|error| error.to_string());
            let after = fixture.machine.run_state();
            match (answer, expected) {
                (Ok(()), Ok(expected)) => {
                    // a guest that runs on powers off after a while
                    let moved_on = expected == RunState::Running && after == RunState::Shutdown;
                    assert!(
                        after == expected || moved_on,
                        "{name} in {state:?}: {after:?}"
                    );
                }
                (Err(text), Err(expected)) => {
                    assert_eq!(text, expected, "{name} in {state:?}");
                    assert_eq!(after, state, "{name} in {state:?}");
                }
                (answer, _) => panic!("{name} in {state:?}: {answer:?}"),
            }
        }
    }
}

#[test]
fn reset_ends_a_sleep_that_was_stopped() {
    if !kvm_works() {
        return;
    }
    let fixture = stopped(suspended());
    fixture.machine.reset(Cause::HostQmpSystemReset).unwrap();
    fixture.machine.cont().unwrap();
    assert_ne!(fixture.machine.run_state(), RunState::Paused);
    // it starts anew and falls asleep again
    fixture.expect("good night\ngood night\n");
}

#[test]
fn code_that_cannot_run_is_an_internal_error_that_says_where() {
    let Some(fixture) = Fixture::guest(guests::wild_jump().unwrap().boot(), |_| {}) else {
        return;
    };
    fixture.await_event(MachineEvent::Stop);
    assert_eq!(fixture.machine.run_state(), RunState::InternalError);
    assert_eq!(fixture.events(), [MachineEvent::Resume, MachineEvent::Stop]);
    let text = fixture.diagnostics().join("\n");
    for part in ["KVM", " at 0008:00000000fee01000 (64-bit mode, ring 0, "] {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
}

#[test]
fn crash_kernel_is_reported_and_runs_on() {
    let Some(fixture) = Fixture::guest(guests::crash_load().unwrap().boot(), |_| {}) else {
        return;
    };
    assert_eq!(fixture.machine.wait().cause, Cause::GuestShutdown);
    assert_eq!(fixture.console(), "crash\nalive\n");
    let shutdown = MachineEvent::Shutdown {
        guest: true,
        reason: Cause::GuestShutdown,
    };
    let events = [
        MachineEvent::Resume,
        MachineEvent::GuestCrashloaded,
        shutdown,
    ];
    assert_eq!(fixture.events(), events);
}

#[test]
fn shutdown_through_the_panic_port_is_told_twice() {
    let Some(fixture) = Fixture::guest(guests::pv_shutdown().unwrap().boot(), |_| {}) else {
        return;
    };
    assert_eq!(fixture.machine.wait().cause, Cause::GuestShutdown);
    assert_eq!(fixture.console(), "goodbye\n");
    let shutdown = MachineEvent::Shutdown {
        guest: true,
        reason: Cause::GuestShutdown,
    };
    let events = [
        MachineEvent::Resume,
        MachineEvent::GuestPvShutdown,
        shutdown,
    ];
    assert_eq!(fixture.events(), events);
}

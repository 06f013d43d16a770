//! Without an accelerator everything works but guest code.

use std::sync::Arc;

use vmm_core::accel::AccelKind;
use vmm_core::char::Registry;
use vmm_core::machine::{
    BootConfig, Cause, Image, Machine, MachineConfig, MachineEvent, RunState, ShutdownAction,
};

use crate::fixture::Fixture;

use MachineEvent::{Powerdown, Resume, Stop};

const RESET: MachineEvent = MachineEvent::Reset {
    guest: false,
    reason: Cause::HostQmpSystemReset,
};

#[test]
fn states_and_events_work() {
    let fixture = Fixture::new(|config| config.cpus = 3);
    let machine = &fixture.machine;
    assert_eq!(machine.run_state(), RunState::Prelaunch);
    machine.start().unwrap();
    machine.start().unwrap(); // once only
    assert_eq!(machine.run_state(), RunState::Running);
    assert!(machine.stop().unwrap());
    machine.powerdown().unwrap();
    assert!(machine.cont().unwrap());
    machine.reset(Cause::HostQmpSystemReset).unwrap();
    assert_eq!(machine.run_state(), RunState::Running);
    machine.inject_nmi().unwrap();
    assert!(machine.wakeup().is_err());
    machine.shutdown(Cause::HostSignal).unwrap();
    assert_eq!(machine.wait().cause, Cause::HostSignal);
    let shutdown = MachineEvent::Shutdown {
        guest: false,
        reason: Cause::HostSignal,
    };
    assert_eq!(
        fixture.events(),
        [Resume, Stop, Powerdown, Resume, RESET, shutdown]
    );
}

#[test]
fn cpus_have_threads_of_their_own_and_are_halted() {
    let fixture = Fixture::new(|config| config.cpus = 3);
    let cpus = fixture.machine.cpus().unwrap();
    assert_eq!(cpus.len(), 3);
    assert!(cpus.iter().all(|cpu| cpu.halted && cpu.thread_id > 0));
    assert_ne!(cpus[0].thread_id, cpus[1].thread_id);
}

#[test]
fn image_is_in_memory_and_virtual_is_physical() {
    let image = Image::Bytes(Arc::from(&b"not really code"[..]));
    let fixture = Fixture::new(|config| config.boot = Some(BootConfig::new(image)));
    let machine = &fixture.machine;
    let bytes = machine.read_virtual(0, 0x10_0000, 15).unwrap();
    assert_eq!(bytes, b"not really code");
    machine.write_physical(0x10_0000, &[0; 15]).unwrap();
    machine.reset(Cause::HostQmpSystemReset).unwrap();
    assert_eq!(
        machine.read_physical(0x10_0000, 15).unwrap(),
        b"not really code"
    );
}

#[test]
fn shutdown_pause_keeps_the_machine_but_quit_ends_it() {
    let fixture = Fixture::new(|config| config.actions.shutdown = ShutdownAction::Pause);
    fixture.machine.start().unwrap();
    fixture.machine.shutdown(Cause::HostSignal).unwrap();
    assert_eq!(fixture.machine.run_state(), RunState::Shutdown);
    fixture.machine.quit().unwrap();
    assert_eq!(fixture.machine.wait().cause, Cause::HostQmpQuit);
}

#[test]
fn machine_none_needs_nothing() {
    let observer = Arc::new(|_: &MachineEvent| {});
    let machine = Machine::new(MachineConfig::default(), Registry::new(), observer).unwrap();
    machine.start().unwrap();
    assert_eq!(machine.run_state(), RunState::Running);
    assert_eq!(machine.cpus().unwrap(), []);
    assert_eq!(machine.ram_size(), 0);
    assert!(machine.read_physical(0, 1).is_err());
    machine.reset(Cause::HostQmpSystemReset).unwrap();
    assert!(machine.stop().unwrap());
    assert!(!machine.accel().kvm_enabled);
    assert_eq!(machine.config().accel, AccelKind::None);
    machine.quit().unwrap();
}

#[test]
fn dropping_a_running_machine_ends_its_threads() {
    let fixture = Fixture::new(|config| config.cpus = 2);
    fixture.machine.start().unwrap();
    let thread = fixture.machine.cpus().unwrap()[0].thread_id;
    let path = format!("/proc/self/task/{thread}");
    assert!(std::fs::exists(&path).unwrap());
    drop(fixture);
    assert!(!std::fs::exists(&path).unwrap());
}

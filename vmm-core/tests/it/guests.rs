//! Each guest does what it says, on the first serial port and in memory.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use vmm_core::accel::AccelKind;
use vmm_core::char::{Backend, InputSink, Registry, RingBuf};
use vmm_core::devices::{Device, GuestRequest};
use vmm_core::guests::{self, ResetBy};
use vmm_core::machine::{Cause, Finish, MachineEvent, RunState, ShutdownAction};

use crate::fixture::{Fixture, LIMIT, kvm_works};

const POWER_OFF: MachineEvent = MachineEvent::Shutdown {
    guest: true,
    reason: Cause::GuestShutdown,
};

#[test]
fn hello_prints_and_powers_off() {
    let guest = guests::hello().unwrap();
    for boot in [guest.boot(), guest.boot_flat()] {
        let Some(fixture) = Fixture::guest(boot, |_| {}) else {
            return;
        };
        let finish = fixture.machine.wait();
        assert_eq!(
            finish,
            Finish {
                cause: Cause::GuestShutdown,
                exit_code: 0
            }
        );
        assert_eq!(fixture.console(), "hello from q-min\n");
        assert_eq!(fixture.events(), [MachineEvent::Resume, POWER_OFF]);
        assert_eq!(fixture.machine.run_state(), RunState::Shutdown);
    }
}

#[test]
fn heartbeat_writes_its_pattern_and_ticks() {
    let guest = guests::heartbeat().unwrap();
    let Some(fixture) = Fixture::guest(guest.boot(), |_| {}) else {
        return;
    };
    fixture.expect("heartbeat: running\n");
    let size = usize::try_from(guests::PATTERN_SIZE).unwrap();
    let bytes = fixture
        .machine
        .read_physical(guests::PATTERN_ADDRESS, size)
        .unwrap();
    for (index, word) in (0u32..).zip(bytes.chunks_exact(4)) {
        assert_eq!(word, guests::pattern(index).to_le_bytes(), "word {index}");
    }
    fixture.await_word(guests::TICKS, 5);
}

// proves: system_powerdown
#[test]
fn power_button_reaches_the_guest() {
    let guest = guests::heartbeat().unwrap();
    let Some(fixture) = Fixture::guest(guest.boot(), |_| {}) else {
        return;
    };
    fixture.expect("heartbeat: running\n");
    fixture.machine.powerdown().unwrap();
    assert_eq!(fixture.machine.wait().cause, Cause::GuestShutdown);
    assert_eq!(
        fixture.console(),
        "heartbeat: running\nheartbeat: good night\n"
    );
    assert_eq!(
        fixture.events(),
        [MachineEvent::Resume, MachineEvent::Powerdown, POWER_OFF]
    );
}

// proves: inject-nmi
#[test]
fn nmi_reaches_the_guest_each_time() {
    let guest = guests::heartbeat().unwrap();
    let Some(fixture) = Fixture::guest(guest.boot(), |_| {}) else {
        return;
    };
    fixture.expect("heartbeat: running\n");
    for count in 1..=3 {
        fixture.machine.inject_nmi().unwrap();
        fixture.expect("heartbeat: NMI\n");
        fixture.console();
        assert_eq!(fixture.word(guests::NMIS), count);
    }
}

// proves: query-cpus-fast
#[test]
fn smp_starts_every_cpu() {
    let guest = guests::smp().unwrap();
    for cpus in [1, 2, 4] {
        let Some(fixture) = Fixture::guest(guest.boot(), |config| config.cpus = cpus) else {
            return;
        };
        fixture.machine.wait();
        assert_eq!(fixture.console(), "smp: all CPUs are up\n");
        assert_eq!(fixture.word(guests::AP_COUNT) & 0xffff, cpus - 1);
        let infos = fixture.machine.cpus().unwrap();
        assert!(infos.iter().map(|cpu| cpu.index).eq(0..cpus));
        assert!(infos.iter().skip(1).all(|cpu| cpu.halted));
    }
}

/// A back end that the test types on.
#[derive(Default)]
struct Keyboard {
    sink: Mutex<Option<InputSink>>,
}

#[derive(Debug)]
struct Terminal {
    keyboard: Arc<Keyboard>,
    screen: RingBuf,
}

impl std::fmt::Debug for Keyboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyboard")
    }
}

impl Backend for Terminal {
    fn kind(&self) -> &'static str {
        "terminal"
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        self.screen.write(bytes)
    }

    fn connect(&self, input: Option<InputSink>) {
        *self.keyboard.sink.lock().unwrap() = input;
    }

    fn ring(&self) -> Option<RingBuf> {
        Some(self.screen.clone())
    }
}

#[test]
fn echo_sends_back_what_is_typed() {
    let keyboard = Arc::new(Keyboard::default());
    let chardevs = Registry::new();
    let screen = RingBuf::new(4096).unwrap();
    let backend = Terminal {
        keyboard: keyboard.clone(),
        screen,
    };
    let terminal = chardevs.insert("terminal", Arc::new(backend)).unwrap();
    let guest = guests::echo().unwrap();
    let Some(fixture) = Fixture::guest_on(chardevs, "terminal", guest.boot()) else {
        return;
    };
    let screen = terminal.backend().ring().unwrap();
    assert!(screen.wait_for(b"echo\n", LIMIT));
    screen.read(usize::MAX);
    let text: Vec<u8> = (b' '..=b'~').cycle().take(500).collect();
    let sink = keyboard.sink.lock().unwrap().clone().unwrap();
    sink(&text);
    assert!(
        screen.wait_for(&text, LIMIT),
        "{:?}",
        screen.read(usize::MAX)
    );
    assert!(terminal.frontend_open());
    sink(&[4]);
    assert_eq!(fixture.machine.wait().cause, Cause::GuestShutdown);
    drop(fixture);
    assert!(!terminal.frontend_open());
}

#[test]
fn every_reset_by_the_guest_starts_it_again() {
    for by in [
        ResetBy::KeyboardController,
        ResetBy::ResetControl,
        ResetBy::TripleFault,
    ] {
        let guest = guests::reset(by).unwrap();
        let Some(fixture) = Fixture::guest(guest.boot(), |_| {}) else {
            return;
        };
        assert_eq!(fixture.machine.wait().cause, Cause::GuestShutdown, "{by:?}");
        assert_eq!(fixture.console(), "first start\nsecond start\n", "{by:?}");
        let reset = MachineEvent::Reset {
            guest: true,
            reason: Cause::GuestReset,
        };
        assert_eq!(
            fixture.events(),
            [MachineEvent::Resume, reset, POWER_OFF],
            "{by:?}"
        );
        assert_eq!(fixture.word(guests::BOOTS), guests::BOOT_MAGIC + 2);
    }
}

// proves: system_wakeup
#[test]
fn suspend_sleeps_until_woken() {
    let guest = guests::suspend().unwrap();
    let Some(fixture) = Fixture::guest(guest.boot(), |_| {}) else {
        return;
    };
    fixture.await_event(MachineEvent::Suspend);
    assert_eq!(fixture.machine.run_state(), RunState::Suspended);
    assert_eq!(fixture.console(), "good night\n");
    assert!(!fixture.machine.cont().unwrap(), "a sleeper is up already");
    assert!(fixture.machine.stop().unwrap());
    assert!(fixture.machine.wakeup().is_err());
    assert!(fixture.machine.cont().unwrap());
    assert_eq!(fixture.machine.run_state(), RunState::Suspended);
    fixture.machine.wakeup().unwrap();
    fixture.machine.wait();
    assert_eq!(fixture.console(), "good morning\n");
    use MachineEvent::{Resume, Stop, Suspend, Wakeup};
    assert_eq!(
        fixture.events(),
        [Resume, Suspend, Stop, Resume, Wakeup, POWER_OFF]
    );
}

/// Counts what is written to it.
#[derive(Debug, Default)]
struct Counter(AtomicU32);

impl Device for Counter {
    fn read(&self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write(&self, _offset: u64, _data: &[u8]) -> Option<GuestRequest> {
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Writes to the port of delays leave the kernel only if there is someone to hear of them.
#[test]
fn delays_stay_in_the_kernel() {
    for (port, at_first) in [(0x80, 0), (0x81, 300)] {
        let guest = guests::ports(port, 300).unwrap();
        if !kvm_works() {
            return;
        }
        let fixture = Fixture::new(|config| {
            config.accel = AccelKind::Kvm;
            config.boot = Some(guest.boot());
            config.actions.shutdown = ShutdownAction::Pause;
        });
        let counter = Arc::new(Counter::default());
        let place = fixture.machine.buses();
        place
            .pio
            .insert(port.into(), 1, Arc::clone(&counter) as _)
            .unwrap();
        fixture.machine.start().unwrap();
        fixture.await_event(POWER_OFF);
        assert_eq!(fixture.console(), "ports\ndone\n");
        assert_eq!(counter.0.load(Ordering::Relaxed), at_first, "{port:#x}");
        // the machine is made anew with what there is by now
        fixture.machine.reset(Cause::HostQmpSystemReset).unwrap();
        fixture.machine.cont().unwrap();
        fixture.expect("done\n");
        assert_eq!(
            counter.0.load(Ordering::Relaxed),
            at_first + 300,
            "{port:#x}"
        );
    }
}

#[test]
fn debug_exit_gives_the_exit_code() {
    let guest = guests::debug_exit(0x10).unwrap();
    let Some(fixture) = Fixture::guest(guest.boot(), |_| {}) else {
        return;
    };
    let expected = Finish {
        cause: Cause::GuestShutdown,
        exit_code: 33,
    };
    assert_eq!(fixture.machine.wait(), expected);
}

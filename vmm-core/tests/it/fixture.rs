//! A machine with a recorder for its events and its console in memory.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use vmm_core::accel::{AccelKind, kvm};
use vmm_core::char::{BackendConfig, Chardev, Registry};
use vmm_core::machine::{BootConfig, Machine, MachineConfig, MachineEvent, MachineKind, Observer};

/// Far beyond what anything here takes, for a host that is busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Whether this file can be read past the host's cache; if not, it says that something is skipped.
pub(crate) fn direct_works(image: &Path) -> bool {
    let mut options = std::fs::OpenOptions::new();
    let works = options
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open(image)
        .is_ok();
    if !works {
        println!("skipped: O_DIRECT does not work for {}", image.display());
    }
    works
}

/// A process that ends with the test, however that ends.
pub(crate) struct Ended(pub(crate) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Keeps what a machine tells.
#[derive(Default)]
pub(crate) struct Recorder {
    told: Mutex<Told>,
    grown: Condvar,
}

#[derive(Default)]
struct Told {
    events: Vec<MachineEvent>,
    diagnostics: Vec<String>,
}

impl Recorder {
    /// All events so far.
    pub(crate) fn events(&self) -> Vec<MachineEvent> {
        self.told.lock().unwrap().events.clone()
    }
}

impl Observer for Recorder {
    fn event(&self, event: &MachineEvent) {
        self.told.lock().unwrap().events.push(event.clone());
        self.grown.notify_all();
    }

    fn diagnostic(&self, text: &str) {
        self.told.lock().unwrap().diagnostics.push(text.to_owned());
    }
}

/// Whether guests can run here; says why not.
pub(crate) fn kvm_works() -> bool {
    kvm::probe()
        .inspect_err(|error| println!("skipped: {error}"))
        .is_ok()
}

/// A machine under test.
pub(crate) struct Fixture {
    pub(crate) machine: Machine,
    recorder: Arc<Recorder>,
    console: Arc<Chardev>,
}

impl Fixture {
    /// A machine with one CPU and 4 MiB, as `change` has it.
    pub(crate) fn new(change: impl FnOnce(&mut MachineConfig)) -> Self {
        let chardevs = Registry::new();
        chardevs
            .add("serial0", &BackendConfig::RingBuf { size: 4096 })
            .unwrap();
        Self::on(chardevs, "serial0", change)
    }

    fn on(chardevs: Registry, label: &str, change: impl FnOnce(&mut MachineConfig)) -> Self {
        let console = chardevs.get(label).unwrap();
        let mut config = MachineConfig {
            kind: MachineKind::QMin,
            ram_size: 4 << 20,
            cpus: 1,
            serial: vec![label.to_owned()],
            ..MachineConfig::default()
        };
        change(&mut config);
        let recorder = Arc::new(Recorder::default());
        let machine = Machine::new(config, chardevs, recorder.clone()).unwrap();
        Self {
            machine,
            recorder,
            console,
        }
    }

    /// A started guest under KVM, or nothing (and the reason on stdout).
    pub(crate) fn guest(boot: BootConfig, change: impl FnOnce(&mut MachineConfig)) -> Option<Self> {
        if !kvm_works() {
            return None;
        }
        let fixture = Self::new(|config| {
            config.accel = AccelKind::Kvm;
            config.boot = Some(boot);
            change(config);
        });
        fixture.machine.start().unwrap();
        Some(fixture)
    }

    /// The same with a console of the caller's.
    pub(crate) fn guest_on(chardevs: Registry, label: &str, boot: BootConfig) -> Option<Self> {
        Self::guest_with(chardevs, label, boot, |_| ())
    }

    /// The same, as `change` has it.
    pub(crate) fn guest_with(
        chardevs: Registry,
        label: &str,
        boot: BootConfig,
        change: impl FnOnce(&mut MachineConfig),
    ) -> Option<Self> {
        if !kvm_works() {
            return None;
        }
        let fixture = Self::on(chardevs, label, |config| {
            config.accel = AccelKind::Kvm;
            config.boot = Some(boot);
            change(config);
        });
        fixture.machine.start().unwrap();
        Some(fixture)
    }

    /// Waits until the console has printed `text`.
    pub(crate) fn expect(&self, text: &str) {
        let ring = self.console.backend().ring().unwrap();
        if !ring.wait_for(text.as_bytes(), LIMIT) {
            let told = self.recorder.told.lock().unwrap();
            panic!(
                "console has {:?}, events {:?}, diagnostics {:?}",
                String::from_utf8_lossy(&ring.read(4096)),
                told.events,
                told.diagnostics
            );
        }
    }

    /// Takes what the console has printed since the last call.
    pub(crate) fn console(&self) -> String {
        String::from_utf8(self.console.backend().ring().unwrap().read(4096)).unwrap()
    }

    /// Lets `time` pass; nothing may be printed meanwhile.
    pub(crate) fn stay_silent(&self, time: Duration) {
        let ring = self.console.backend().ring().unwrap();
        assert!(ring.is_empty(), "printed {:?}", self.console());
        assert!(!ring.wait_for(b"\n", time), "printed {:?}", self.console());
    }

    /// Lets `time` pass, or less if the guest prints a lot.
    pub(crate) fn pass(&self, time: Duration) {
        let _ = self
            .console
            .backend()
            .ring()
            .unwrap()
            .wait_for(&[0; 4096], time);
    }

    /// Drops the machine, and keeps what it has told.
    pub(crate) fn end(self) -> Arc<Recorder> {
        self.recorder
    }

    /// All events so far.
    pub(crate) fn events(&self) -> Vec<MachineEvent> {
        self.recorder.events()
    }

    /// Waits until `event` has been told.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "callers name an event")]
    pub(crate) fn await_event(&self, event: MachineEvent) {
        let end = Instant::now() + LIMIT;
        let mut told = self.recorder.told.lock().unwrap();
        while !told.events.contains(&event) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {event:?} in {:?}", told.events);
            told = self.recorder.grown.wait_timeout(told, left).unwrap().0;
        }
    }

    pub(crate) fn diagnostics(&self) -> Vec<String> {
        self.recorder.told.lock().unwrap().diagnostics.clone()
    }

    /// A 32-bit word of guest memory.
    pub(crate) fn word(&self, address: u64) -> u32 {
        let bytes = self.machine.read_physical(address, 4).unwrap();
        u32::from_le_bytes(bytes.try_into().unwrap())
    }

    /// Waits until the word at `address` is at least `least`.
    pub(crate) fn await_word(&self, address: u64, least: u32) {
        let end = Instant::now() + LIMIT;
        while self.word(address) < least {
            assert!(
                Instant::now() < end,
                "{address:#x} stays at {}",
                self.word(address)
            );
            std::thread::yield_now();
        }
    }
}

//! The handle that a machine is controlled by.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::board::{Board, SCI};
use super::control::{self, Message};
use super::dirty_rate;
use super::dump::Dumps;
use super::hotplug;
use super::input::Typing;
use super::inspect;
use super::lifecycle::{self, Lifecycle, Parts};
use super::vcpus::Vcpus;
use super::{
    AccelInfo, Actions, Balloons, Cause, DeviceMemories, DirtyRate, DirtyRateMode, Doorbells,
    GuestRam, Lines, MachineConfig, MachineError, MachineKind, Observer, RunState, Services,
    objects, types,
};
use crate::accel::{AccelKind, kvm};
use crate::block::Graph;
use crate::boot::Loader;
use crate::char::Registry;
use crate::clock::{Clocks, TimerThread};
use crate::devices::Buses;
use crate::devices::{
    Display, Displays, Gate, InputEvent, Inputs, Key, MouseInfo, Picture, Requester,
};
use crate::qom::Tree;

/// The least memory of a board that starts something: low memory for tables
/// and a megabyte for the program.
const MIN_RAM: u64 = 2 << 20;

/// How a machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    /// Why.
    pub cause: Cause,
    /// What the process should exit with.
    pub exit_code: i32,
}

/// A machine. Every method may be called from any thread and is synchronous:
/// when it returns, its effect is complete and its events have been told.
///
/// Dropping it ends the guest and joins all threads, that of a dump whose file takes nothing as well.
pub struct Machine {
    pub(super) inner: Arc<Lifecycle>,
    chardevs: Registry,
    messages: Sender<Message>,
    control: Option<JoinHandle<()>>,
    _timers: TimerThread,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("config", &self.inner.config)
            .field("state", &*self.inner.lock())
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// Makes a machine in state `prelaunch`, with its image loaded.
    ///
    /// # Errors
    /// The configuration makes no machine, an image cannot be loaded, or the
    /// host (KVM, memory, threads) refuses; the text says what to do.
    pub fn new(
        mut config: MachineConfig,
        chardevs: Registry,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, MachineError> {
        if config.ram_size == 0 {
            config.ram_size = objects::backend_size(&config)?;
        }
        check(&config)?;
        config.max_cpus = config.max_cpus.max(config.cpus);
        config.max_ram_size = config.max_ram_size.max(config.ram_size);
        if config.accel == AccelKind::Kvm {
            let host = kvm::host_leaves()?; // also where no CPU will need it
            let checked = config.cpu_model.check(&host);
            checked.map_err(|error| MachineError::Config(error.to_string()))?;
        }
        let cpus: Vec<u32> = (0..config.cpus).collect();
        let loader = config.boot.as_ref().map(Loader::new).transpose()?;
        let ram = GuestRam::without_memory(config.ram_size)?;
        config.ram_size = ram.size();
        let (messages, receiver) = mpsc::channel();
        let requests = messages.clone();
        let clocks = Clocks::new();
        let timers = clocks.start().map_err(|error| MachineError::Host {
            what: "a thread for timers",
            error,
        })?;
        let (lines, buses) = (Lines::default(), Arc::default());
        let memory_defaults = Arc::new(Mutex::new(config.memory_defaults));
        let services = Services {
            tree: types::tree(&config, &chardevs, &memory_defaults)?,
            memory_defaults,
            ram: ram.clone(),
            hotplug: hotplug::controllers(&config, &lines, &buses, SCI)?,
            buses,
            lines,
            chardevs: chardevs.clone(),
            clocks,
            device_memory: DeviceMemories::default(),
            displays: Displays::default(),
            inputs: Inputs::default(),
            doorbells: Doorbells::default(),
            block: Graph::with_descriptors(chardevs.descriptors().clone()),
            balloon: Balloons::default(),
            gate: Gate::default(),
            confined: config.confined,
            requester: Requester::new(move |request| {
                // Without a control thread the machine is at its end.
                let _ = requests.send(Message::Device(request));
            }),
            observer: Arc::clone(&observer),
        };
        objects::add_configured_objects(&config, &services)?;
        objects::add_memory(&config, &services)?;
        let board = Board::new(&config, &services)?;
        objects::add_configured_disks(&config, &services)?;
        objects::add_configured_devices(&config, &services)?;
        let (vm, cores) = lifecycle::power_on(&config, &services, loader.as_ref(), &cpus)?;
        let vcpus = Vcpus::spawn(cores, &services.buses, &messages, config.confined)?;
        let typist = messages.clone();
        let typing = Typing::new(&services.clocks, move || {
            let _ = typist.send(Message::Typing);
        });
        let dumps = Dumps::new()?;
        let parts = Parts {
            config,
            ram,
            vcpus,
            board,
            services,
            typing,
            dumps,
            loader,
            observer,
            vm,
        };
        let inner = Arc::new(Lifecycle::new(parts));
        let control = control::spawn(Arc::clone(&inner), receiver)?;
        Ok(Self {
            inner,
            chardevs,
            messages,
            control: Some(control),
            _timers: timers,
        })
    }

    pub(super) fn lifecycle(&self) -> &Lifecycle {
        &self.inner
    }

    /// Starts the guest, once, unless the configuration says to wait.
    ///
    /// # Errors
    /// The kernel refuses a thread's seccomp filter.
    pub fn start(&self) -> Result<(), MachineError> {
        self.inner.start()
    }

    /// Ends the preconfiguration phase and goes on as [`start`](Self::start).
    ///
    /// # Errors
    /// The machine is not in that phase.
    pub fn exit_preconfig(&self) -> Result<(), MachineError> {
        self.inner.exit_preconfig()
    }

    /// Stops the guest. False if it did not run.
    ///
    /// # Errors
    /// The machine has ended or is not configured.
    pub fn stop(&self) -> Result<bool, MachineError> {
        self.inner.stop()
    }

    /// Lets the guest run on. False if it ran already.
    ///
    /// # Errors
    /// Only a reset leads out of the state, or the machine has ended or is not
    /// configured.
    pub fn cont(&self) -> Result<bool, MachineError> {
        self.inner.cont()
    }

    /// Resets the machine: devices, interrupt controllers and CPUs return to
    /// power-on state and the image is loaded anew; memory outside of the image
    /// keeps what it holds. A stopped machine stays stopped, as `prelaunch`.
    ///
    /// # Errors
    /// The machine has ended or is not configured, or the host refused.
    pub fn reset(&self, cause: Cause) -> Result<(), MachineError> {
        self.inner.reset(cause)
    }

    /// Presses the guest's power button.
    ///
    /// # Errors
    /// The machine has ended or is not configured.
    pub fn powerdown(&self) -> Result<(), MachineError> {
        self.inner.powerdown()
    }

    /// Wakes a sleeping guest.
    ///
    /// # Errors
    /// It does not sleep.
    pub fn wakeup(&self) -> Result<(), MachineError> {
        self.inner.wakeup()
    }

    /// Ends the machine, whatever the actions say.
    ///
    /// # Errors
    /// It has ended already.
    pub fn quit(&self) -> Result<(), MachineError> {
        self.inner.quit()
    }

    /// Shuts the machine down for `cause`; what follows is the shutdown action.
    ///
    /// # Errors
    /// It has ended already.
    pub fn shutdown(&self, cause: Cause) -> Result<(), MachineError> {
        self.inner.shutdown(cause)
    }

    /// Blocks until the machine has ended, and its output is out.
    pub fn wait(&self) -> Finish {
        let finish = self.inner.wait();
        self.chardevs.flush();
        finish
    }

    /// How the machine ended, if it has.
    #[must_use]
    pub fn finished(&self) -> Option<Finish> {
        self.inner.lock().finish
    }

    /// What the machine is doing.
    #[must_use]
    pub fn run_state(&self) -> RunState {
        self.inner.lock().run
    }

    /// What follows when the guest ends.
    #[must_use]
    pub fn actions(&self) -> Actions {
        self.inner.lock().actions
    }

    /// Changes what follows when the guest ends.
    pub fn set_actions(&self, actions: Actions) {
        self.inner.lock().actions = actions;
    }

    /// Whether the guest can go to sleep and be woken.
    #[must_use]
    pub fn can_suspend(&self) -> bool {
        self.inner.can_suspend()
    }

    /// Forgets the interrupts of the clock that the guest has missed.
    ///
    /// # Errors
    /// The machine has ended or is not configured.
    pub fn reset_rtc_reinjection(&self) -> Result<(), MachineError> {
        self.inner.reset_rtc_reinjection()
    }

    /// Hands over what a user does, as far as it belongs together.
    ///
    /// # Errors
    /// The guest does not run, or has nothing that takes it.
    pub fn input(&self, events: &[InputEvent]) -> Result<(), MachineError> {
        self.inner.input(events)
    }

    /// Presses keys one after another, and releases them in reverse order;
    /// each is followed by a pause of `hold` milliseconds of the guest's time
    /// (100 if absent or 0). Returns once the first is down.
    ///
    /// # Errors
    /// The machine has ended or is not configured.
    pub fn type_keys(&self, keys: &[Option<Key>], hold: Option<u64>) -> Result<(), MachineError> {
        self.inner.type_keys(keys, hold)
    }

    /// Checks that a device shows a picture, the one with number `head`.
    ///
    /// # Errors
    /// There is no such device, or no such picture.
    pub fn console(&self, device: &str, head: i64) -> Result<Arc<dyn Display>, MachineError> {
        inspect::console(&self.inner, device, head)
    }

    /// What the guest shows: on the device that is named, or the first that
    /// shows something.
    ///
    /// # Errors
    /// There is no such device, or none at all.
    pub fn picture(&self, device: Option<(&str, i64)>) -> Result<Picture, MachineError> {
        let display = match device {
            Some((device, head)) => self.console(device, head)?,
            None => {
                let first = self.inner.services.displays.first();
                first.ok_or(MachineError::NoConsole)?
            }
        };
        Ok(display.picture())
    }

    /// The pointing devices, the one that counts first.
    #[must_use]
    pub fn mice(&self) -> Vec<MouseInfo> {
        self.inner.services.inputs.mice()
    }

    /// Does what has to be done when the machine has ended and the process is about to: others may hold the
    /// machine until then, so that it is not dropped.
    pub(crate) fn close(&self) {
        self.inner.dumps.cancel();
        self.inner.dumps.join();
        objects::drop_contents(&self.inner.services);
    }

    /// Bytes of guest memory.
    #[must_use]
    pub fn ram_size(&self) -> u64 {
        self.inner.ram.size()
    }

    /// What runs the guest, and what could.
    #[must_use]
    pub fn accel(&self) -> AccelInfo {
        inspect::accel(&self.inner)
    }

    /// Every object that has a path.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.inner.services.tree
    }

    /// Where vCPUs reach devices. A device that takes port 0x80 now hears of writes to it from the next reset on: until
    /// then KVM keeps them, as nobody was there.
    #[must_use]
    pub fn buses(&self) -> &Buses {
        &self.inner.services.buses
    }

    /// Starts to measure how fast the guest writes to its memory, on a thread of its own.
    ///
    /// # Errors
    /// A measurement is under way, or the host gives no thread.
    pub fn measure_dirty_rate(
        &self,
        mode: DirtyRateMode,
        time: Duration,
    ) -> Result<(), MachineError> {
        dirty_rate::start(&self.inner, mode, time)
    }

    /// The last measurement of how fast the guest writes to its memory.
    #[must_use]
    pub fn dirty_rate(&self) -> Option<DirtyRate> {
        self.inner.dirty_rates.last()
    }

    /// Disk images and what uses them.
    #[must_use]
    pub fn block(&self) -> &Graph {
        &self.inner.services.block
    }

    /// The character devices of the process.
    #[must_use]
    pub fn chardevs(&self) -> &Registry {
        &self.chardevs
    }

    /// What the machine was made from.
    #[must_use]
    pub fn config(&self) -> &MachineConfig {
        &self.inner.config
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.inner.dumps.cancel();
        self.inner.dirty_rates.end();
        let _ = self.messages.send(Message::End);
        if let Some(control) = self.control.take() {
            let _ = control.join(); // its panic was reported when it happened
        }
        self.inner.dumps.join();
    }
}

/// Refuses a configuration that makes no machine.
fn check(config: &MachineConfig) -> Result<(), MachineError> {
    let refuse = |text: String| Err(MachineError::Config(text));
    let kind = config.kind.as_str();
    let ports = Board::serial_ports(config.kind);
    if config.serial.len() > ports {
        return refuse(format!("machine {kind} has {ports} serial ports"));
    }
    let topology = config.cpu_topology();
    let all = config.max_cpus.max(config.cpus);
    if topology.count() != u64::from(all) && all > 0 {
        return refuse(format!("{topology} are not {all} CPUs"));
    }
    if config.kind != MachineKind::None && all > config.kind.max_cpus() {
        let max = config.kind.max_cpus();
        return refuse(format!(
            "Invalid SMP CPUs {all}. The max CPUs supported by machine '{kind}' is {max}"
        ));
    }
    if config.kind != MachineKind::None && all > 0 && topology.apic_id(all - 1) > 254 {
        return refuse(format!(
            "{topology} need APIC IDs above 254: use numbers of dies, cores and threads that are powers of two"
        ));
    }
    if config.max_cpus != 0 && config.max_cpus < config.cpus {
        let (cpus, max) = (config.cpus, config.max_cpus);
        return refuse(format!(
            "{cpus} CPUs are more than the {max} that the machine may have"
        ));
    }
    match config.kind {
        MachineKind::None if config.boot.is_some() => {
            refuse("machine none starts no kernel: use -M q-min".to_owned())
        }
        MachineKind::QMin if config.cpus == 0 => {
            refuse(format!("machine {kind} has 1 to 255 CPUs"))
        }
        MachineKind::QMin if config.ram_size < MIN_RAM => refuse(format!(
            "machine {kind} needs at least {} MiB of memory",
            MIN_RAM >> 20
        )),
        _ => Ok(()),
    }
}

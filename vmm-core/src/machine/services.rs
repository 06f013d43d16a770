//! What a machine has to offer to those who make devices for it.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use super::hotplug::Hotplug;
use super::lifecycle::{Lifecycle, State};
use super::{Balloons, DeviceMemories, GuestRam, MachineEvent, Observer};
use crate::accel::{Doorbell, IrqLine};
use crate::backends::MemoryDefaults;
use crate::block::Graph;
use crate::char::Registry;
use crate::clock::Clocks;
use crate::devices::{Buses, Displays, Gate, Inputs, Requester};
use crate::qom::Tree;
use crate::sync::lock;

/// Everything that a device can use, as handles: clones share it.
#[derive(Clone)]
pub struct Services {
    /// Every object with a path.
    pub tree: Tree,
    /// Guest memory.
    pub ram: GuestRam,
    /// Where devices are placed.
    pub buses: Arc<Buses>,
    /// Interrupt lines.
    pub lines: Lines,
    /// Registers that are written to in order to have something done.
    pub(crate) doorbells: Doorbells,
    /// The controllers that CPUs and memory are plugged through.
    pub(crate) hotplug: Option<Arc<Hotplug>>,
    /// Character devices by label.
    pub chardevs: Registry,
    /// Clocks, and timers on them.
    pub clocks: Clocks,
    /// Memory of devices that the guest reaches as its own.
    pub device_memory: DeviceMemories,
    /// What the host is told of memory whose back end does not say otherwise.
    pub memory_defaults: Arc<Mutex<MemoryDefaults>>,
    /// What the guest shows.
    pub displays: Displays,
    /// Keyboards and mice.
    pub inputs: Inputs,
    /// Disk images.
    pub block: Graph,
    /// What takes memory from the guest.
    pub balloon: Balloons,
    /// What the threads of devices pass before they touch guest memory.
    pub gate: Gate,
    /// Whether those threads give up what they do not need.
    pub confined: bool,
    /// For what a device asks of the whole machine on its own account.
    pub requester: Requester,
    pub(super) observer: Arc<dyn Observer>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("ram", &self.ram)
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

impl Services {
    /// Tells those who watch the machine.
    pub fn tell(&self, event: &MachineEvent) {
        self.observer.event(event);
    }

    /// Who watches the machine, for devices that work on threads of their own.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.observer)
    }

    /// Trouble that has no event, in words for the operator.
    pub fn diagnostic(&self, text: &str) {
        self.observer.diagnostic(text);
    }
}

/// The interrupt lines between devices and the interrupt controllers. Lines are
/// connected when the machine is powered on, so that a device needs to have its
/// own by then; a later one works from the next reset on.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<IrqLine>>>);

impl Lines {
    /// A line with the board's interrupt `number`.
    ///
    /// # Errors
    /// The host is out of file descriptors.
    pub fn add(&self, number: u32) -> io::Result<IrqLine> {
        let line = IrqLine::new(number)?;
        lock(&self.0).push(line.clone());
        Ok(line)
    }

    /// All lines so far.
    #[must_use]
    pub fn all(&self) -> Vec<IrqLine> {
        lock(&self.0).clone()
    }
}

/// The doorbells of devices. They are connected when the machine is powered on,
/// as lines are; without KVM devices are called instead.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doorbells(Arc<Mutex<Vec<Doorbell>>>);

impl Doorbells {
    pub(crate) fn add(&self, bell: Doorbell) {
        lock(&self.0).push(bell);
    }

    /// All so far.
    pub(crate) fn all(&self) -> Vec<Doorbell> {
        lock(&self.0).clone()
    }
}

/// A machine that is complete, with its control lock held: what constructors of
/// hot-plugged devices work on.
pub struct Running<'a> {
    pub(super) machine: &'a Lifecycle,
    pub(super) state: &'a mut State,
}

impl fmt::Debug for Running<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running")
    }
}

//! Devices of the board, and the buses that they sit on.
//!
//! A device is called from vCPU threads with its own lock inside. It never
//! blocks, and never acts on the machine itself: what a guest asks of the whole
//! machine goes back to the caller as a [`GuestRequest`].

mod acpi;
mod bus;
mod cpu_hotplug;
mod debug_exit;
mod display;
mod gpe;
mod hotplug;
mod i8042;
mod ib700;
mod input;
pub(crate) mod isa;
mod keys;
mod memory_hotplug;
mod pvpanic;
mod reset_control;
mod rtc;
mod serial;
mod vga;
pub(crate) mod virtio;

pub use acpi::AcpiPm;
pub use bus::{Bus, BusError};
pub use cpu_hotplug::CpuHotplug;
pub use debug_exit::DebugExit;
pub use display::{Display, Displays, Picture};
pub use gpe::{Event, GeneralEvents};
pub use hotplug::{OstReport, Place};
pub use i8042::{I8042, KeyboardController};
pub use ib700::{IB700, Ib700};
pub use input::{Axis, Button, InputDevice, InputEvent, InputKind, Inputs, MouseInfo, NoHandler};
pub use keys::Key;
pub use memory_hotplug::MemoryHotplug;
pub use pvpanic::{PVPANIC, PvPanic};
pub use reset_control::ResetControl;
pub use rtc::{BadBase, Cmos, MC146818, Rtc, RtcBase, RtcConfig};
pub(crate) use serial::PLACES as SERIAL_PLACES;
pub use serial::{ISA_SERIAL, SerialPort};
pub use vga::{ISA_VGA, Vga};
pub use virtio::Gate;

use std::sync::Arc;

use crate::state::Stateful;

/// The types of the devices here.
pub(crate) const TYPES: &[&crate::qom::TypeInfo] = &[
    &ISA_SERIAL,
    &I8042,
    &IB700,
    &MC146818,
    &PVPANIC,
    &ISA_VGA,
    &isa::ISA_BRIDGE,
    &isa::ISA_BUS,
];

/// What a guest can ask of the whole machine by touching a device, or by the
/// state it brings its CPU into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuestRequest {
    /// Reset (reset register, keyboard controller, triple fault).
    Reset,
    /// Power off, with an exit code for the process when the guest chose one.
    Shutdown {
        /// Exit code of the process; `None` is success.
        exit_code: Option<i32>,
    },
    /// The guest's kernel has panicked.
    Panic,
    /// The guest's kernel has crashed, and a crash kernel of its own takes over.
    CrashLoaded,
    /// The guest's kernel asks for a shutdown through the panic port.
    PvShutdown,
    /// Sleep until woken.
    Suspend,
    /// The watchdog has expired.
    Watchdog,
    /// The guest has set its clock.
    ClockSet {
        /// By how many seconds it is ahead of what it would show otherwise.
        ahead: i64,
    },
    /// The guest has given memory back, or taken it again.
    Ballooned {
        /// Bytes that it has.
        actual: u64,
    },
    /// The guest has opened or closed a port.
    PortOpened {
        /// The ID of the port.
        id: String,
        /// Whether it is open.
        is_open: bool,
    },
    /// The host refused a request of a disk.
    DiskError(DiskError),
    /// Take out what is at a place.
    Eject(Place),
    /// The guest's operating system reports on a place.
    OstReport(Place, OstReport),
    /// The vCPU cannot go on; the text says why.
    InternalError(String),
}

/// An error of a disk, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskError {
    /// The path of the disk.
    pub path: String,
    /// The name of its drive; empty if it has none.
    pub drive: String,
    /// The name of its node.
    pub node: Option<String>,
    /// Whether it was to read; otherwise it was to write or to flush.
    pub is_read: bool,
    /// What becomes of it.
    pub action: DiskErrorAction,
    /// Whether the host's disk is full; nothing where no error stops the machine.
    pub no_space: Option<bool>,
    /// What the host said.
    pub reason: String,
}

/// What becomes of an error of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskErrorAction {
    /// The guest hears of it.
    Report,
    /// Nobody hears of it.
    Ignore,
    /// The machine stops, and the request is tried again when it runs on.
    Stop,
}

/// Hands requests to the machine from other threads than a vCPU's.
#[derive(Clone)]
pub struct Requester(Arc<dyn Fn(GuestRequest) + Send + Sync>);

impl Requester {
    /// One that calls `ask`, which must not block.
    pub fn new(ask: impl Fn(GuestRequest) + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Asks; the machine answers in its own time.
    pub fn ask(&self, request: GuestRequest) {
        (self.0)(request);
    }
}

impl std::fmt::Debug for Requester {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Requester")
    }
}

/// A device on a bus. Offsets are relative to where it was placed.
pub trait Device: Send + Sync + std::fmt::Debug {
    /// Fills `data` with what the guest reads at `offset`.
    fn read(&self, offset: u64, data: &mut [u8]);

    /// Takes what the guest writes at `offset`.
    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest>;

    /// Whether its registers are bytes: a longer access reaches one behind the other, as on ISA.
    fn is_bytewise(&self) -> bool {
        false
    }

    /// Returns to power-on state.
    fn reset(&self) {}

    /// What of it outlives the process; nothing where it has no state.
    fn stateful(self: Arc<Self>) -> Option<Arc<dyn Stateful>> {
        None
    }
}

/// The two address spaces that a vCPU reaches devices through.
#[derive(Debug, Default)]
pub struct Buses {
    /// Port I/O.
    pub pio: Bus,
    /// Memory-mapped I/O.
    pub mmio: Bus,
}

impl Buses {
    /// Returns every device to power-on state.
    pub fn reset(&self) {
        self.pio.reset();
        self.mmio.reset();
    }
}

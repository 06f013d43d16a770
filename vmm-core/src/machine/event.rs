//! What a machine tells those who watch it.

use super::{DumpProgress, OspmStatus, WatchdogAction};
use crate::devices::DiskError;

/// Why a machine was reset or shut down; the names are those of QMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No reason was given.
    None,
    /// An error of the host.
    HostError,
    /// The `quit` command.
    HostQmpQuit,
    /// The `system_reset` command.
    HostQmpSystemReset,
    /// A signal such as SIGTERM.
    HostSignal,
    /// The user interface.
    HostUi,
    /// The guest powered off.
    GuestShutdown,
    /// The guest reset itself, or a CPU met a triple fault.
    GuestReset,
    /// The guest's kernel panicked.
    GuestPanic,
    /// A part of the guest was reset.
    SubsystemReset,
    /// A snapshot is being loaded.
    SnapshotLoad,
}

impl Cause {
    /// The name in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::HostError => "host-error",
            Self::HostQmpQuit => "host-qmp-quit",
            Self::HostQmpSystemReset => "host-qmp-system-reset",
            Self::HostSignal => "host-signal",
            Self::HostUi => "host-ui",
            Self::GuestShutdown => "guest-shutdown",
            Self::GuestReset => "guest-reset",
            Self::GuestPanic => "guest-panic",
            Self::SubsystemReset => "subsystem-reset",
            Self::SnapshotLoad => "snapshot-load",
        }
    }

    /// Whether a reset for this reason is an event; the others are steps of
    /// something larger.
    #[must_use]
    pub fn is_told(self) -> bool {
        !matches!(self, Self::None | Self::SubsystemReset | Self::SnapshotLoad)
    }

    /// Whether the guest is the cause.
    #[must_use]
    pub fn by_guest(self) -> bool {
        matches!(
            self,
            Self::GuestShutdown
                | Self::GuestReset
                | Self::GuestPanic
                | Self::SubsystemReset
                | Self::SnapshotLoad
        )
    }
}

/// What follows a panic of the guest's kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestPanicAction {
    /// The machine stops.
    Pause,
    /// The machine is shut down.
    Poweroff,
    /// The guest runs on.
    Run,
}

impl GuestPanicAction {
    /// The name in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Poweroff => "poweroff",
            Self::Run => "run",
        }
    }
}

/// Something that happened to the machine as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MachineEvent {
    /// The guest stopped running.
    Stop,
    /// The guest runs (on).
    Resume,
    /// The machine was reset.
    Reset {
        /// Whether the guest is the cause.
        guest: bool,
        /// Why.
        reason: Cause,
    },
    /// The machine shuts down.
    Shutdown {
        /// Whether the guest is the cause.
        guest: bool,
        /// Why.
        reason: Cause,
    },
    /// The power button was pressed from outside.
    Powerdown,
    /// The guest's kernel reported a panic.
    GuestPanicked {
        /// What follows.
        action: GuestPanicAction,
    },
    /// The guest's kernel has crashed, and a crash kernel of its own takes over.
    GuestCrashloaded,
    /// The guest asked for a shutdown through the panic port.
    GuestPvShutdown,
    /// The watchdog expired.
    Watchdog {
        /// What follows.
        action: WatchdogAction,
    },
    /// The guest has set its clock.
    RtcChange {
        /// By how many seconds it is ahead of what it would show otherwise.
        offset: i64,
        /// The clock.
        path: String,
    },
    /// The guest has given memory back, or taken it again.
    BalloonChange {
        /// Bytes that it has.
        actual: u64,
    },
    /// The guest has opened or closed a port.
    PortChange {
        /// The ID of the port.
        id: String,
        /// Whether it is open.
        is_open: bool,
    },
    /// The host refused a request of a disk.
    BlockIoError(DiskError),
    /// A dump has ended.
    DumpCompleted {
        /// How far it got.
        progress: DumpProgress,
        /// Why it got no further.
        error: Option<String>,
    },
    /// The guest went to sleep.
    Suspend,
    /// The guest was woken.
    Wakeup,
    /// The guest's operating system reports on a place for CPUs or memory.
    AcpiDeviceOst(OspmStatus),
    /// A device has left the machine.
    DeviceDeleted {
        /// The name that the user gave it.
        device: Option<String>,
        /// Where it was.
        path: String,
    },
    /// The guest has refused to let go of a device.
    DeviceUnplugGuestError {
        /// The name that the user gave it.
        device: Option<String>,
        /// Where it is.
        path: String,
    },
}

impl MachineEvent {
    /// The event's name in QMP.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stop => "STOP",
            Self::Resume => "RESUME",
            Self::Reset { .. } => "RESET",
            Self::Shutdown { .. } => "SHUTDOWN",
            Self::Powerdown => "POWERDOWN",
            Self::GuestPanicked { .. } => "GUEST_PANICKED",
            Self::GuestCrashloaded => "GUEST_CRASHLOADED",
            Self::GuestPvShutdown => "GUEST_PVSHUTDOWN",
            Self::Watchdog { .. } => "WATCHDOG",
            Self::RtcChange { .. } => "RTC_CHANGE",
            Self::BalloonChange { .. } => "BALLOON_CHANGE",
            Self::PortChange { .. } => "VSERPORT_CHANGE",
            Self::BlockIoError(_) => "BLOCK_IO_ERROR",
            Self::DumpCompleted { .. } => "DUMP_COMPLETED",
            Self::Suspend => "SUSPEND",
            Self::Wakeup => "WAKEUP",
            Self::AcpiDeviceOst(_) => "ACPI_DEVICE_OST",
            Self::DeviceDeleted { .. } => "DEVICE_DELETED",
            Self::DeviceUnplugGuestError { .. } => "DEVICE_UNPLUG_GUEST_ERROR",
        }
    }
}

/// Someone who watches a machine. Closures over `&MachineEvent` are observers.
///
/// It is called in the middle of an operation, with the machine locked: it must
/// hand over what it hears and return. Calling the machine from here deadlocks.
pub trait Observer: Send + Sync {
    /// Something happened; calls come in order, one at a time.
    fn event(&self, event: &MachineEvent);

    /// Trouble that has no event, in words for the operator.
    fn diagnostic(&self, text: &str) {
        eprintln!("{text}");
    }
}

impl<F: Fn(&MachineEvent) + Send + Sync> Observer for F {
    fn event(&self, event: &MachineEvent) {
        self(event);
    }
}

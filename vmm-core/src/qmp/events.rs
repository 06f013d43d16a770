//! The machine's events as QMP sends them.

use qmp_runtime::{Event, EventSink};
use qmp_types::qmp::events;
use qmp_types::qmp::types::{
    BlockErrorAction, GuestPanicAction, IoOperationType, ShutdownCause, WatchdogAction,
};

use crate::devices::{DiskError, DiskErrorAction};
use crate::machine::{Cause, MachineEvent, Observer};

/// The events that a machine can send, by their names in the schema.
pub(super) const EMITTED: &[&str] = &[
    events::AcpiDeviceOst::INFO.name,
    events::BalloonChange::INFO.name,
    events::BlockIoError::INFO.name,
    events::DeviceDeleted::INFO.name,
    events::DeviceUnplugGuestError::INFO.name,
    events::DumpCompleted::INFO.name,
    events::GuestCrashloaded::INFO.name,
    events::GuestPanicked::INFO.name,
    events::GuestPvshutdown::INFO.name,
    events::Powerdown::INFO.name,
    events::Reset::INFO.name,
    events::Resume::INFO.name,
    events::RtcChange::INFO.name,
    events::Shutdown::INFO.name,
    events::Stop::INFO.name,
    events::Suspend::INFO.name,
    events::VserportChange::INFO.name,
    events::Wakeup::INFO.name,
    events::Watchdog::INFO.name,
];

/// Passes what a machine reports on to all QMP clients.
#[derive(Debug, Clone)]
pub struct EventBridge(pub EventSink);

impl Observer for EventBridge {
    fn event(&self, event: &MachineEvent) {
        let sink = &self.0;
        match event {
            MachineEvent::Stop => sink.emit(&events::Stop {}),
            MachineEvent::Resume => sink.emit(&events::Resume {}),
            MachineEvent::Reset { guest, reason } => sink.emit(&events::Reset {
                guest: *guest,
                reason: cause(*reason),
            }),
            MachineEvent::Shutdown { guest, reason } => {
                sink.emit(&events::Shutdown {
                    guest: *guest,
                    reason: cause(*reason),
                });
            }
            MachineEvent::Powerdown => sink.emit(&events::Powerdown {}),
            MachineEvent::GuestPanicked { action } => {
                sink.emit(&events::GuestPanicked {
                    action: panic_action(*action),
                    info: None,
                });
            }
            MachineEvent::GuestCrashloaded => sink.emit(&events::GuestCrashloaded {
                action: GuestPanicAction::Run,
                info: None,
            }),
            MachineEvent::GuestPvShutdown => sink.emit(&events::GuestPvshutdown {}),
            MachineEvent::Watchdog { action } => sink.emit(&events::Watchdog {
                action: watchdog_action(*action),
            }),
            MachineEvent::RtcChange { offset, path } => sink.emit(&events::RtcChange {
                offset: *offset,
                qom_path: path.clone(),
            }),
            MachineEvent::BalloonChange { actual } => sink.emit(&events::BalloonChange {
                actual: i64::try_from(*actual).unwrap_or(i64::MAX),
            }),
            MachineEvent::PortChange { id, is_open } => sink.emit(&events::VserportChange {
                id: id.clone(),
                open: *is_open,
            }),
            MachineEvent::BlockIoError(error) => sink.emit(&disk_error(error)),
            MachineEvent::DumpCompleted { progress, error } => {
                sink.emit(&events::DumpCompleted {
                    result: super::dump::result(*progress),
                    error: error.clone(),
                });
            }
            MachineEvent::Suspend => sink.emit(&events::Suspend {}),
            MachineEvent::Wakeup => sink.emit(&events::Wakeup {}),
            MachineEvent::AcpiDeviceOst(status) => sink.emit(&events::AcpiDeviceOst {
                info: super::acpi::ospm_status(status),
            }),
            MachineEvent::DeviceDeleted { device, path } => sink.emit(&events::DeviceDeleted {
                device: device.clone(),
                path: path.clone(),
            }),
            MachineEvent::DeviceUnplugGuestError { device, path } => {
                sink.emit(&events::DeviceUnplugGuestError {
                    device: device.clone(),
                    path: path.clone(),
                });
            }
        }
    }

    fn diagnostic(&self, text: &str) {
        crate::report(text);
    }
}

fn cause(cause: Cause) -> ShutdownCause {
    match cause {
        Cause::None => ShutdownCause::None,
        Cause::HostError => ShutdownCause::HostError,
        Cause::HostQmpQuit => ShutdownCause::HostQmpQuit,
        Cause::HostQmpSystemReset => ShutdownCause::HostQmpSystemReset,
        Cause::HostSignal => ShutdownCause::HostSignal,
        Cause::HostUi => ShutdownCause::HostUi,
        Cause::GuestShutdown => ShutdownCause::GuestShutdown,
        Cause::GuestReset => ShutdownCause::GuestReset,
        Cause::GuestPanic => ShutdownCause::GuestPanic,
        Cause::SubsystemReset => ShutdownCause::SubsystemReset,
        Cause::SnapshotLoad => ShutdownCause::SnapshotLoad,
    }
}

fn panic_action(action: crate::machine::GuestPanicAction) -> GuestPanicAction {
    use crate::machine::GuestPanicAction as Action;
    match action {
        Action::Pause => GuestPanicAction::Pause,
        Action::Poweroff => GuestPanicAction::Poweroff,
        Action::Run => GuestPanicAction::Run,
    }
}

fn watchdog_action(action: crate::machine::WatchdogAction) -> WatchdogAction {
    use crate::machine::WatchdogAction as Action;
    match action {
        Action::Reset => WatchdogAction::Reset,
        Action::Shutdown => WatchdogAction::Shutdown,
        Action::Poweroff => WatchdogAction::Poweroff,
        Action::Pause => WatchdogAction::Pause,
        Action::Debug => WatchdogAction::Debug,
        Action::None => WatchdogAction::None,
        Action::InjectNmi => WatchdogAction::InjectNmi,
    }
}

fn disk_error(error: &DiskError) -> events::BlockIoError {
    events::BlockIoError {
        qom_path: error.path.clone(),
        device: error.drive.clone(),
        node_name: error.node.clone(),
        operation: match error.is_read {
            true => IoOperationType::Read,
            false => IoOperationType::Write,
        },
        action: match error.action {
            DiskErrorAction::Report => BlockErrorAction::Report,
            DiskErrorAction::Ignore => BlockErrorAction::Ignore,
            DiskErrorAction::Stop => BlockErrorAction::Stop,
        },
        nospace: error.no_space,
        reason: error.reason.clone(),
    }
}

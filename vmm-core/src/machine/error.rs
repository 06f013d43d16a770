//! Why an operation on a machine fails.

use std::path::PathBuf;

use super::{DirtyRateBusy, DumpError, RamError, RunState, StateError};
use crate::accel::AccelError;
use crate::boot::BootError;
use crate::char::CharError;
use crate::devices::BusError;
use crate::qom::QomError;
use crate::sandbox::SandboxError;

/// The text of each is fit for a user: it says what and, where there is one,
/// the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The accelerator.
    #[error(transparent)]
    Accel(#[from] AccelError),
    /// Loading the guest.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// Guest memory.
    #[error(transparent)]
    Ram(#[from] RamError),
    /// A dump.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// A measurement of how fast memory is written to.
    #[error(transparent)]
    DirtyRate(#[from] DirtyRateBusy),
    /// The state of devices.
    #[error(transparent)]
    State(#[from] StateError),
    /// A character device.
    #[error(transparent)]
    Char(#[from] CharError),
    /// Placing a device.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// An object or a device.
    #[error(transparent)]
    Object(#[from] QomError),
    /// A device or an object of the configuration cannot be made.
    #[error("{what}: {error}{}", hint(error))]
    Create {
        /// Which of them.
        asked: Asked,
        /// What messages call it.
        what: String,
        /// The cause.
        error: QomError,
    },
    /// A thread cannot be confined.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// An image file cannot be read.
    #[error("could not load '{path}': {error}; check the path given with -kernel or -initrd")]
    Image {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
    /// A configuration that makes no machine.
    #[error("{0}")]
    Config(String),
    /// The host refused a thread or a descriptor.
    #[error("the host cannot provide {what}: {error}")]
    Host {
        /// What was asked for.
        what: &'static str,
        /// The cause.
        error: std::io::Error,
    },
    /// The guest cannot run on before a reset.
    #[error("Resetting the Virtual Machine is required")]
    NeedsReset,
    /// Input goes to a guest that runs.
    #[error("VM not running")]
    NotRunning,
    /// The guest has nothing that takes this input.
    #[error(transparent)]
    Input(#[from] crate::devices::NoHandler),
    /// No device shows a picture.
    #[error("There is no console to take a screendump from")]
    NoConsole,
    /// The device shows no picture.
    #[error("Device {device} (head {head}) is not bound to a QemuConsole")]
    NotConsole {
        /// Its ID.
        device: String,
        /// Which of its pictures was asked for.
        head: i64,
    },
    /// Nothing takes memory from the guest.
    #[error("No balloon device has been activated")]
    NoBalloon,
    /// Only a suspended guest can be woken.
    #[error("Unable to wake up: guest is not in suspended state")]
    NotSuspended,
    /// A machine without a board never sleeps.
    #[error("wake-up from suspend is not supported by this guest")]
    NeverSuspended,
    /// A machine without a board has no CPU to interrupt.
    #[error("machine does not provide NMIs")]
    NoNmi,
    /// The operation belongs to a machine that is configured already.
    #[error("The command is permitted only after machine initialization has completed")]
    Preconfig,
    /// The operation belongs to a machine that is not yet configured.
    #[error("The command is permitted only before machine initialization")]
    NotPreconfig,
    /// The machine has ended.
    #[error("the machine has been shut down")]
    Finished,
    /// The run state does not allow it.
    #[error("invalid runstate transition: '{}' -> '{}'", from.as_str(), to.as_str())]
    Transition {
        /// The state.
        from: RunState,
        /// The state asked for.
        to: RunState,
    },
    /// There is no such CPU.
    #[error("no CPU with index {0}")]
    NoCpu(u32),
    /// A guest address range is not all memory.
    #[error("Invalid addr 0x{address:016x}/size {size} specified")]
    BadAddress {
        /// The first address.
        address: u64,
        /// Number of bytes.
        size: u64,
    },
    /// What was read from the guest cannot be put where it belongs.
    #[error("writing memory to file failed: {0}")]
    Output(std::io::Error),
}

/// A further line of an error, for users at a terminal.
/// What a configuration asks for, by its place among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// One of [`devices`](super::MachineConfig::devices).
    Device(usize),
    /// One of [`nodes`](super::MachineConfig::nodes).
    Node(usize),
    /// One of [`drives`](super::MachineConfig::drives).
    Drive(usize),
    /// An object.
    Object,
}

fn hint(error: &QomError) -> String {
    let hint = match error {
        QomError::Block(error) => error.hint(),
        _ => None,
    };
    hint.map(|hint| format!("\n{hint}")).unwrap_or_default()
}

//! What a machine is made from: plain data.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::{Global, Topology};
use crate::accel::AccelKind;
use crate::backends::MemoryDefaults;
use crate::block::{DriveConfig, NodeConfig};
use crate::cpu::CpuConfig;
use crate::devices::RtcConfig;
use crate::qom::Spec;

/// A name that is none of an option's values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' is no {what}: use one of {valid}")]
pub struct UnknownName {
    what: &'static str,
    value: String,
    valid: String,
}

/// An enum whose values have names on the command line and in QMP.
macro_rules! named {
    ($(#[$attr:meta])* $type:ident ($what:literal) {
        $($(#[$value_attr:meta])* $value:ident = $name:literal,)*
    }) => {
        $(#[$attr])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum $type {
            $($(#[$value_attr])* $value,)*
        }

        impl $type {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value),*];

            /// The value's name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)*
                }
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                let found = Self::ALL.iter().find(|value| value.as_str() == name);
                found.copied().ok_or_else(|| UnknownName {
                    what: $what,
                    value: name.to_owned(),
                    valid: Self::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

named! {
    /// The kind of board.
    MachineKind ("machine type") {
        /// No board: no devices, and no CPUs unless asked for.
        #[default]
        None = "none",
        /// A small PC: serial ports, clock, power management, panic port.
        QMin = "q-min",
    }
}

impl MachineKind {
    /// Another name for it: QEMU's for a board that this one stands in for.
    #[must_use]
    pub fn alias(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::QMin => Some("microvm"),
        }
    }

    /// The name of the object that is its memory, if the user names none.
    #[must_use]
    pub fn memory_id(self) -> &'static str {
        match self {
            Self::None => "ram",
            Self::QMin => "microvm.ram",
        }
    }

    /// The most CPUs that it can have. On a board, each has an APIC ID of one
    /// byte, of which the last means all of them.
    #[must_use]
    pub fn max_cpus(self) -> u32 {
        match self {
            Self::None => 1,
            Self::QMin => 255,
        }
    }
}

named! {
    /// What a reset does.
    RebootAction ("reboot action") {
        /// Resets the machine.
        #[default]
        Reset = "reset",
        /// Counts as a shutdown.
        Shutdown = "shutdown",
    }
}

named! {
    /// What a shutdown does.
    ShutdownAction ("shutdown action") {
        /// Ends the machine.
        #[default]
        Poweroff = "poweroff",
        /// Stops it in state `shutdown`.
        Pause = "pause",
    }
}

named! {
    /// What a panic of the guest's kernel does.
    PanicAction ("panic action") {
        /// Stops the machine in state `guest-panicked`.
        Pause = "pause",
        /// Stops it and shuts it down.
        #[default]
        Shutdown = "shutdown",
        /// Shuts it down with an exit code of 1.
        ExitFailure = "exit-failure",
        /// Reports it only.
        None = "none",
    }
}

named! {
    /// What an expired watchdog does.
    WatchdogAction ("watchdog action") {
        /// Resets the machine.
        #[default]
        Reset = "reset",
        /// Asks the guest to shut down.
        Shutdown = "shutdown",
        /// Ends the machine.
        Poweroff = "poweroff",
        /// Stops the machine in state `watchdog`.
        Pause = "pause",
        /// Reports it only, for debugging.
        Debug = "debug",
        /// Nothing.
        None = "none",
        /// Injects an NMI.
        InjectNmi = "inject-nmi",
    }
}

/// What follows when the guest ends in one way or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Actions {
    /// On a reset.
    pub reboot: RebootAction,
    /// On a shutdown.
    pub shutdown: ShutdownAction,
    /// On a panic.
    pub panic: PanicAction,
    /// On an expired watchdog.
    pub watchdog: WatchdogAction,
}

/// The bytes of a kernel or an initial RAM disk.
#[derive(Clone, PartialEq, Eq)]
pub enum Image {
    /// Read from a file when the machine is made.
    File(PathBuf),
    /// In memory already.
    Bytes(Arc<[u8]>),
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
        }
    }
}

/// What the board starts; see [`boot`](crate::boot) for the formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootConfig {
    /// The kernel, or any other program.
    pub kernel: Image,
    /// Its command line.
    pub cmdline: String,
    /// Its initial RAM disk.
    pub initrd: Option<Image>,
}

impl BootConfig {
    /// A kernel without command line and RAM disk.
    #[must_use]
    pub fn new(kernel: Image) -> Self {
        Self {
            kernel,
            cmdline: String::new(),
            initrd: None,
        }
    }
}

/// A whole machine. The default is no board, no CPU, no memory, no accelerator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachineConfig {
    /// The kind of board.
    pub kind: MachineKind,
    /// What runs guest code.
    pub accel: AccelKind,
    /// Memory in bytes; rounded up to whole pages.
    pub ram_size: u64,
    /// The object that is the memory; without one it is made. Its size is
    /// `ram_size`, which may be 0 for what the object says.
    pub memory_backend: Option<String>,
    /// The file, or the directory for a file, that memory is in which is made.
    pub mem_path: Option<PathBuf>,
    /// Whether the host provides all of such memory at once.
    pub mem_prealloc: bool,
    /// CPUs at power-on.
    pub cpus: u32,
    /// CPUs that the machine may have; 0 for as many as at power-on.
    pub max_cpus: u32,
    /// How the CPUs are grouped; `None` for one socket with as many cores as
    /// the machine may have CPUs.
    pub topology: Option<Topology>,
    /// What CPUID tells the guest.
    pub cpu_model: CpuConfig,
    /// Slots for memory that is plugged in later.
    pub memory_slots: u32,
    /// Memory in bytes that the machine may have, with what is plugged in later.
    pub max_ram_size: u64,
    /// Whether the guest is given no ACPI tables, and nothing that it can only learn of by them.
    pub no_acpi: bool,
    /// What the host is told of memory whose back end does not say otherwise.
    pub memory_defaults: MemoryDefaults,
    /// Whether the guest is told of virtio devices on its command line, not by
    /// ACPI tables.
    pub virtio_on_cmdline: bool,
    /// What the board starts; without it CPUs stay idle, as there is no firmware.
    pub boot: Option<BootConfig>,
    /// Labels of the character devices behind the serial ports (at most two).
    pub serial: Vec<String>,
    /// Whether [`start`](crate::machine::Machine::start) leaves the guest stopped.
    pub paused: bool,
    /// Whether to wait for [`exit_preconfig`](crate::machine::Machine::exit_preconfig).
    pub preconfig: bool,
    /// What follows when the guest ends.
    pub actions: Actions,
    /// How the guest's clock is set up.
    pub rtc: RtcConfig,
    /// Back ends and other helpers, made in this order before the board.
    pub objects: Vec<Spec>,
    /// Disk images, made in this order before the devices.
    pub nodes: Vec<NodeConfig>,
    /// Drives to disk images of their own, made after those.
    pub drives: Vec<DriveConfig>,
    /// Devices beside those that the board has, made in this order.
    pub devices: Vec<Spec>,
    /// What devices are to have unless they are told otherwise.
    pub globals: Vec<Global>,
    /// Whether the threads that run the guest give up what they do not need
    /// (see [`sandbox`](crate::sandbox)).
    pub confined: bool,
}

impl MachineConfig {
    /// How the CPUs are grouped.
    #[must_use]
    pub fn cpu_topology(&self) -> Topology {
        self.topology
            .unwrap_or_else(|| Topology::flat(self.max_cpus.max(self.cpus)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in MachineKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        for action in WatchdogAction::ALL {
            assert_eq!(action.as_str().parse(), Ok(*action));
        }
        let error = "halt".parse::<PanicAction>().unwrap_err();
        let text = "'halt' is no panic action: use one of pause, shutdown, exit-failure, none";
        assert_eq!(error.to_string(), text);
    }
}

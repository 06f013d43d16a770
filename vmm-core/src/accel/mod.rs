//! What executes guest code: KVM, or nothing at all.
//!
//! With [`AccelKind::None`] vCPU threads exist, park and answer questions but
//! run no guest instruction; everything else of the machine works. That is
//! what a board without a kernel gets, too.

pub mod kvm;
mod registers;

use std::str::FromStr;
use std::sync::Arc;

use crate::devices::{Buses, GuestRequest};
use crate::state::Invalid;

pub use registers::{Float, Registers, Segment};

/// The accelerator of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccelKind {
    /// No guest code runs.
    #[default]
    None,
    /// The host's KVM.
    Kvm,
}

impl AccelKind {
    /// The name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Kvm => "kvm",
        }
    }
}

impl FromStr for AccelKind {
    type Err = AccelError;

    fn from_str(name: &str) -> Result<Self, AccelError> {
        match name {
            "none" => Ok(Self::None),
            "kvm" => Ok(Self::Kvm),
            _ => Err(AccelError::UnknownKind(name.to_owned())),
        }
    }
}

/// Why an accelerator cannot be used or has failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccelError {
    /// There is no accelerator of this name.
    #[error("invalid accelerator {0}; use kvm or none")]
    UnknownKind(String),
    /// The device node is missing.
    #[error("no /dev/kvm: load the kvm module or use -accel none")]
    NoDevice,
    /// The device node is there but not for this user.
    #[error("no permission to open /dev/kvm: add yourself to group kvm or use -accel none")]
    Permission,
    /// The device node cannot be opened for another reason.
    #[error("cannot open /dev/kvm: {0}")]
    Open(std::io::Error),
    /// The kernel speaks another version of the KVM interface.
    #[error(
        "this kernel's KVM speaks API version {found}, version 12 is needed: update the kernel"
    )]
    ApiVersion {
        /// What the kernel answered.
        found: i32,
    },
    /// The kernel's KVM lacks something that the machine needs.
    #[error("this kernel's KVM lacks {0}: update the kernel or use -accel none")]
    MissingCapability(&'static str),
    /// More vCPUs than KVM allows.
    #[error("{asked} CPUs asked for, KVM allows {max}")]
    TooManyCpus {
        /// The configured number.
        asked: u32,
        /// The host's limit.
        max: usize,
    },
    /// A model-specific register does not take what it should go on with.
    #[error("KVM cannot write {value:#x} to MSR {index:#x}")]
    Msr {
        /// Its number.
        index: u32,
        /// The value.
        value: u64,
    },
    /// A KVM call failed.
    #[error("KVM cannot {what}: {error}")]
    Call {
        /// What was tried.
        what: &'static str,
        /// The kernel's answer.
        error: std::io::Error,
    },
}

impl AccelError {
    pub(crate) fn call(what: &'static str) -> impl FnOnce(kvm_ioctls::Error) -> Self {
        move |error| Self::Call {
            what,
            error: std::io::Error::from_raw_os_error(error.errno()),
        }
    }
}

/// Why a vCPU came back from running guest code.
#[derive(Debug)]
pub(crate) enum Exit {
    /// Someone kicked the thread: look at the mailbox.
    Kicked,
    /// The guest, or the state that it is in, asks for an action on the whole
    /// machine; the vCPU must not run on before that is done.
    Request(GuestRequest),
}

/// One virtual CPU, used by its own thread only.
pub(crate) trait Core: Send + std::fmt::Debug {
    /// Called once on the vCPU thread before anything else.
    fn attach(&mut self);
    /// Called last on the vCPU thread: another may attach after that, to a CPU
    /// that waits to be started.
    fn detach(&mut self) {}
    /// The address of the next instruction.
    fn program_counter(&self) -> Result<u64, AccelError> {
        Ok(0)
    }
    /// What the registers hold.
    fn registers(&self) -> Result<Registers, AccelError> {
        Ok(Registers::at_reset())
    }
    /// Whether [`run`](Self::run) does anything.
    fn executes(&self) -> bool;
    /// Forgets kicks that came so far; one that comes later ends the next
    /// [`run`](Self::run) at once.
    fn arm(&mut self);
    /// Runs guest code until a kick or a request.
    fn run(&mut self, buses: &Buses) -> Exit;
    /// Completes a half-done port or memory access, so that registers can be
    /// looked at.
    fn settle(&mut self);
    /// Makes a non-maskable interrupt pending.
    fn nmi(&mut self) -> Result<(), AccelError>;
    /// Guest-physical address of a virtual one, if it is mapped.
    fn translate(&self, address: u64) -> Result<Option<u64>, AccelError>;
    /// Whether the CPU waits for an interrupt or has not been started.
    fn halted(&self) -> bool;
    /// All that there is to know of the CPU; nothing where it runs nothing.
    fn save(&mut self) -> Result<Option<kvm::CpuState>, AccelError> {
        Ok(None)
    }
    /// Whether a CPU can go on from `state`.
    fn check(&self, _state: &kvm::CpuState) -> Result<(), Invalid> {
        Err(Invalid::new("a CPU that runs nothing has no state"))
    }
    /// Goes on from a state that was checked.
    fn load(&mut self, _state: &kvm::CpuState) -> Result<(), AccelError> {
        Ok(())
    }
}

/// A CPU that runs nothing.
#[derive(Debug)]
pub(crate) struct IdleCore;

impl Core for IdleCore {
    fn attach(&mut self) {}

    fn executes(&self) -> bool {
        false
    }

    fn arm(&mut self) {}

    fn run(&mut self, _buses: &Buses) -> Exit {
        Exit::Kicked
    }

    fn settle(&mut self) {}

    fn nmi(&mut self) -> Result<(), AccelError> {
        Ok(())
    }

    fn translate(&self, address: u64) -> Result<Option<u64>, AccelError> {
        Ok(Some(address)) // a CPU without paging
    }

    fn halted(&self) -> bool {
        true
    }
}

/// An interrupt line of the board: edge triggered, from any thread.
#[derive(Debug, Clone)]
pub struct IrqLine {
    event: Arc<vmm_sys_util::eventfd::EventFd>,
    number: u32,
}

impl IrqLine {
    /// A line with the board's interrupt `number`: an input of the I/O APIC, and
    /// below 16 one of the two 8259s as on a PC.
    ///
    /// # Errors
    /// The host is out of file descriptors.
    pub fn new(number: u32) -> std::io::Result<Self> {
        let event = vmm_sys_util::eventfd::EventFd::new(vmm_sys_util::eventfd::EFD_NONBLOCK)?;
        Ok(Self {
            event: Arc::new(event),
            number,
        })
    }

    /// Raises and lowers the line.
    pub fn pulse(&self) {
        // The only failure is a counter at its limit: then a pulse is pending already.
        let _ = self.event.write(1);
    }

    pub(crate) fn event(&self) -> &vmm_sys_util::eventfd::EventFd {
        &self.event
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}

/// A register that a guest writes a value to in order to have something done,
/// and what hears of it: with KVM, no vCPU waits.
#[derive(Debug, Clone)]
pub(crate) struct Doorbell {
    pub(crate) event: Arc<vmm_sys_util::eventfd::EventFd>,
    /// The address of the register, which has 32 bits.
    pub(crate) address: u64,
    pub(crate) value: u32,
}

impl vm_superio::Trigger for IrqLine {
    type E = std::convert::Infallible;

    fn trigger(&self) -> Result<(), Self::E> {
        self.pulse();
        Ok(())
    }
}

//! KVM as the host has it: the same for all virtual machines of the process.

use std::io::ErrorKind;
use std::sync::OnceLock;

use kvm_bindings::{CpuId, KVM_MAX_CPUID_ENTRIES};
use kvm_ioctls::{Cap, Kvm};

use super::super::AccelError;
use super::power_on;
use crate::cpu::Leaf;

/// The interface version that every kernel since 2.6.22 speaks.
const API_VERSION: i32 = 12;

/// The device, open, and what it has said.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) kvm: Kvm,
    /// Making this table takes the kernel longer than making a virtual machine.
    pub(super) cpuid: CpuId,
}

impl Host {
    /// Opens the device the first time; one that is missing is looked for anew each time.
    pub(super) fn get() -> Result<&'static Self, AccelError> {
        static HOST: OnceLock<Host> = OnceLock::new();
        if let Some(host) = HOST.get() {
            return Ok(host);
        }
        let kvm = open()?;
        let cpuid = kvm
            .get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)
            .map_err(AccelError::call("tell which CPU features it supports"))?;
        Ok(HOST.get_or_init(|| Self { kvm, cpuid }))
    }
}

/// Whether this process can use KVM.
///
/// # Errors
/// The cause with its remedy, as [`AccelError`] prints it.
pub fn probe() -> Result<(), AccelError> {
    open().map(drop)
}

/// What CPUID can tell a guest on this host.
///
/// # Errors
/// KVM cannot be used.
pub fn host_leaves() -> Result<Vec<Leaf>, AccelError> {
    let table = Host::get()?.cpuid.as_slice();
    Ok(table.iter().map(power_on::leaf).collect())
}

fn open() -> Result<Kvm, AccelError> {
    let kvm = Kvm::new().map_err(|error| {
        let error = std::io::Error::from_raw_os_error(error.errno());
        match error.kind() {
            ErrorKind::NotFound => AccelError::NoDevice,
            ErrorKind::PermissionDenied => AccelError::Permission,
            // the node is there and no driver behind it
            _ if matches!(error.raw_os_error(), Some(6 | 19)) => AccelError::NoDevice,
            _ => AccelError::Open(error),
        }
    })?;
    let found = kvm.get_api_version();
    if found != API_VERSION {
        return Err(AccelError::ApiVersion { found });
    }
    for (cap, name) in [
        (Cap::Irqchip, "an interrupt controller (KVM_CAP_IRQCHIP)"),
        (Cap::Irqfd, "irqfd (KVM_CAP_IRQFD)"),
        (Cap::Pit2, "a timer (KVM_CAP_PIT2)"),
        (
            Cap::ImmediateExit,
            "immediate exits (KVM_CAP_IMMEDIATE_EXIT)",
        ),
        (Cap::UserMemory, "user memory regions (KVM_CAP_USER_MEMORY)"),
        (Cap::ExtCpuid, "CPUID tables (KVM_CAP_EXT_CPUID)"),
    ] {
        if !kvm.check_extension(cap) {
            return Err(AccelError::MissingCapability(name));
        }
    }
    Ok(kvm)
}

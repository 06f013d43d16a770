//! A virtual machine in the host's KVM, with the in-kernel interrupt
//! controllers and timer.
//!
//! A VM is never reset: power-on state is that of a new one, so a reset
//! of the machine makes a new one over the same memory and lines. That costs
//! about a millisecond and leaves nothing behind in the kernel by construction.
//! The lines outlive a VM, so it gives them back before its successor is made.

mod power_on;
#[allow(
    unsafe_code,
    reason = "guest memory and kick signals have no safe interface"
)]
mod sys;
mod vcpu;

use std::io::ErrorKind;

use kvm_bindings::{
    KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, KVM_MAX_CPUID_ENTRIES, KVM_PIT_SPEAKER_DUMMY,
    kvm_irqchip, kvm_pit_config,
};
use kvm_ioctls::{Cap, Kvm, VmFd};

use super::{AccelError, IrqLine};
use crate::machine::{DeviceMemory, GuestRam};
pub(crate) use sys::{accept_kicks, kick};
pub(crate) use vcpu::KvmCore;

/// KVM's task state segment (three pages below the BIOS area) and its identity
/// page, which VMX needs somewhere that no guest RAM is.
const TSS_ADDRESS: usize = 0xfffb_d000;
const IDENTITY_MAP_ADDRESS: u64 = 0xfffb_c000;

/// The interface version that every kernel since 2.6.22 speaks.
const API_VERSION: i32 = 12;

/// Whether this process can use KVM.
///
/// # Errors
/// The cause with its remedy, as [`AccelError`] prints it.
pub fn probe() -> Result<(), AccelError> {
    open().map(drop)
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

/// A virtual machine and its interrupt lines; its vCPUs are handed out once.
#[derive(Debug)]
pub(crate) struct KvmVm {
    vm: VmFd,
    lines: Vec<IrqLine>,
    /// KVM maps this memory: it must live as long as the VM.
    _ram: GuestRam,
    _device_memory: Vec<DeviceMemory>,
}

impl KvmVm {
    /// A machine in power-on state with `cpus` vCPUs; the first starts at
    /// `entry` (none: it is left where the architecture starts it).
    pub(crate) fn new(
        ram: &GuestRam,
        device_memory: Vec<DeviceMemory>,
        lines: &[IrqLine],
        cpus: u32,
        entry: Option<crate::boot::Entry>,
    ) -> Result<(Self, Vec<KvmCore>), AccelError> {
        let kvm = open()?;
        let max = kvm.get_max_vcpus();
        if cpus as usize > max {
            return Err(AccelError::TooManyCpus { asked: cpus, max });
        }
        let vm = kvm
            .create_vm()
            .map_err(AccelError::call("create a virtual machine"))?;
        // Memory first: once there are interrupt controllers, KVM waits several
        // milliseconds for readers of its memory map before it changes it.
        let mut slots = 0..;
        let all = ram.mmap().into_iter();
        for mmap in all.chain(device_memory.iter().map(DeviceMemory::mmap)) {
            sys::register_memory(&vm, &mut slots, mmap)
                .map_err(AccelError::call("map the guest's memory"))?;
        }
        vm.set_tss_address(TSS_ADDRESS)
            .map_err(AccelError::call("place the TSS"))?;
        vm.set_identity_map_address(IDENTITY_MAP_ADDRESS)
            .map_err(AccelError::call("place the identity map"))?;
        vm.create_irq_chip()
            .map_err(AccelError::call("create the interrupt controllers"))?;
        mask_pics(&vm)?;
        let pit = kvm_pit_config {
            flags: KVM_PIT_SPEAKER_DUMMY,
            ..Default::default()
        };
        vm.create_pit2(pit)
            .map_err(AccelError::call("create the timer"))?;
        let cpuid = kvm
            .get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)
            .map_err(AccelError::call("tell which CPU features it supports"))?;
        let mut cores = Vec::new();
        for index in 0..cpus {
            let fd = vm
                .create_vcpu(u64::from(index))
                .map_err(AccelError::call("create a vCPU"))?;
            power_on::apply(&fd, &cpuid, index, cpus, entry.filter(|_| index == 0))?;
            cores.push(KvmCore::new(fd, entry.is_some()));
        }
        let vm = Self {
            vm,
            lines: lines.to_vec(),
            _ram: ram.clone(),
            _device_memory: device_memory,
        };
        for line in lines {
            vm.vm
                .register_irqfd(line.event(), line.number())
                .map_err(AccelError::call("connect an interrupt line"))?;
        }
        Ok((vm, cores))
    }
}

impl KvmVm {
    /// Ends the VM, whose vCPUs are gone, without waiting for the kernel to take
    /// it apart (some 20 ms); its lines are free on return.
    pub(crate) fn retire(mut self) {
        self.release_lines();
        // Without a thread to spare the wait is the caller's.
        let _ = std::thread::Builder::new()
            .name("kvm-teardown".to_owned())
            .spawn(|| drop(self));
    }

    fn release_lines(&mut self) {
        for line in self.lines.drain(..) {
            let _ = self.vm.unregister_irqfd(line.event(), line.number());
        }
    }
}

/// Makes the kick signal harmless for threads that run no guest; once per
/// process, before the first [`kick`].
pub(crate) fn install_kick_handler() -> Result<(), AccelError> {
    sys::install_kick_handler().map_err(AccelError::call("use its kick signal"))
}

impl Drop for KvmVm {
    fn drop(&mut self) {
        self.release_lines();
    }
}

/// Masks all inputs of both 8259s, as firmware does before it starts a kernel:
/// with a timer running since creation, an unmasked one is asserted for ever,
/// which slows emulating hosts tenfold.
fn mask_pics(vm: &VmFd) -> Result<(), AccelError> {
    for chip_id in [KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE] {
        let mut chip = kvm_irqchip {
            chip_id,
            ..Default::default()
        };
        vm.get_irqchip(&mut chip)
            .map_err(AccelError::call("read an interrupt controller"))?;
        sys::mask_pic(&mut chip);
        vm.set_irqchip(&chip)
            .map_err(AccelError::call("write an interrupt controller"))?;
    }
    Ok(())
}

//! A virtual machine in the host's KVM, with the in-kernel interrupt
//! controllers and timer.
//!
//! A VM is never reset: power-on state is that of a new one, so a reset
//! of the machine makes a new one over the same memory and lines. That costs
//! about a millisecond and leaves nothing behind in the kernel by construction.
//! The lines outlive a VM, so it gives them back before its successor is made.

mod host;
mod log;
mod power_on;
mod state;
#[allow(
    unsafe_code,
    reason = "guest memory and kick signals have no safe interface"
)]
mod sys;
mod vcpu;

use std::collections::BTreeMap;
use std::sync::Arc;

use kvm_bindings::{
    KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, KVM_PIT_SPEAKER_DUMMY, kvm_irqchip,
    kvm_pit_config,
};
use kvm_ioctls::{Cap, IoEventAddress, NoDatamatch, VmFd};

use vm_memory::{GuestMemoryRegion, GuestRegionMmap};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

use super::{AccelError, Doorbell, IrqLine};
use crate::cpu::CpuConfig;
use crate::machine::Topology;
use host::Host;
pub use host::{host_leaves, probe};
pub(crate) use log::LogUser;
use log::{Bitmap, Log};
pub(crate) use state::{CpuState, VmState};
pub(crate) use sys::{accept_kicks, kick};
use vcpu::CpuFacts;
pub(crate) use vcpu::KvmCore;

pub(crate) type Regs = kvm_bindings::kvm_regs;
pub(crate) type Sregs = kvm_bindings::kvm_sregs;

/// KVM's task state segment (three pages below the BIOS area) and its identity
/// page, which VMX needs somewhere that no guest RAM is.
const TSS_ADDRESS: usize = 0xfffb_d000;
const IDENTITY_MAP_ADDRESS: u64 = 0xfffb_c000;

/// What a VM is made from.
#[derive(Debug)]
pub(crate) struct VmParts<'a> {
    pub(crate) memory: &'a [Arc<GuestRegionMmap<()>>],
    pub(crate) lines: &'a [IrqLine],
    pub(crate) doorbells: &'a [Doorbell],
    /// Ports that nobody listens to: writes to them need not leave the kernel.
    pub(crate) deaf_ports: &'a [u16],
    /// The CPUs that are there, by index.
    pub(crate) cpus: &'a [u32],
    pub(crate) topology: Topology,
    pub(crate) model: CpuConfig,
    /// Where the first CPU starts; without it CPUs are left where the
    /// architecture starts them, and run nothing.
    pub(crate) entry: Option<crate::boot::Entry>,
}

/// A virtual machine and its interrupt lines; its vCPUs are handed out once.
#[derive(Debug)]
pub(crate) struct KvmVm {
    vm: VmFd,
    lines: Vec<IrqLine>,
    /// KVM maps this memory: it must live as long as the VM.
    memory: BTreeMap<u32, Arc<GuestRegionMmap<()>>>,
    log: Log,
    maker: CoreMaker,
}

/// What all vCPUs of a VM have in common.
#[derive(Debug)]
struct CoreMaker {
    host: &'static Host,
    /// The MSRs that vCPUs may have.
    msrs: Arc<[u32]>,
    /// Bytes of their extended state.
    xsave: usize,
    topology: Topology,
    model: CpuConfig,
    executes: bool,
}

impl KvmVm {
    /// A machine in power-on state, with its CPUs by index.
    pub(crate) fn new(parts: &VmParts<'_>) -> Result<(Self, Vec<(u32, KvmCore)>), AccelError> {
        let host = Host::get()?;
        let (asked, max) = (parts.cpus.len(), host.kvm.get_max_vcpus());
        if asked > max {
            let asked = u32::try_from(asked).unwrap_or(u32::MAX);
            return Err(AccelError::TooManyCpus { asked, max });
        }
        let vm = (host.kvm.create_vm()).map_err(AccelError::call("create a virtual machine"))?;
        let msrs = (host.kvm.get_msr_index_list())
            .map_err(AccelError::call("tell which MSRs there are"))?;
        let xsave = usize::try_from(vm.check_extension_int(Cap::Xsave2)).unwrap_or_default();
        let xsave = xsave.max(sys::XSAVE);
        let mut vm = Self {
            vm,
            lines: Vec::new(),
            memory: BTreeMap::new(),
            log: Log::default(),
            maker: CoreMaker {
                host,
                msrs: msrs.as_slice().into(),
                xsave,
                topology: parts.topology,
                model: parts.model.clone(),
                executes: parts.entry.is_some(),
            },
        };
        // Memory first: once there are interrupt controllers, KVM waits several
        // milliseconds for readers of its memory map before it changes it.
        for region in parts.memory {
            vm.map(region)?;
        }
        for &port in parts.deaf_ports {
            vm.keep_writes(port)?;
        }
        vm.create_board()?;
        let mut cores = Vec::new();
        for &index in parts.cpus {
            let entry = parts.entry.filter(|_| index == 0);
            cores.push((index, vm.create_core(index, entry)?));
        }
        for line in parts.lines {
            vm.vm
                .register_irqfd(line.event(), line.number())
                .map_err(AccelError::call("connect an interrupt line"))?;
            vm.lines.push(line.clone());
        }
        for bell in parts.doorbells {
            let address = IoEventAddress::Mmio(bell.address);
            vm.vm
                .register_ioevent(&bell.event, &address, bell.value)
                .map_err(AccelError::call("connect a doorbell"))?;
        }
        Ok((vm, cores))
    }

    /// Has the kernel drop what the guest writes to a port: it goes to a counter that nobody reads.
    fn keep_writes(&self, port: u16) -> Result<(), AccelError> {
        let failed = AccelError::call("keep writes to a port");
        let counter = EventFd::new(EFD_NONBLOCK).map_err(|error| AccelError::Call {
            what: "make a counter for a port",
            error,
        })?;
        let address = IoEventAddress::Pio(port.into());
        // the kernel keeps the counter
        (self.vm)
            .register_ioevent(&counter, &address, NoDatamatch)
            .map_err(failed)
    }

    /// Interrupt controllers, timer, and the pages that VMX needs.
    fn create_board(&self) -> Result<(), AccelError> {
        let vm = &self.vm;
        vm.set_tss_address(TSS_ADDRESS)
            .map_err(AccelError::call("place the TSS"))?;
        vm.set_identity_map_address(IDENTITY_MAP_ADDRESS)
            .map_err(AccelError::call("place the identity map"))?;
        vm.create_irq_chip()
            .map_err(AccelError::call("create the interrupt controllers"))?;
        mask_pics(vm)?;
        let pit = kvm_pit_config {
            flags: KVM_PIT_SPEAKER_DUMMY,
            ..Default::default()
        };
        vm.create_pit2(pit)
            .map_err(AccelError::call("create the timer"))
    }

    /// A vCPU in power-on state. One of each index can be made: the kernel
    /// keeps it until the VM goes.
    pub(crate) fn create_core(
        &self,
        index: u32,
        entry: Option<crate::boot::Entry>,
    ) -> Result<KvmCore, AccelError> {
        let maker = &self.maker;
        let id = maker.topology.apic_id(index);
        let fd = self
            .vm
            .create_vcpu(u64::from(id))
            .map_err(AccelError::call("create a vCPU"))?;
        let cpuid = power_on::cpuid(&maker.host.cpuid, &maker.model, &maker.topology, index);
        power_on::apply(&fd, &cpuid, entry)?;
        let facts = CpuFacts {
            cpuid,
            msrs: Arc::clone(&maker.msrs),
            xsave: maker.xsave,
        };
        Ok(KvmCore::new(fd, maker.executes, facts))
    }

    /// Gives the guest memory.
    pub(crate) fn map(&mut self, region: &Arc<GuestRegionMmap<()>>) -> Result<(), AccelError> {
        let free = (0u32..).find(|slot| !self.memory.contains_key(slot));
        let slot = free.unwrap_or(u32::MAX);
        sys::map(&self.vm, slot, region, self.log.is_on())
            .map_err(AccelError::call("map the guest's memory"))?;
        self.memory.insert(slot, Arc::clone(region));
        Ok(())
    }

    /// Has KVM note which pages the guest writes to, for one more who wants to know, or for one less.
    pub(crate) fn log_writes(&mut self, user: LogUser, on: bool) -> Result<(), AccelError> {
        self.harvest()?; // what others will want, and a newcomer does not
        let before = self.log.is_on();
        self.log.set(user, on);
        if self.log.is_on() != before {
            self.switch_log(!before)?;
        }
        Ok(())
    }

    /// Whether the writes are noted for `user`.
    pub(crate) fn logs_writes(&self, user: LogUser) -> bool {
        self.log.serves(user)
    }

    fn switch_log(&self, on: bool) -> Result<(), AccelError> {
        for (slot, region) in &self.memory {
            sys::map(&self.vm, *slot, region, on)
                .map_err(AccelError::call("log writes to the guest's memory"))?;
        }
        Ok(())
    }

    /// What [`continue_log`](Self::continue_log) of the VM that takes this one's place needs.
    pub(crate) fn end_log(&mut self) -> Log {
        // A log that cannot be read is no reason against a reset.
        let _ = self.harvest();
        std::mem::take(&mut self.log)
    }

    /// Goes on with the log of another VM.
    pub(crate) fn continue_log(&mut self, log: Log) -> Result<(), AccelError> {
        self.log = log;
        match self.log.is_on() {
            true => self.switch_log(true),
            false => Ok(()),
        }
    }

    /// How many pages of 4 KiB were written to since [`log_writes`](Self::log_writes) or the last call.
    pub(crate) fn take_written_pages(&mut self, user: LogUser) -> Result<u64, AccelError> {
        self.harvest()?;
        Ok(self.log.take(user))
    }

    /// Takes what KVM has noted into the logs of all who want to know.
    fn harvest(&mut self) -> Result<(), AccelError> {
        if !self.log.is_on() {
            return Ok(());
        }
        for (slot, region) in &self.memory {
            let size = usize::try_from(region.len()).unwrap_or(usize::MAX);
            let written: Bitmap = (self.vm.get_dirty_log(*slot, size))
                .map_err(AccelError::call("tell which pages were written to"))?;
            self.log.add(region.start_addr().0, &written);
        }
        Ok(())
    }

    /// The interrupt controllers, the timer and the clock.
    pub(crate) fn save(&self) -> Result<VmState, AccelError> {
        VmState::save(&self.vm)
    }

    /// Goes on from what was saved.
    pub(crate) fn load(&self, state: &VmState) -> Result<(), AccelError> {
        state.load(&self.vm)
    }

    /// Takes memory from the guest.
    pub(crate) fn unmap(&mut self, region: &Arc<GuestRegionMmap<()>>) -> Result<(), AccelError> {
        self.harvest()?;
        let mapped = self.memory.iter();
        let slot = mapped
            .filter(|(_, mapped)| Arc::ptr_eq(mapped, region))
            .map(|(slot, _)| *slot)
            .next();
        let Some(slot) = slot else {
            return Ok(());
        };
        sys::unmap(&self.vm, slot).map_err(AccelError::call("unmap the guest's memory"))?;
        self.memory.remove(&slot);
        Ok(())
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

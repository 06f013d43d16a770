//! What a vCPU, and the VM around it, are at one moment: taken out of the kernel, and put back.
//!
//! The order in which a vCPU is written matters: its APIC is where the special registers say, its timers start when its
//! MSRs are written, and pending events are last.

use kvm_bindings::{
    KVM_IRQCHIP_IOAPIC, KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, Msrs, kvm_clock_data,
    kvm_cpuid_entry2, kvm_debugregs, kvm_irqchip, kvm_lapic_state, kvm_mp_state, kvm_msr_entry,
    kvm_pit_state2, kvm_regs, kvm_sregs, kvm_vcpu_events, kvm_xcrs,
};
use kvm_ioctls::{VcpuFd, VmFd};
use serde::{Deserialize, Serialize};

use super::super::{AccelError, Float};
use super::sys;
use crate::state::Invalid;

const CHIPS: [u32; 3] = [
    KVM_IRQCHIP_PIC_MASTER,
    KVM_IRQCHIP_PIC_SLAVE,
    KVM_IRQCHIP_IOAPIC,
];

/// The interrupt controllers, the timer and the clock of a VM.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VmState {
    chips: Vec<kvm_irqchip>,
    pit: kvm_pit_state2,
    clock: kvm_clock_data,
}

impl VmState {
    pub(super) fn save(vm: &VmFd) -> Result<Self, AccelError> {
        let mut chips = Vec::new();
        for chip_id in CHIPS {
            let mut chip = kvm_irqchip {
                chip_id,
                ..Default::default()
            };
            vm.get_irqchip(&mut chip)
                .map_err(AccelError::call("read an interrupt controller"))?;
            chips.push(chip);
        }
        let pit = vm.get_pit2();
        let clock = vm.get_clock();
        Ok(Self {
            chips,
            pit: pit.map_err(AccelError::call("read the timer"))?,
            clock: clock.map_err(AccelError::call("read the clock"))?,
        })
    }

    /// Whether it can have been read from a VM.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        let chips = self.chips.iter().map(|chip| chip.chip_id);
        crate::state::check(chips.eq(CHIPS), "the list of interrupt controllers")
    }

    pub(super) fn load(&self, vm: &VmFd) -> Result<(), AccelError> {
        for chip in &self.chips {
            vm.set_irqchip(chip)
                .map_err(AccelError::call("write an interrupt controller"))?;
        }
        vm.set_pit2(&self.pit)
            .map_err(AccelError::call("write the timer"))?;
        let clock = kvm_clock_data {
            clock: self.clock.clock, // as it was, however long ago
            ..Default::default()
        };
        vm.set_clock(&clock)
            .map_err(AccelError::call("write the clock"))
    }
}

/// One vCPU.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CpuState {
    /// What it is: it can go on as the same CPU only.
    cpuid: Vec<kvm_cpuid_entry2>,
    /// Whether it runs guest code.
    pub(super) executes: bool,
    mp_state: kvm_mp_state,
    regs: kvm_regs,
    sregs: kvm_sregs,
    xsave: Vec<u32>,
    xcrs: kvm_xcrs,
    debugregs: kvm_debugregs,
    lapic: kvm_lapic_state,
    msrs: Vec<(u32, u64)>,
    events: kvm_vcpu_events,
}

#[cfg(test)]
impl CpuState {
    pub(crate) fn registers(&self) -> (kvm_regs, kvm_sregs) {
        (self.regs, self.sregs)
    }

    /// Has other registers, such as KVM takes or such as it does not.
    pub(crate) fn change(&mut self, breaks: bool) {
        self.regs.rbx ^= 0x55aa;
        if breaks {
            self.sregs.cr0 = 1 << 31; // paging, and no protection
        }
    }
}

/// What is needed to read and write a vCPU.
pub(super) struct Access<'a> {
    pub(super) fd: &'a VcpuFd,
    pub(super) cpuid: &'a [kvm_cpuid_entry2],
    /// The MSRs that there may be.
    pub(super) msrs: &'a [u32],
    /// Bytes of the extended state.
    pub(super) xsave: usize,
}

impl Access<'_> {
    pub(super) fn save(&self, executes: bool) -> Result<CpuState, AccelError> {
        let failed = || AccelError::call("read a vCPU's state");
        let fd = self.fd;
        let indexes = self.msrs.iter();
        Ok(CpuState {
            cpuid: self.cpuid.to_vec(),
            executes,
            mp_state: fd.get_mp_state().map_err(failed())?,
            regs: fd.get_regs().map_err(failed())?,
            sregs: fd.get_sregs().map_err(failed())?,
            xsave: sys::xsave(fd, self.xsave).map_err(failed())?,
            xcrs: fd.get_xcrs().map_err(failed())?,
            debugregs: fd.get_debug_regs().map_err(failed())?,
            lapic: fd.get_lapic().map_err(failed())?,
            // those that this CPU lacks cannot be read
            msrs: indexes
                .filter_map(|&index| Some((index, self.msr(index)?)))
                .collect(),
            events: fd.get_vcpu_events().map_err(failed())?,
        })
    }

    /// Reads what KVM tells as part of the extended state alone: the control word of vectors, and their
    /// upper halves, if the guest has switched them on.
    pub(super) fn add_extended(&self, float: &mut Float) -> Result<(), AccelError> {
        /// In XCR0.
        const AVX: u64 = 1 << 2;
        /// Places in the processor's standard layout, in words.
        const MXCSR: usize = 24 / size_of::<u32>();
        const UPPER_HALVES: usize = 576 / size_of::<u32>();
        let failed = || AccelError::call("read a vCPU's registers");
        // a CPU without extended states has no such register
        let xcrs = self.fd.get_xcrs().unwrap_or_default();
        let listed = xcrs.xcrs.iter().take(xcrs.nr_xcrs as usize);
        let mut enabled = listed.filter(|entry| entry.xcr == 0);
        float.has_wide_vectors = enabled.any(|entry| entry.value & AVX != 0);
        let words = sys::xsave(self.fd, self.xsave).map_err(failed())?;
        float.mxcsr = words.get(MXCSR).copied().unwrap_or_default();
        if float.has_wide_vectors {
            let halves = words.get(UPPER_HALVES..).unwrap_or_default();
            for (vector, half) in float.vectors.iter_mut().zip(halves.chunks_exact(4)) {
                vector[2] = u64::from(half[1]) << 32 | u64::from(half[0]);
                vector[3] = u64::from(half[3]) << 32 | u64::from(half[2]);
            }
        }
        Ok(())
    }

    fn msr(&self, index: u32) -> Option<u64> {
        let mut msrs = entry(index, 0)?;
        let read = self.fd.get_msrs(&mut msrs).ok()?;
        Some(msrs.as_slice().get(..read)?.first()?.data)
    }

    /// Whether it can be the state of this CPU.
    pub(super) fn check(&self, state: &CpuState) -> Result<(), Invalid> {
        let (before, now) = (&state.cpuid, self.cpuid);
        let differ = |&at: &usize| before.get(at) != now.get(at);
        if let Some(at) = (0..before.len().max(now.len())).find(differ) {
            let entry = before.get(at).or(now.get(at)).copied();
            let leaf = entry.unwrap_or_default().function;
            let text = format!("it was another model: CPUID leaf {leaf:#x} differs");
            return Err(Invalid::new(text));
        }
        let length = state.xsave.len().checked_mul(size_of::<u32>());
        crate::state::check(length == Some(self.xsave), "the size of the extended state")?;
        let stranger = |(index, _): &&(u32, u64)| !self.msrs.contains(index);
        if let Some((index, _)) = state.msrs.iter().find(stranger) {
            return Err(Invalid::new(format!("this host has no MSR {index:#x}")));
        }
        Ok(())
    }

    /// Writes a state that was [checked](Self::check).
    pub(super) fn load(&self, state: &CpuState) -> Result<(), AccelError> {
        let failed = || AccelError::call("write a vCPU's state");
        let fd = self.fd;
        fd.set_mp_state(state.mp_state).map_err(failed())?;
        fd.set_regs(&state.regs).map_err(failed())?;
        fd.set_sregs(&state.sregs).map_err(failed())?;
        sys::set_xsave(fd, &state.xsave, self.xsave).map_err(failed())?;
        fd.set_xcrs(&state.xcrs).map_err(failed())?;
        fd.set_debug_regs(&state.debugregs).map_err(failed())?;
        fd.set_lapic(&state.lapic).map_err(failed())?;
        for &(index, value) in &state.msrs {
            let set = entry(index, value).and_then(|msrs| fd.set_msrs(&msrs).ok());
            // what cannot be written needs not be, if it is so already
            if set != Some(1) && self.msr(index) != Some(value) {
                return Err(AccelError::Msr { index, value });
            }
        }
        fd.set_vcpu_events(&state.events).map_err(failed())
    }
}

fn entry(index: u32, data: u64) -> Option<Msrs> {
    let entry = kvm_msr_entry {
        index,
        data,
        ..Default::default()
    };
    Msrs::from_entries(&[entry]).ok()
}

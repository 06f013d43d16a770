//! The state in which vCPUs start.
//!
//! The first one starts as the boot protocol of its program has it, see
//! [`boot`](crate::boot). The others wait for INIT and SIPI.

use kvm_bindings::{
    CpuId, Msrs, kvm_cpuid_entry2, kvm_lapic_state, kvm_msr_entry, kvm_regs, kvm_segment, kvm_sregs,
};
use kvm_ioctls::VcpuFd;

use super::super::AccelError;
use crate::boot::{Entry, EntryMode};
use crate::cpu::{CpuConfig, Leaf};
use crate::machine::Topology;

/// Selectors that the first vCPU starts with: a PVH guest brings its own table,
/// Linux' boot protocol has fixed ones.
const PVH_CODE: u16 = 0x08;
const PVH_DATA: u16 = 0x10;
const PVH_TASK: u16 = 0x18;
const LINUX_CODE: u16 = 0x10;
const LINUX_DATA: u16 = 0x18;
const LINUX_TASK: u16 = 0x20;

const CR0_PE: u64 = 1 << 0;
const CR0_ET: u64 = 1 << 4;
const CR0_PG: u64 = 1 << 31;
const CR4_PAE: u64 = 1 << 5;
const EFER_LME: u64 = 1 << 8;
const EFER_LMA: u64 = 1 << 10;

/// Registers of the local APIC (offset into its page) and the values that
/// firmware leaves in them: 8259 interrupts on LINT0, NMI on LINT1.
const APIC_LVT_LINT0: usize = 0x350;
const APIC_LVT_LINT1: usize = 0x360;
const DELIVERY_EXTINT: u32 = 0x700;
const DELIVERY_NMI: u32 = 0x400;

/// The type of memory that no range register speaks of, and what firmware makes of it: the registers
/// are in force, and memory is written back. Kernels that find them out of force leave the types of
/// pages alone, too.
const MSR_MTRR_DEFAULT: u32 = 0x2ff;
const MTRR_ENABLED: u64 = 1 << 11;
const MTRR_WRITE_BACK: u64 = 6;

/// Puts a vCPU into power-on state; `entry` is where it starts.
pub(super) fn apply(vcpu: &VcpuFd, cpuid: &CpuId, entry: Option<Entry>) -> Result<(), AccelError> {
    vcpu.set_cpuid2(cpuid)
        .map_err(AccelError::call("set a vCPU's CPUID table"))?;
    local_apic(vcpu)?;
    memory_type(vcpu)?;
    if let Some(entry) = entry {
        start_at(vcpu, entry)?;
    }
    Ok(())
}

/// What CPU `index` tells of itself, out of what the host supports.
pub(super) fn cpuid(
    supported: &CpuId,
    model: &CpuConfig,
    topology: &Topology,
    index: u32,
) -> CpuId {
    let mut table = supported.clone();
    for entry in table.as_mut_slice() {
        let mut leaf = leaf(entry);
        model.shape(&mut leaf);
        leaf.place(topology, index);
        (entry.eax, entry.ebx, entry.ecx, entry.edx) = (leaf.eax, leaf.ebx, leaf.ecx, leaf.edx);
    }
    table
}

pub(super) fn leaf(entry: &kvm_cpuid_entry2) -> Leaf {
    Leaf {
        function: entry.function,
        index: entry.index,
        eax: entry.eax,
        ebx: entry.ebx,
        ecx: entry.ecx,
        edx: entry.edx,
    }
}

fn local_apic(vcpu: &VcpuFd) -> Result<(), AccelError> {
    let mut apic = vcpu
        .get_lapic()
        .map_err(AccelError::call("read a local APIC"))?;
    set_register(&mut apic, APIC_LVT_LINT0, DELIVERY_EXTINT);
    set_register(&mut apic, APIC_LVT_LINT1, DELIVERY_NMI);
    vcpu.set_lapic(&apic)
        .map_err(AccelError::call("write a local APIC"))
}

fn memory_type(vcpu: &VcpuFd) -> Result<(), AccelError> {
    let entry = kvm_msr_entry {
        index: MSR_MTRR_DEFAULT,
        data: MTRR_ENABLED | MTRR_WRITE_BACK,
        ..Default::default()
    };
    // One entry fits, and a host without such registers has no guests that miss them.
    let set = Msrs::from_entries(&[entry]).map(|msrs| vcpu.set_msrs(&msrs));
    match set {
        Ok(Err(error)) => Err(AccelError::call("write a vCPU's memory types")(error)),
        _ => Ok(()),
    }
}

fn set_register(apic: &mut kvm_lapic_state, offset: usize, value: u32) {
    for (slot, byte) in apic.regs.iter_mut().skip(offset).zip(value.to_le_bytes()) {
        *slot = i8::from_le_bytes([byte]);
    }
}

fn start_at(vcpu: &VcpuFd, entry: Entry) -> Result<(), AccelError> {
    let mut sregs = vcpu
        .get_sregs()
        .map_err(AccelError::call("read a vCPU's registers"))?;
    let (code, data, task) = match entry.mode {
        EntryMode::Pvh => (PVH_CODE, PVH_DATA, PVH_TASK),
        EntryMode::Linux { .. } => (LINUX_CODE, LINUX_DATA, LINUX_TASK),
    };
    let data = flat_segment(data, 0x3);
    sregs.cs = flat_segment(code, 0xb);
    sregs.ds = data;
    sregs.es = data;
    sregs.fs = data;
    sregs.gs = data;
    sregs.ss = data;
    sregs.tr = kvm_segment {
        selector: task,
        limit: 0x67,
        type_: 0xb,
        present: 1,
        ..Default::default()
    };
    sregs.cr0 = CR0_PE | CR0_ET;
    sregs.cr3 = 0;
    sregs.cr4 = 0;
    sregs.efer = 0;
    let mut regs = kvm_regs {
        rip: entry.address,
        rflags: 0x2, // bit 1 is always set
        ..Default::default()
    };
    match entry.mode {
        EntryMode::Pvh => regs.rbx = entry.parameters,
        EntryMode::Linux {
            gdt,
            gdt_size,
            page_table,
        } => {
            regs.rsi = entry.parameters;
            sregs.gdt.base = gdt;
            sregs.gdt.limit = gdt_size.saturating_sub(1);
            if let Some(page_table) = page_table {
                long_mode(&mut sregs, page_table);
            }
        }
    }
    vcpu.set_sregs(&sregs)
        .map_err(AccelError::call("write a vCPU's registers"))?;
    vcpu.set_regs(&regs)
        .map_err(AccelError::call("write a vCPU's registers"))
}

fn long_mode(sregs: &mut kvm_sregs, page_table: u64) {
    sregs.cr0 |= CR0_PG;
    sregs.cr3 = page_table;
    sregs.cr4 |= CR4_PAE;
    sregs.efer |= EFER_LME | EFER_LMA;
    sregs.cs.l = 1;
    sregs.cs.db = 0;
}

fn flat_segment(selector: u16, type_: u8) -> kvm_segment {
    kvm_segment {
        base: 0,
        limit: 0xffff_ffff,
        selector,
        type_,
        present: 1,
        dpl: 0,
        db: 1,
        s: 1,
        l: 0,
        g: 1,
        avl: 0,
        unusable: 0,
        padding: 0,
    }
}

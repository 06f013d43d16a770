//! Looking into a machine without changing its run state.

use std::io::Write;
use std::sync::Arc;

use super::lifecycle::Lifecycle;
use super::{CpuPlace, MachineError, MachineKind, RamError};
use crate::accel::{AccelKind, kvm};
use crate::devices::Display;
use crate::qom::QomError;

const PAGE: u64 = 4096;

/// How much of physical memory is copied at a time.
const CHUNK: u64 = 1 << 20;

/// One CPU of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuInfo {
    /// Its number, from 0.
    pub index: u32,
    /// The host's number of its thread.
    pub thread_id: i32,
    /// Whether it waits for an interrupt or has not been started.
    pub halted: bool,
    /// The address of its next instruction.
    pub program_counter: u64,
    /// Where it is in the topology.
    pub place: CpuPlace,
    /// Where it is in the object tree.
    pub path: String,
}

/// The accelerator, from the user's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccelInfo {
    /// Whether KVM can be used on this host.
    pub kvm_present: bool,
    /// Whether this machine uses it.
    pub kvm_enabled: bool,
}

pub(super) fn accel(machine: &Lifecycle) -> AccelInfo {
    let kvm_enabled = machine.config.accel == AccelKind::Kvm;
    AccelInfo {
        kvm_present: kvm_enabled || kvm::probe().is_ok(),
        kvm_enabled,
    }
}

pub(super) fn cpus(machine: &Lifecycle) -> Result<Vec<CpuInfo>, MachineError> {
    let _state = machine.lock();
    let indexes = machine.vcpus.indexes().into_iter();
    indexes
        .map(|index| {
            let (halted, program_counter) =
                machine.cpu_job(index, |core| Ok((core.halted(), core.program_counter()?)))?;
            let node = machine.cpu_node(index);
            let thread_id = machine
                .vcpus
                .thread_id(index)
                .ok_or(MachineError::NoCpu(index))?;
            Ok(CpuInfo {
                index,
                thread_id,
                halted,
                program_counter,
                place: machine.config.cpu_topology().place(index),
                path: node.map(|node| node.path()).unwrap_or_default(),
            })
        })
        .collect()
}

pub(super) fn inject_nmi(machine: &Lifecycle) -> Result<(), MachineError> {
    if machine.config.kind == MachineKind::None {
        return Err(MachineError::NoNmi);
    }
    let _state = machine.operate()?;
    nmi(machine)
}

/// What a device shows.
pub(super) fn console(
    machine: &Lifecycle,
    device: &str,
    head: i64,
) -> Result<Arc<dyn Display>, MachineError> {
    let services = &machine.services;
    let Some(node) = services.tree.peripheral(device) else {
        return Err(QomError::NoObject(device.to_owned()).into());
    };
    let display = services.displays.of(&node.path(), head);
    display.ok_or_else(|| MachineError::NotConsole {
        device: device.to_owned(),
        head,
    })
}

/// The same for callers that hold the control lock.
pub(super) fn nmi(machine: &Lifecycle) -> Result<(), MachineError> {
    for index in machine.vcpus.indexes() {
        machine.cpu_job(index, |core| core.nmi())?;
    }
    Ok(())
}

pub(super) fn read_physical(
    machine: &Lifecycle,
    address: u64,
    len: usize,
) -> Result<Vec<u8>, MachineError> {
    let mut bytes = Vec::new();
    save_physical(machine, address, len as u64, &mut bytes)?;
    Ok(bytes)
}

pub(super) fn write_physical(
    machine: &Lifecycle,
    address: u64,
    bytes: &[u8],
) -> Result<(), MachineError> {
    let state = machine.lock();
    machine.quiesced(&state, || Ok(machine.ram.write(address, bytes)?))
}

pub(super) fn save_physical(
    machine: &Lifecycle,
    address: u64,
    size: u64,
    out: &mut dyn Write,
) -> Result<(), MachineError> {
    let state = machine.lock();
    if !machine.ram.contains(address, size) {
        return Err(MachineError::BadAddress { address, size });
    }
    machine.quiesced(&state, || copy(machine, address, size, out))
}

/// Copies a range that is all memory.
fn copy(
    machine: &Lifecycle,
    address: u64,
    size: u64,
    out: &mut dyn Write,
) -> Result<(), MachineError> {
    let mut buffer = Vec::new();
    let mut done = 0;
    while done < size {
        let chunk = (size - done).min(CHUNK);
        let length = usize::try_from(chunk).map_err(|_| RamError::NotRam {
            address: address + done,
            size: chunk,
        })?;
        buffer.resize(length, 0);
        machine.ram.read(address + done, &mut buffer)?;
        out.write_all(&buffer).map_err(MachineError::Output)?;
        done += chunk;
    }
    Ok(())
}

pub(super) fn translate(
    machine: &Lifecycle,
    cpu: u32,
    address: u64,
) -> Result<Option<u64>, MachineError> {
    let state = machine.lock();
    if machine.vcpus.thread_id(cpu).is_none() {
        return Err(MachineError::NoCpu(cpu));
    }
    machine.quiesced(&state, || {
        machine.cpu_job(cpu, move |core| core.translate(address))
    })
}

pub(super) fn read_virtual(
    machine: &Lifecycle,
    cpu: u32,
    address: u64,
    len: usize,
) -> Result<Vec<u8>, MachineError> {
    let mut bytes = Vec::new();
    save_virtual(machine, cpu, address, len as u64, &mut bytes)?;
    Ok(bytes)
}

pub(super) fn save_virtual(
    machine: &Lifecycle,
    cpu: u32,
    address: u64,
    size: u64,
    out: &mut dyn Write,
) -> Result<(), MachineError> {
    let state = machine.lock();
    if machine.vcpus.thread_id(cpu).is_none() {
        return Err(MachineError::NoCpu(cpu));
    }
    machine.quiesced(&state, || {
        let bad = || MachineError::BadAddress { address, size };
        let mut at = address;
        let mut left = size;
        while left > 0 {
            let here = left.min(PAGE - at % PAGE);
            let physical = machine
                .cpu_job(cpu, move |core| core.translate(at))?
                .ok_or_else(bad)?;
            if !machine.ram.contains(physical, here) {
                return Err(bad());
            }
            copy(machine, physical, here, out)?;
            left -= here;
            at = at
                .checked_add(here)
                .or((left == 0).then_some(0))
                .ok_or_else(bad)?;
        }
        Ok(())
    })
}

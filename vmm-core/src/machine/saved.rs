//! The state of all devices as one file: what `xen-save-devices-state` writes and `xen-load-devices-state` reads.
//!
//! Guest memory is not in it: whoever goes on from such a file brings the memory that belongs to it. Nor is what the
//! user has set up: the file says what there was, and a machine that has something else refuses it.
//!
//! All is checked before anything is changed. What only KVM can judge is written first, beside a copy of what was
//! there, which is put back if KVM refuses.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vm_memory::GuestMemoryRegion;

use super::lifecycle::{Lifecycle, State};
use super::ram::regions_of;
use super::{MachineError, RunState};
use crate::accel::kvm::{CpuState, VmState};
use crate::clock::ClockKind;
use crate::state::file::{self, FormatError, Sections};
use crate::state::{self, Invalid, Restore, Stateful};

/// The section of what belongs to no device.
const MACHINE: &str = "machine";
/// The section of the kernel's interrupt controllers, timer and clock.
const KVM: &str = "kvm";

/// Why a state cannot be saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The guest runs; the words are QEMU's.
    #[error("Cannot update device state while vm is running")]
    Running,
    /// The bytes are no file of device state.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The machine that was saved is another one.
    #[error("the {what} differ: {saved} in the file, {here} here")]
    Differs {
        /// What differs.
        what: &'static str,
        /// What was saved.
        saved: String,
        /// What this machine has.
        here: String,
    },
    /// The file has a device that is not here.
    #[error("'{0}' is in the file and not in this machine")]
    Unknown(String),
    /// The file lacks a device.
    #[error("'{0}' is in this machine and not in the file")]
    Missing(String),
    /// A device cannot go on from what is in the file.
    #[error("'{section}': {error}")]
    Section {
        /// The device.
        section: String,
        /// The cause.
        error: Invalid,
    },
}

impl StateError {
    fn section(name: &str) -> impl FnOnce(Invalid) -> Self {
        let section = name.to_owned();
        move |error| Self::Section { section, error }
    }
}

/// What belongs to no device.
#[derive(Debug, Serialize, Deserialize)]
struct MachineSection {
    setup: Setup,
    /// The guest's time in nanoseconds.
    clock: u64,
    /// The guest sleeps.
    asleep: bool,
    /// The CPU that sent it to sleep.
    sleeper: Option<u32>,
}

/// What the user has set up.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Setup {
    board: String,
    accel: String,
    cpus: Vec<u32>,
    /// Address and size of each piece.
    memory: Vec<(u64, u64)>,
}

impl Setup {
    fn of(machine: &Lifecycle) -> Self {
        let mut memory: Vec<(u64, u64)> = Vec::new();
        for region in machine.ram.regions() {
            memory.push((region.start_addr().0, region.len()));
        }
        for device in machine.services.device_memory.all() {
            let regions = regions_of(device.mmap());
            memory.extend(
                regions
                    .iter()
                    .map(|region| (region.start_addr().0, region.len())),
            );
        }
        memory.sort_unstable();
        Self {
            board: machine.config.kind.as_str().to_owned(),
            accel: machine.config.accel.as_str().to_owned(),
            cpus: machine.vcpus.indexes(),
            memory,
        }
    }

    /// An error that names the first thing in which another machine differs.
    fn compare(&self, saved: &Self) -> Result<(), StateError> {
        let differs =
            |what, saved: &dyn fmt::Display, here: &dyn fmt::Display| StateError::Differs {
                what,
                saved: saved.to_string(),
                here: here.to_string(),
            };
        if saved.board != self.board {
            return Err(differs("boards", &saved.board, &self.board));
        }
        if saved.accel != self.accel {
            return Err(differs("accelerators", &saved.accel, &self.accel));
        }
        if saved.cpus != self.cpus {
            return Err(differs("CPUs", &list(&saved.cpus), &list(&self.cpus)));
        }
        if saved.memory != self.memory {
            return Err(differs(
                "pieces of memory",
                &pieces(&saved.memory),
                &pieces(&self.memory),
            ));
        }
        Ok(())
    }
}

fn list(numbers: &[u32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    numbers.join(" ")
}

fn pieces(memory: &[(u64, u64)]) -> String {
    let pieces = memory.iter();
    let pieces: Vec<String> = pieces
        .map(|(start, size)| format!("{start:#x}+{size:#x}"))
        .collect();
    pieces.join(" ")
}

fn cpu_section(index: u32) -> String {
    format!("cpu:{index}")
}

/// Every device that has state, by the name of its section.
fn devices(machine: &Lifecycle) -> BTreeMap<String, Arc<dyn Stateful>> {
    let buses = &machine.services.buses;
    let mut found = BTreeMap::new();
    for (space, bus) in [("pio", &buses.pio), ("mmio", &buses.mmio)] {
        for (base, device) in bus.devices() {
            if let Some(device) = device.stateful() {
                found.insert(format!("{}@{space}:{base:x}", device.kind()), device);
            }
        }
    }
    found
}

/// The state of all devices. A guest that runs stands still meanwhile, and that is told.
pub(super) fn save(machine: &Lifecycle) -> Result<Vec<u8>, MachineError> {
    let mut state = machine.operate()?;
    let was_live = machine.halt(&mut state, RunState::SaveVm, true)?;
    let saved = sections(machine, &state).and_then(|sections| {
        let bytes = file::write(&sections).map_err(StateError::from)?;
        Ok(bytes)
    });
    if was_live {
        machine.resume(&mut state)?;
    }
    saved
}

fn sections(machine: &Lifecycle, state: &State) -> Result<Sections, MachineError> {
    let mut sections = Sections::new();
    let mut add = |name: String, content: Result<Vec<u8>, Invalid>| {
        let content = content.map_err(StateError::section(&name))?;
        sections.insert(name, content);
        Ok::<_, MachineError>(())
    };
    let section = MachineSection {
        setup: Setup::of(machine),
        clock: machine.services.clocks.now(ClockKind::Vm),
        asleep: state.asleep,
        sleeper: state.sleeper,
    };
    add(MACHINE.to_owned(), state::encode(&section))?;
    for (name, device) in devices(machine) {
        add(name, device.save())?;
    }
    if let Some(vm) = &state.vm {
        add(KVM.to_owned(), state::encode(&vm.save()?))?;
        for (index, cpu) in cpus(machine)? {
            add(cpu_section(index), state::encode(&cpu))?;
        }
    }
    Ok(sections)
}

/// The state of each CPU that KVM runs.
fn cpus(machine: &Lifecycle) -> Result<Vec<(u32, CpuState)>, MachineError> {
    let mut cpus = Vec::new();
    for index in machine.vcpus.indexes() {
        let saved = machine.cpu_job(index, |core| core.save())?;
        cpus.extend(saved.map(|cpu| (index, cpu)));
    }
    Ok(cpus)
}

/// What a file brings, all of it checked.
struct Loaded {
    machine: MachineSection,
    kvm: Option<(VmState, Vec<(u32, CpuState)>)>,
    restore: Vec<Restore>,
}

/// Goes on from a saved state, as soon as the guest runs.
pub(super) fn load(machine: &Lifecycle, bytes: &[u8]) -> Result<(), MachineError> {
    let mut state = machine.operate()?;
    machine.dumps.check_idle()?;
    if state.run.is_live() {
        return Err(StateError::Running.into());
    }
    let loaded = check(
        machine,
        &state,
        file::read(bytes).map_err(StateError::from)?,
    )?;
    if let Some((vm, cpus)) = &loaded.kvm {
        exchange(machine, &state, vm, cpus)?;
    }
    machine.services.clocks.set_vm(loaded.machine.clock);
    loaded.restore.into_iter().for_each(|restore| restore());
    state.asleep = loaded.machine.asleep;
    state.sleeper = loaded.machine.sleeper;
    machine.vcpus.hold_only(state.sleeper);
    Ok(())
}

fn check(
    machine: &Lifecycle,
    state: &State,
    mut sections: Sections,
) -> Result<Loaded, MachineError> {
    let mut take = |name: &str| {
        let found = sections.remove(name);
        found.ok_or_else(|| StateError::Missing(name.to_owned()))
    };
    let section: MachineSection = decode(MACHINE, &take(MACHINE)?)?;
    Setup::of(machine).compare(&section.setup)?;
    let sleeps = |cpu: u32| section.setup.cpus.contains(&cpu);
    state::check(section.sleeper.is_none_or(sleeps), "the CPU that sleeps")
        .map_err(StateError::section(MACHINE))?;
    let mut restore = Vec::new();
    for (name, device) in devices(machine) {
        let content = take(&name)?;
        restore.push(device.load(&content).map_err(StateError::section(&name))?);
    }
    let mut kvm = None;
    if state.vm.is_some() {
        let vm: VmState = decode(KVM, &take(KVM)?)?;
        vm.check().map_err(StateError::section(KVM))?;
        let mut cpus = Vec::new();
        for index in machine.vcpus.indexes() {
            let name = cpu_section(index);
            let cpu: CpuState = decode(&name, &take(&name)?)?;
            let asked = cpu.clone();
            machine
                .vcpus
                .on_cpu(index, move |core| core.check(&asked))?
                .map_err(StateError::section(&name))?;
            cpus.push((index, cpu));
        }
        kvm = Some((vm, cpus));
    }
    match sections.into_keys().next() {
        Some(name) => Err(StateError::Unknown(name).into()),
        None => Ok(Loaded {
            machine: section,
            kvm,
            restore,
        }),
    }
}

fn decode<T: serde::de::DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, StateError> {
    state::decode(bytes).map_err(StateError::section(name))
}

/// Writes what KVM has; all is as before if KVM does not take it.
fn exchange(
    machine: &Lifecycle,
    state: &State,
    vm: &VmState,
    cpus: &[(u32, CpuState)],
) -> Result<(), MachineError> {
    let before = (
        state.vm.as_ref().map(|vm| vm.save()).transpose()?,
        self::cpus(machine)?,
    );
    let result = apply(machine, state, vm, cpus);
    if result.is_err()
        && let (Some(vm), cpus) = before
    {
        let _ = apply(machine, state, &vm, &cpus); // KVM has had it all just now; the first error counts
    }
    result
}

fn apply(
    machine: &Lifecycle,
    state: &State,
    vm: &VmState,
    cpus: &[(u32, CpuState)],
) -> Result<(), MachineError> {
    for (index, cpu) in cpus {
        let cpu = cpu.clone();
        machine.cpu_job(*index, move |core| core.load(&cpu))?;
    }
    match &state.vm {
        Some(kvm) => Ok(kvm.load(vm)?),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accel::{AccelKind, kvm};
    use crate::char::Registry;
    use crate::guests;
    use crate::machine::{Machine, MachineConfig, MachineEvent, MachineKind, Observer};

    struct Nobody;

    impl Observer for Nobody {
        fn event(&self, _: &MachineEvent) {}

        fn diagnostic(&self, _: &str) {}
    }

    /// What no check of ours finds wrong, and KVM refuses when it has taken part of it.
    #[test]
    fn machine_is_as_before_when_kvm_refuses_a_state() {
        if let Err(error) = kvm::probe() {
            println!("skipped: {error}");
            return;
        }
        let config = MachineConfig {
            kind: MachineKind::QMin,
            accel: AccelKind::Kvm,
            ram_size: 4 << 20,
            cpus: 2,
            max_cpus: 2,
            boot: Some(guests::heartbeat().unwrap().boot()),
            ..MachineConfig::default()
        };
        let machine = Machine::new(config, Registry::new(), Arc::new(Nobody)).unwrap();
        machine.start().unwrap();
        machine.stop().unwrap();
        let before = file::read(&machine.save_state().unwrap()).unwrap();
        let mut sections = before.clone();
        for (name, breaks) in [(cpu_section(0), false), (cpu_section(1), true)] {
            let content = sections.get_mut(&name).unwrap();
            let mut cpu: CpuState = state::decode(content).unwrap();
            cpu.change(breaks);
            *content = state::encode(&cpu).unwrap();
        }
        let error = machine
            .load_state(&file::write(&sections).unwrap())
            .unwrap_err();
        let words = "KVM cannot write a vCPU's state: Invalid argument";
        assert!(error.to_string().starts_with(words), "{error}");
        let after = file::read(&machine.save_state().unwrap()).unwrap();
        for (name, content) in &before {
            if name.starts_with("cpu:") {
                let registers = |content: &[u8]| {
                    let cpu: CpuState = state::decode(content).unwrap();
                    cpu.registers()
                };
                assert_eq!(registers(&after[name]), registers(content), "{name}");
            } else if name != KVM {
                // which has clocks that go on
                assert_eq!(&after[name], content, "{name}");
            }
        }
        machine.cont().unwrap();
        machine.close();
    }
}

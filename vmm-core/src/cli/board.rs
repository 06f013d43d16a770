//! The board: `-machine`, and the options that are short for parts of it.
//!
//! As with QEMU all of them make one list, in which what comes later overrides what came before; it
//! is read once the command line has ended.

use std::path::PathBuf;

use super::accel::{self, Accelerators};
use super::memory::{self, Memory};
use super::params::Params;
use super::{UsageError, boot, lists, smp};
use crate::accel::AccelKind;
use crate::machine::{BootConfig, Image, MachineConfig, MachineKind, SmpConfig, Topology};

/// What has been said of the board.
#[derive(Debug, Default)]
pub(super) struct Board {
    said: Vec<(String, String)>,
    /// Whether the model of its CPUs was spoken of.
    pub(super) names_model: bool,
}

impl Board {
    /// Takes the value of `-machine`; a text when that is all that is asked for.
    pub(super) fn machine(&mut self, value: &str) -> Option<String> {
        let mut params = Params::parse(value, Some("type"));
        if let Some(kind) = params.first().filter(|kind| !kind.is_empty()) {
            if lists::is_help(kind) {
                return Some(lists::machines());
            }
            self.set("type", kind);
        }
        self.said.extend(params.take_rest());
        None
    }

    /// Takes the value of an option whose parameters are those below `part`; the first one may
    /// leave its key out.
    pub(super) fn part(&mut self, part: &str, first: &str, value: &str) {
        let mut params = Params::parse(value, Some(first));
        if let Some(value) = params.first().filter(|value| !value.is_empty()) {
            self.set(&format!("{part}.{first}"), value);
        }
        for (key, value) in params.take_rest() {
            self.set(&format!("{part}.{key}"), &value);
        }
    }

    pub(super) fn set(&mut self, key: &str, value: &str) {
        self.said.push((key.to_owned(), value.to_owned()));
    }

    /// Makes `machine` what was said.
    pub(super) fn finish(
        self,
        machine: &mut MachineConfig,
        mut accelerators: Accelerators,
    ) -> Result<(), UsageError> {
        let mut params = Params::of(self.said);
        machine.kind = kind(params.take("type").as_deref())?;
        let has_board = machine.kind != MachineKind::None;
        if let Some(names) = params.take("accel") {
            accelerators.board(names);
        }
        let kernel = params.take("kernel").map(PathBuf::from);
        machine.boot = kernel_config(kernel, &mut params)?;
        let memory = memory::take(&mut params)?;
        let cpus = smp::take(&mut params)?;
        boot::take(&mut params)?;
        properties(&mut params, machine)?;
        accel::known(&params, &format!("{}-machine", machine.kind.as_str()))?;

        let default = match has_board {
            true => AccelKind::Kvm,
            false => AccelKind::None,
        };
        machine.accel = accelerators.choose()?.unwrap_or(default);
        if !has_board {
            machine.serial.clear(); // their character devices are there all the same
        }
        set_memory(machine, &memory, has_board);
        match has_board {
            true => set_cpus(machine, cpus),
            false => set_bare_cpu(machine, cpus, self.names_model),
        }
    }
}

fn kind(name: Option<&str>) -> Result<MachineKind, UsageError> {
    let Some(name) = name else {
        return Ok(MachineKind::QMin);
    };
    let mut all = MachineKind::ALL.iter().copied();
    let alias = all.find(|known| known.alias() == Some(name));
    alias.or_else(|| name.parse().ok()).ok_or_else(|| {
        let all: Vec<&str> = MachineKind::ALL
            .iter()
            .map(|known| known.as_str())
            .collect();
        UsageError::new(format!(
            "unsupported machine type: \"{name}\"; use one of {}",
            all.join(", ")
        ))
    })
}

fn kernel_config(
    kernel: Option<PathBuf>,
    params: &mut Params,
) -> Result<Option<BootConfig>, UsageError> {
    let cmdline = params.take("append");
    let initrd = params.take("initrd").map(PathBuf::from);
    let lacks = |option: &str| {
        Err(UsageError::new(format!(
            "{option} only allowed with -kernel option"
        )))
    };
    match kernel {
        Some(kernel) => Ok(Some(BootConfig {
            kernel: Image::File(kernel),
            cmdline: cmdline.unwrap_or_default(),
            initrd: initrd.map(Image::File),
        })),
        None if cmdline.is_some() => lacks("-append"),
        None if initrd.is_some() => lacks("-initrd"),
        None => Ok(None),
    }
}

fn set_memory(machine: &mut MachineConfig, memory: &Memory, has_board: bool) {
    machine.memory_slots = memory.slots;
    machine.max_ram_size = memory.max.unwrap_or(machine.max_ram_size);
    let takes_default = has_board && machine.memory_backend.is_none();
    let default = if takes_default {
        memory::DEFAULT_RAM
    } else {
        0
    };
    machine.ram_size = memory.size.unwrap_or(default);
}

fn set_cpus(machine: &mut MachineConfig, said: SmpConfig) -> Result<(), UsageError> {
    if said == SmpConfig::default() {
        machine.cpus = 1;
        return Ok(());
    }
    let (topology, cpus) = resolve(said)?;
    machine.cpus = cpus;
    machine.max_cpus = count(&topology);
    machine.topology = Some(topology);
    Ok(())
}

/// Without a board there is one CPU, if its model is named.
fn set_bare_cpu(
    machine: &mut MachineConfig,
    said: SmpConfig,
    names_model: bool,
) -> Result<(), UsageError> {
    let max = count(&resolve(said)?.0);
    if max > 1 {
        return Err(UsageError::new(format!(
            "Invalid SMP CPUs {max}. The max CPUs supported by machine 'none' is 1"
        )));
    }
    machine.cpus = u32::from(names_model);
    Ok(())
}

fn resolve(said: SmpConfig) -> Result<(Topology, u32), UsageError> {
    let resolved = said.resolve();
    resolved.map_err(|error| UsageError::new(error.to_string()))
}

fn count(topology: &Topology) -> u32 {
    u32::try_from(topology.count()).unwrap_or(u32::MAX)
}

/// The properties that boards themselves have.
fn properties(params: &mut Params, machine: &mut MachineConfig) -> Result<(), UsageError> {
    let is_told = params.take_switch("auto-kernel-cmdline", true)?;
    machine.no_acpi = !acpi(params)?;
    // as with QEMU
    machine.virtio_on_cmdline = is_told && machine.no_acpi;
    let defaults = &mut machine.memory_defaults;
    defaults.merge = params.take_switch("mem-merge", defaults.merge)?;
    defaults.dump = params.take_switch("dump-guest-core", defaults.dump)?;
    machine.memory_backend = params.take("memory-backend");
    accel::irqchip(params)?;
    microvm_options(params)
}

/// Whether there are ACPI tables.
fn acpi(params: &mut Params) -> Result<bool, UsageError> {
    match params.take("acpi").as_deref() {
        Some("auto" | "on" | "yes" | "true" | "y") | None => Ok(true),
        Some("off" | "no" | "false" | "n") => Ok(false),
        Some(other) => Err(UsageError::new(format!(
            "Parameter 'acpi' does not accept value '{other}'"
        ))),
    }
}

/// The switches of QEMU's board of that name. Devices that this board always
/// has, or never has, are asked for or left out in vain: a guest that does
/// without a device does not mind that it is there.
fn microvm_options(params: &mut Params) -> Result<(), UsageError> {
    for (key, has) in [("isa-serial", true), ("graphics", true), ("usb", false)] {
        let wanted = params.take_switch(key, has)?;
        refuse_what_is_not_there(key, wanted && !has)?;
    }
    for (key, has) in [
        ("pit", true),
        ("pic", true),
        ("rtc", true),
        ("pcie", false),
        ("ioapic2", false),
        ("smm", false),
        ("x-option-roms", false),
    ] {
        let wanted = match params.take(key).as_deref() {
            None | Some("auto") => has,
            Some("on" | "yes" | "true" | "y") => true,
            Some("off" | "no" | "false" | "n") => false,
            Some(other) => {
                return Err(UsageError::new(format!(
                    "Parameter '{key}' does not accept value '{other}'"
                )));
            }
        };
        refuse_what_is_not_there(key, wanted && !has)?;
    }
    // There is no migration stream that would have a description.
    params.take_switch("suppress-vmdesc", false)?;
    Ok(())
}

fn refuse_what_is_not_there(key: &str, is_wanted: bool) -> Result<(), UsageError> {
    match is_wanted {
        false => Ok(()),
        true => Err(UsageError::new(format!(
            "{key}=on: this board has no such thing; leave it out or say {key}=off"
        ))),
    }
}

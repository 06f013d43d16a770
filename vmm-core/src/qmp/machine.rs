//! `machine.json`: the board, its CPUs and its memory.

use std::fs::File;

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{
    CpuInfoFast, CpuInfoFastTarget, CpuInstanceProperties, CurrentMachineParams, KvmInfo,
    MachineInfo, Memdev, MemoryInfo, SysEmuTarget, TargetInfo, UuidInfo,
};
use qmp_types::qmp::{MachineCommands, commands};

use super::Vmm;
use crate::machine::{Cause, MachineKind};

/// The most CPUs that KVM lets one machine have.
const MAX_CPUS: i64 = 1024;

#[handlers]
impl MachineCommands for Vmm {
    fn query_cpus_fast(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryCpusFast,
    ) -> Result<Vec<CpuInfoFast>, QmpError> {
        Ok(self.machine.cpus()?.iter().map(cpu_info).collect())
    }

    fn query_machines(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMachines,
    ) -> Result<Vec<MachineInfo>, QmpError> {
        Ok(MachineKind::ALL
            .iter()
            .map(|&kind| machine_info(kind))
            .collect())
    }

    fn query_current_machine(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryCurrentMachine,
    ) -> Result<CurrentMachineParams, QmpError> {
        Ok(CurrentMachineParams {
            wakeup_suspend_support: self.machine.can_suspend(),
        })
    }

    fn query_target(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryTarget,
    ) -> Result<TargetInfo, QmpError> {
        Ok(TargetInfo {
            arch: SysEmuTarget::X86_64,
        })
    }

    fn query_uuid(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryUuid,
    ) -> Result<UuidInfo, QmpError> {
        Ok(UuidInfo {
            uuid: self.uuid_text(),
        })
    }

    fn system_reset(
        &mut self,
        _: &mut Context<'_>,
        _: commands::SystemReset,
    ) -> Result<(), QmpError> {
        Ok(self.machine.reset(Cause::HostQmpSystemReset)?)
    }

    fn system_powerdown(
        &mut self,
        _: &mut Context<'_>,
        _: commands::SystemPowerdown,
    ) -> Result<(), QmpError> {
        Ok(self.machine.powerdown()?)
    }

    fn system_wakeup(
        &mut self,
        _: &mut Context<'_>,
        _: commands::SystemWakeup,
    ) -> Result<(), QmpError> {
        Ok(self.machine.wakeup()?)
    }

    fn inject_nmi(&mut self, _: &mut Context<'_>, _: commands::InjectNmi) -> Result<(), QmpError> {
        Ok(self.machine.inject_nmi()?)
    }

    fn query_kvm(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryKvm,
    ) -> Result<KvmInfo, QmpError> {
        let accel = self.machine.accel();
        Ok(KvmInfo {
            enabled: accel.kvm_enabled,
            present: accel.kvm_present,
        })
    }

    fn memsave(&mut self, _: &mut Context<'_>, args: commands::Memsave) -> Result<(), QmpError> {
        let cpu = self.known_cpu(args.cpu_index.unwrap_or(0))?;
        let mut file = create(&args.filename)?;
        Ok(self
            .machine
            .save_virtual(cpu, args.val, args.size, &mut file)?)
    }

    fn pmemsave(&mut self, _: &mut Context<'_>, args: commands::Pmemsave) -> Result<(), QmpError> {
        let mut file = create(&args.filename)?;
        Ok(self.machine.save_physical(args.val, args.size, &mut file)?)
    }

    fn query_memdev(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMemdev,
    ) -> Result<Vec<Memdev>, QmpError> {
        Ok(Vec::new())
    }

    fn query_memory_size_summary(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMemorySizeSummary,
    ) -> Result<MemoryInfo, QmpError> {
        Ok(MemoryInfo {
            base_memory: self.machine.ram_size(),
            plugged_memory: None,
        })
    }
}

impl Vmm {
    pub(super) fn uuid_text(&self) -> String {
        self.uuid
            .clone()
            .unwrap_or_else(|| "00000000-0000-0000-0000-000000000000".to_owned())
    }

    pub(super) fn known_cpu(&self, index: i64) -> Result<u32, QmpError> {
        let cpus = self.machine.cpus()?;
        let found = cpus
            .iter()
            .map(|cpu| cpu.index)
            .find(|&known| i64::from(known) == index);
        found.ok_or_else(|| QmpError::generic("Parameter 'cpu-index' expects a CPU number"))
    }
}

fn cpu_info(cpu: &crate::machine::CpuInfo) -> CpuInfoFast {
    CpuInfoFast {
        cpu_index: cpu.index.into(),
        qom_path: format!("/machine/unattached/device[{}]", cpu.index),
        thread_id: cpu.thread_id.into(),
        props: Some(Box::new(CpuInstanceProperties {
            socket_id: Some(0),
            core_id: Some(cpu.index.into()),
            thread_id: Some(0),
            ..CpuInstanceProperties::default()
        })),
        target: CpuInfoFastTarget::X86_64,
    }
}

fn machine_info(kind: MachineKind) -> MachineInfo {
    let has_board = kind != MachineKind::None;
    MachineInfo {
        name: kind.as_str().to_owned(),
        alias: None,
        is_default: has_board.then_some(true),
        cpu_max: if has_board { MAX_CPUS } else { 1 },
        hotpluggable_cpus: false,
        numa_mem_supported: false,
        deprecated: false,
        default_cpu_type: None,
        default_ram_id: None,
        acpi: false,
        compat_props: None,
    }
}

/// Opens the file that memory is saved to; the words are QEMU's.
fn create(path: &str) -> Result<File, QmpError> {
    File::create(path)
        .map_err(|error| QmpError::generic(format!("Could not open '{path}': {}", os_text(&error))))
}

/// The system's text for an error, without Rust's number behind it.
pub(super) fn os_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

//! `machine.json`: the board, its CPUs and its memory.

#![expect(deprecated, reason = "commands that QEMU has removed live on here")]

use std::fs::File;

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{
    BalloonInfo, CpuInfo, CpuInfoFast, CurrentMachineParams, HostMemPolicy, HotpluggableCpu,
    KvmInfo, MachineInfo, Memdev, MemoryDeviceInfo, MemoryDeviceInfoType, MemoryInfo,
    PcdimmDeviceInfo, PcdimmDeviceInfoWrapper, SysEmuTarget, TargetInfo, UuidInfo,
};
use qmp_types::qmp::{MachineCommands, commands};

use super::{Vmm, cpus};
use crate::backends::MemoryBackend;
use crate::machine::{Cause, MachineError, MachineKind};

#[handlers]
impl MachineCommands for Vmm {
    fn query_cpus_fast(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryCpusFast,
    ) -> Result<Vec<CpuInfoFast>, QmpError> {
        Ok(self.machine.cpus()?.iter().map(cpus::fast_info).collect())
    }

    fn query_cpus(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryCpus,
    ) -> Result<Vec<CpuInfo>, QmpError> {
        let current = self.current_cpu;
        let cpus = self.machine.cpus()?;
        Ok(cpus.iter().map(|cpu| cpus::info(cpu, current)).collect())
    }

    fn query_hotpluggable_cpus(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryHotpluggableCpus,
    ) -> Result<Vec<HotpluggableCpu>, QmpError> {
        let slots = self.machine.cpu_slots()?;
        Ok(slots.into_iter().rev().map(cpus::hotpluggable).collect())
    }

    fn cpu_add(&mut self, _: &mut Context<'_>, args: commands::CpuAdd) -> Result<(), QmpError> {
        Ok(self.machine.plug_cpu(args.id)?)
    }

    fn cpu(&mut self, _: &mut Context<'_>, args: commands::Cpu) -> Result<(), QmpError> {
        self.current_cpu = self.known_cpu(args.index, "index")?;
        Ok(())
    }

    fn query_machines(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMachines,
    ) -> Result<Vec<MachineInfo>, QmpError> {
        Ok(MachineKind::ALL
            .iter()
            .map(|&kind| cpus::machine_info(kind))
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

    fn balloon(&mut self, _: &mut Context<'_>, args: commands::Balloon) -> Result<(), QmpError> {
        if let Err(error @ MachineError::NoBalloon) = self.machine.balloon() {
            return Err(error.into());
        }
        match u64::try_from(args.value) {
            Ok(bytes) if bytes > 0 => Ok(self.machine.set_balloon(bytes)?),
            _ => Err(QmpError::generic("Parameter 'value' expects a size")),
        }
    }

    fn query_balloon(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryBalloon,
    ) -> Result<BalloonInfo, QmpError> {
        let actual = self.machine.balloon()?;
        Ok(BalloonInfo {
            actual: i64::try_from(actual).unwrap_or(i64::MAX),
        })
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
        let index = args.cpu_index.unwrap_or(self.current_cpu.into());
        let cpu = self.known_cpu(index, "cpu-index")?;
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
        let backends = self.machine.tree().all_of("memory-backend").into_iter();
        Ok(backends
            .filter_map(|node| {
                let backend = node.downcast::<MemoryBackend>()?;
                Some(Memdev {
                    id: Some(node.name().to_owned()),
                    reserve: Some(backend.is_reserved()),
                    ..Memdev::new(
                        backend.size(),
                        backend.is_mergeable(),
                        backend.is_dumped(),
                        backend.is_preallocated(),
                        backend.is_shared(),
                        Vec::new(),
                        HostMemPolicy::Default,
                    )
                })
            })
            .collect())
    }

    fn query_memory_devices(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMemoryDevices,
    ) -> Result<Vec<MemoryDeviceInfo>, QmpError> {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let dimms = self.machine.dimms().into_iter();
        let info = dimms.map(|dimm| PcdimmDeviceInfo {
            id: dimm.id,
            addr: signed(dimm.address),
            size: signed(dimm.size),
            slot: dimm.slot.into(),
            node: 0,
            memdev: dimm.memory,
            hotplugged: dimm.hotplugged,
            hotpluggable: true,
        });
        let wrapped = info.map(|info| {
            let wrapper = Box::new(PcdimmDeviceInfoWrapper::new(info));
            MemoryDeviceInfo::new(MemoryDeviceInfoType::Dimm(wrapper))
        });
        Ok(wrapped.collect())
    }

    fn query_memory_size_summary(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMemorySizeSummary,
    ) -> Result<MemoryInfo, QmpError> {
        Ok(MemoryInfo {
            base_memory: self.machine.ram_size(),
            plugged_memory: Some(self.machine.plugged_memory()),
        })
    }
}

impl Vmm {
    pub(super) fn uuid_text(&self) -> String {
        self.uuid
            .clone()
            .unwrap_or_else(|| "00000000-0000-0000-0000-000000000000".to_owned())
    }

    /// The CPU that the argument `name` says.
    pub(super) fn known_cpu(&self, index: i64, name: &str) -> Result<u32, QmpError> {
        let cpus = self.machine.cpus()?;
        let found = cpus
            .iter()
            .map(|cpu| cpu.index)
            .find(|&known| i64::from(known) == index);
        found.ok_or_else(|| QmpError::generic(format!("Parameter '{name}' expects a CPU number")))
    }
}

/// Opens the file that memory is saved to; the words are QEMU's.
fn create(path: &str) -> Result<File, QmpError> {
    File::create(path)
        .map_err(|error| QmpError::generic(format!("Could not open '{path}': {}", os_text(&error))))
}

/// The system's text for an error, without Rust's number behind it.
pub(crate) fn os_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

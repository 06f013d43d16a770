//! CPUs and boards as `machine.json` describes them.

use qmp_types::qmp::types::{
    CpuInfo, CpuInfoArch2, CpuInfoFast, CpuInfoFastTarget, CpuInfoX86, CpuInstanceProperties,
    HotpluggableCpu, MachineInfo,
};

use crate::cpu::CpuConfig;
use crate::machine::{self, CpuPlace, CpuSlot, MachineKind};

pub(super) fn fast_info(cpu: &machine::CpuInfo) -> CpuInfoFast {
    CpuInfoFast {
        cpu_index: cpu.index.into(),
        qom_path: cpu.path.clone(),
        thread_id: cpu.thread_id.into(),
        props: Some(Box::new(props(cpu.place))),
        target: CpuInfoFastTarget::X86_64,
    }
}

pub(super) fn info(cpu: &machine::CpuInfo, current: u32) -> CpuInfo {
    CpuInfo {
        cpu: cpu.index.into(),
        current: cpu.index == current,
        halted: cpu.halted,
        qom_path: cpu.path.clone(),
        thread_id: cpu.thread_id.into(),
        props: Some(Box::new(props(cpu.place))),
        arch: CpuInfoArch2::X86(CpuInfoX86 {
            // A number on the wire is signed; the bits are the address's.
            pc: cpu.program_counter.cast_signed(),
        }),
    }
}

pub(super) fn hotpluggable(slot: CpuSlot) -> HotpluggableCpu {
    HotpluggableCpu {
        r#type: slot.type_name.to_owned(),
        vcpus_count: 1,
        props: props(slot.place),
        qom_path: slot.path,
    }
}

fn props(place: CpuPlace) -> CpuInstanceProperties {
    CpuInstanceProperties {
        socket_id: Some(place.socket.into()),
        core_id: Some(place.core.into()),
        thread_id: Some(place.thread.into()),
        ..CpuInstanceProperties::default()
    }
}

pub(super) fn machine_info(kind: MachineKind) -> MachineInfo {
    let has_board = kind != MachineKind::None;
    MachineInfo {
        name: kind.as_str().to_owned(),
        alias: kind.alias().map(str::to_owned),
        is_default: has_board.then_some(true),
        cpu_max: kind.max_cpus().into(),
        hotpluggable_cpus: has_board,
        numa_mem_supported: false,
        deprecated: false,
        default_cpu_type: has_board.then(|| CpuConfig::default().model().type_name.to_owned()),
        default_ram_id: None,
        acpi: has_board,
        compat_props: None,
    }
}

//! What `info` shows.

use std::fmt::Write;
use std::sync::Arc;

use qmp_runtime::QmpError;
use qmp_types::qmp::types::{
    DirtyRateMeasureMode, DirtyRateStatus, DumpStatus, MemoryDeviceInfo, MemoryDeviceInfoType,
};
use qmp_types::qmp::{
    CharCommands, DumpCommands, MachineCommands, MigrationCommands, MiscCommands, UiCommands,
    commands,
};

use super::block::{block, blockstats};
use super::line::Line;
use super::registers::registers;
use super::{Human, HumanCommand, Said, Stop};
use crate::qmp::{PACKAGE, QEMU_VERSION};
use crate::qom::Node;

const fn about(
    name: &'static str,
    help: &'static str,
    run: fn(&mut Human<'_, '_>, Line<'_>) -> Said,
) -> HumanCommand {
    HumanCommand {
        name,
        arguments: "",
        help,
        run,
    }
}

pub(super) const INFO: &[HumanCommand] = &[
    about("balloon", "how much memory the guest has", balloon),
    HumanCommand {
        arguments: "[-n] [-v] [device]",
        ..about(
            "block",
            "the disks, or one of them (-n: the named nodes, -v: their images, too)",
            block,
        )
    },
    about("block-jobs", "the jobs of disks", |_, line| {
        none(&line).map(|_| "No active jobs\n".to_owned())
    }),
    about(
        "blockstats",
        "what was read from disks and written to them",
        blockstats,
    ),
    about("chardev", "the character devices", chardev),
    about("cpus", "the CPUs and their threads", cpus),
    about(
        "dirty_rate",
        "how fast the guest writes to memory",
        dirty_rate,
    ),
    about("dump", "how far the last dump has got", dump),
    about(
        "hotpluggable-cpus",
        "the places for CPUs",
        hotpluggable_cpus,
    ),
    about("iothreads", "the threads for devices", iothreads),
    about("kvm", "whether KVM runs the guest", kvm),
    about(
        "memdev",
        "the memory of the host that the guest has",
        memdev,
    ),
    about("memory-devices", "the memory modules", memory_devices),
    about(
        "memory_size_summary",
        "how much memory there is",
        memory_size_summary,
    ),
    about("mice", "which mouse gets what is sent", mice),
    about("name", "the guest's name", name),
    about("network", "the network devices", |_, line| none(&line)),
    about("numa", "the nodes of memory", |_, line| {
        none(&line).map(|_| "0 nodes\n".to_owned())
    }),
    HumanCommand {
        arguments: "[path]",
        ..about("qom-tree", "the objects below a path", qom_tree)
    },
    HumanCommand {
        arguments: "[-a] [vcpu]",
        ..about(
            "registers",
            "the registers of a CPU (-a: of all)",
            registers,
        )
    },
    about("status", "what the machine is doing", status),
    about("tpm", "the trusted platform modules", |_, line| none(&line)),
    HumanCommand {
        arguments: "[name]",
        ..about(
            "trace-events",
            "the trace events, and which are on",
            trace_events,
        )
    },
    about("usb", "the devices on USB", |_, line| {
        none(&line)?;
        Err(Stop::Failed(QmpError::generic("USB support not enabled")))
    }),
    about("uuid", "the guest's UUID", uuid),
    about("version", "the version", version),
];

/// A list of what QMP tells, with a text for each.
macro_rules! listed {
    ($human:ident, $line:ident, $method:ident, $command:expr) => {{
        $line.end()?;
        $human.vmm.$method($human.cx, $command)?
    }};
}

/// There are none here.
fn none(line: &Line<'_>) -> Said {
    line.end()?;
    Ok(String::new())
}

fn balloon(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let info = listed!(human, line, query_balloon, commands::QueryBalloon {});
    Ok(format!("balloon: actual={}\n", info.actual >> 20))
}

fn chardev(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let all = listed!(human, line, query_chardev, commands::QueryChardev {});
    let lines = all.into_iter();
    Ok(lines
        .map(|chardev| format!("{}: filename={}\n", chardev.label, chardev.filename))
        .collect())
}

fn cpus(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let all = listed!(human, line, query_cpus_fast, commands::QueryCpusFast {});
    let current = i64::from(human.cpu);
    let lines = all.into_iter().map(|cpu| {
        let mark = if cpu.cpu_index == current { '*' } else { ' ' };
        format!(
            "{mark} CPU #{}: thread_id={}\n",
            cpu.cpu_index, cpu.thread_id
        )
    });
    Ok(lines.collect())
}

fn dirty_rate(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let info = listed!(
        human,
        line,
        query_dirty_rate,
        commands::QueryDirtyRate::default()
    );
    let mut text = format!(
        "Status: {}\nStart Time: {} (ms)\n",
        info.status, info.start_time
    );
    if info.mode == DirtyRateMeasureMode::PageSampling {
        let _ = writeln!(text, "Sample Pages: {} (per GB)", info.sample_pages);
    }
    let _ = writeln!(
        text,
        "Period: {} (sec)\nMode: {}",
        info.calc_time, info.mode
    );
    let rate = match (info.status, info.dirty_rate) {
        (DirtyRateStatus::Measured, Some(rate)) => format!("{rate} (MB/s)"),
        _ => "(not ready)".to_owned(),
    };
    Ok(text + &format!("Dirty rate: {rate}\n"))
}

fn dump(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let dump = listed!(human, line, query_dump, commands::QueryDump {});
    let mut text = format!("Status: {}\n", dump.status);
    if dump.status == DumpStatus::Active && dump.total > 0 {
        let percent = 100.0 * dump.completed as f64 / dump.total as f64;
        let _ = writeln!(text, "Finished: {percent:.2} %");
    }
    Ok(text)
}

fn hotpluggable_cpus(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let all = listed!(
        human,
        line,
        query_hotpluggable_cpus,
        commands::QueryHotpluggableCpus {}
    );
    let mut text = String::from("Hotpluggable CPUs:\n");
    for slot in all {
        let _ = writeln!(text, "  type: \"{}\"", slot.r#type);
        let _ = writeln!(text, "  vcpus_count: \"{}\"", slot.vcpus_count);
        if let Some(path) = slot.qom_path {
            let _ = writeln!(text, "  qom_path: \"{path}\"");
        }
        text += "  CPUInstance Properties:\n";
        let place = slot.props;
        for (name, number) in [
            ("node-id", place.node_id),
            ("socket-id", place.socket_id),
            ("die-id", place.die_id),
            ("core-id", place.core_id),
            ("thread-id", place.thread_id),
        ] {
            if let Some(number) = number {
                let _ = writeln!(text, "    {name}: \"{number}\"");
            }
        }
    }
    Ok(text)
}

fn iothreads(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let all = listed!(human, line, query_iothreads, commands::QueryIothreads {});
    let lines = all.into_iter().map(|thread| {
        format!(
            "{}:\n  thread_id={}\n  poll-max-ns={}\n  poll-grow={}\n  poll-shrink={}\n  aio-max-batch={}\n",
            thread.id,
            thread.thread_id,
            thread.poll_max_ns,
            thread.poll_grow,
            thread.poll_shrink,
            thread.aio_max_batch
        )
    });
    Ok(lines.collect())
}

fn kvm(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    line.end()?;
    let state = match human.vmm.machine.accel().kvm_enabled {
        true => "enabled",
        false => "disabled",
    };
    Ok(format!("kvm support: {state}\n"))
}

fn memdev(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let all = listed!(human, line, query_memdev, commands::QueryMemdev {});
    let mut text = String::new();
    for memory in all {
        let _ = write!(
            text,
            "memory backend: {}\n  size:  {}\n  merge: {}\n  dump: {}\n  prealloc: {}\n  share: {}\n",
            memory.id.as_deref().unwrap_or_default(),
            memory.size,
            memory.merge,
            memory.dump,
            memory.prealloc,
            memory.share
        );
        if let Some(reserve) = memory.reserve {
            let _ = writeln!(text, "  reserve: {reserve}");
        }
        let nodes: Vec<String> = memory.host_nodes.iter().map(u16::to_string).collect();
        let _ = write!(
            text,
            "  policy: {}\n  host nodes: {}\n",
            memory.policy,
            nodes.join(",")
        );
    }
    Ok(text + "\n")
}

fn memory_devices(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let all = listed!(
        human,
        line,
        query_memory_devices,
        commands::QueryMemoryDevices {}
    );
    Ok(all.iter().map(memory_device).collect())
}

fn memory_device(device: &MemoryDeviceInfo) -> String {
    let MemoryDeviceInfoType::Dimm(module) = &device.r#type else {
        return String::new(); // there are no others here
    };
    let module = &module.data;
    format!(
        "Memory device [dimm]: \"{}\"\n  addr: {:#x}\n  slot: {}\n  node: {}\n  size: {}\n  memdev: {}\n  \
         hotplugged: {}\n  hotpluggable: {}\n",
        module.id.as_deref().unwrap_or_default(),
        module.addr,
        module.slot,
        module.node,
        module.size,
        module.memdev,
        module.hotplugged,
        module.hotpluggable
    )
}

fn memory_size_summary(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let info = listed!(
        human,
        line,
        query_memory_size_summary,
        commands::QueryMemorySizeSummary {}
    );
    let mut text = format!("base memory: {}\n", info.base_memory);
    if let Some(plugged) = info.plugged_memory {
        let _ = writeln!(text, "plugged memory: {plugged}");
    }
    Ok(text)
}

fn mice(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let all = listed!(human, line, query_mice, commands::QueryMice {});
    if all.is_empty() {
        return Ok("No mouse devices connected\n".to_owned());
    }
    let lines = all.into_iter().map(|mouse| {
        let mark = if mouse.current { '*' } else { ' ' };
        let kind = if mouse.absolute { " (absolute)" } else { "" };
        format!("{mark} Mouse #{}: {}{kind}\n", mouse.index, mouse.name)
    });
    Ok(lines.collect())
}

fn name(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    let info = listed!(human, line, query_name, commands::QueryName {});
    Ok(info.name.map(|name| name + "\n").unwrap_or_default())
}

fn qom_tree(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let path = line.word()?.unwrap_or_else(|| "/machine".to_owned());
    line.end()?;
    let Ok(node) = human.vmm.machine.tree().resolve(&path) else {
        let text = format!("Path '{path}' could not be resolved.\n");
        return Err(Stop::Text(text));
    };
    let mut text = String::new();
    branch(&node, &format!("/{}", node.name()), 0, &mut text);
    Ok(text)
}

fn branch(node: &Arc<Node>, name: &str, depth: usize, text: &mut String) {
    let kind = node.type_info().name;
    let _ = writeln!(text, "{:1$}{name} ({kind})", "", depth * 2);
    let mut children = node.children();
    children.sort_by(|one, other| one.name().cmp(other.name()));
    for child in children {
        branch(&child, &format!("/{}", child.name()), depth + 1, text);
    }
}

fn status(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    line.end()?;
    let state = human.vmm.machine.run_state();
    let running = match state.is_running() {
        true => "running",
        false => "paused",
    };
    Ok(match state.as_str() {
        "running" | "paused" => format!("VM status: {running}\n"),
        other => format!("VM status: {running} ({other})\n"),
    })
}

fn trace_events(_: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let name = line.word()?.unwrap_or_else(|| "*".to_owned());
    line.end()?;
    let states = crate::trace::states(&name);
    let states = states.map_err(|error| Stop::Text(format!("{error}\n")))?;
    let lines = states.into_iter();
    Ok(lines
        .map(|(name, on)| format!("{name} : state {}\n", u8::from(on)))
        .collect())
}

fn uuid(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    line.end()?;
    Ok(format!("{}\n", human.vmm.uuid_text()))
}

fn version(_: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    line.end()?;
    let (major, minor, micro) = QEMU_VERSION;
    Ok(format!("{major}.{minor}.{micro}{PACKAGE}\n"))
}

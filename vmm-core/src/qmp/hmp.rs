//! `human-monitor-command`: a few commands of the human monitor, for the habits of people.

use std::fmt::Write;

use qmp_runtime::{Context, QmpError};

use super::{PACKAGE, QEMU_VERSION, Vmm};
use crate::machine::Cause;

/// A command of the human monitor.
struct HumanCommand {
    name: &'static str,
    help: &'static str,
    run: fn(&mut Vmm, &mut Context<'_>) -> Result<String, QmpError>,
}

/// What `info` knows.
const INFO: &[HumanCommand] = &[
    HumanCommand {
        name: "balloon",
        help: "how much memory the guest has",
        run: |vmm, _| Ok(vmm.info_balloon()),
    },
    HumanCommand {
        name: "cpus",
        help: "the CPUs and their threads",
        run: |vmm, _| vmm.info_cpus(),
    },
    HumanCommand {
        name: "kvm",
        help: "whether KVM runs the guest",
        run: |vmm, _| Ok(vmm.info_kvm()),
    },
    HumanCommand {
        name: "name",
        help: "the guest's name",
        run: |vmm, _| Ok(vmm.info_name()),
    },
    HumanCommand {
        name: "status",
        help: "what the machine is doing",
        run: |vmm, _| Ok(vmm.info_status()),
    },
    HumanCommand {
        name: "uuid",
        help: "the guest's UUID",
        run: |vmm, _| Ok(format!("{}\r\n", vmm.uuid_text())),
    },
    HumanCommand {
        name: "version",
        help: "the version",
        run: |_, _| Ok(info_version()),
    },
];

/// The other commands.
const COMMANDS: &[HumanCommand] = &[
    HumanCommand {
        name: "cont",
        help: "let the guest go on",
        run: |vmm, _| quiet(vmm.machine.cont().map(drop)),
    },
    HumanCommand {
        name: "help",
        help: "this list",
        run: |_, _| Ok(help()),
    },
    HumanCommand {
        name: "nmi",
        help: "inject an NMI",
        run: |vmm, _| quiet(vmm.machine.inject_nmi()),
    },
    HumanCommand {
        name: "quit",
        help: "end the machine",
        run: |vmm, cx| {
            cx.quit();
            quiet(vmm.machine.quit())
        },
    },
    HumanCommand {
        name: "stop",
        help: "pause the guest",
        run: |vmm, _| quiet(vmm.machine.stop().map(drop)),
    },
    HumanCommand {
        name: "system_powerdown",
        help: "press the power button",
        run: |vmm, _| quiet(vmm.machine.powerdown()),
    },
    HumanCommand {
        name: "system_reset",
        help: "reset the machine",
        run: |vmm, _| quiet(vmm.machine.reset(Cause::HostQmpSystemReset)),
    },
];

/// Errors of the human monitor are text like everything else.
fn quiet(result: Result<(), crate::machine::MachineError>) -> Result<String, QmpError> {
    Ok(match result {
        Ok(()) => String::new(),
        Err(error) => format!("Error: {error}\r\n"),
    })
}

impl Vmm {
    fn info_balloon(&self) -> String {
        match self.machine.balloon() {
            Ok(bytes) => format!("balloon: actual={}\r\n", bytes >> 20),
            Err(error) => format!("Error: {error}\r\n"),
        }
    }

    /// Runs a line; what it prints, with the line ends of a terminal.
    pub(super) fn run_hmp(&mut self, cx: &mut Context<'_>, line: &str) -> Result<String, QmpError> {
        let line = line.trim();
        let mut words = line.split_ascii_whitespace();
        let (table, name) = match words.next() {
            None => return Ok(String::new()),
            Some("info") => match words.next() {
                Some(name) => (INFO, name),
                None => return Ok(list(INFO, "info ")),
            },
            Some(name) => (COMMANDS, name),
        };
        let Some(command) = table.iter().find(|command| command.name == name) else {
            return Ok(format!("unknown command: '{line}'\r\n"));
        };
        if words.next().is_some() {
            let full = if line.starts_with("info") {
                format!("info {name}")
            } else {
                name.to_owned()
            };
            return Ok(format!(
                "{name}: extraneous characters at the end of line\r\nTry \"help {full}\" for more information\r\n"
            ));
        }
        (command.run)(self, cx)
    }

    fn info_cpus(&self) -> Result<String, QmpError> {
        let mut text = String::new();
        for cpu in self.machine.cpus()? {
            let mark = if cpu.index == self.current_cpu {
                '*'
            } else {
                ' '
            };
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "{mark} CPU #{}: thread_id={}\r\n",
                cpu.index, cpu.thread_id
            );
        }
        Ok(text)
    }

    fn info_kvm(&self) -> String {
        let state = if self.machine.accel().kvm_enabled {
            "enabled"
        } else {
            "disabled"
        };
        format!("kvm support: {state}\r\n")
    }

    fn info_name(&self) -> String {
        self.name
            .as_ref()
            .map(|name| format!("{name}\r\n"))
            .unwrap_or_default()
    }

    fn info_status(&self) -> String {
        let state = self.machine.run_state();
        let running = if state.is_running() {
            "running"
        } else {
            "paused"
        };
        match state.as_str() {
            "running" | "paused" => format!("VM status: {running}\r\n"),
            other => format!("VM status: {running} ({other})\r\n"),
        }
    }
}

fn info_version() -> String {
    let (major, minor, micro) = QEMU_VERSION;
    format!("{major}.{minor}.{micro}{PACKAGE}\r\n")
}

fn help() -> String {
    list(COMMANDS, "") + &list(INFO, "info ")
}

fn list(commands: &[HumanCommand], prefix: &str) -> String {
    commands
        .iter()
        .map(|command| format!("{prefix}{} -- {}\r\n", command.name, command.help))
        .collect()
}

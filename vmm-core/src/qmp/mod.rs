//! The machine over QMP: one file per schema module, translation only.

mod acpi;
mod audio;
mod block;
mod block_core;
mod char;
mod control;
mod cpus;
mod dump;
mod error;
mod events;
mod fds;
mod hmp;
mod image;
mod job;
mod machine;
mod machine_target;
mod migration;
mod misc;
mod misc_target;
mod net;
mod qdev;
mod qom;
mod rocker;
mod run_state;
mod tpm;
mod trace;
mod ui;

use std::sync::Arc;

use qmp_runtime::server::{Server, ServerBuilder};
use qmp_runtime::{CompatPolicy, DuplicateCommand, Entry, Router};
use qmp_types::qmp::types::Audiodev;
use qmp_types::qmp::{
    AcpiCommands, AudioCommands, BlockCoreCommands, CharCommands, ControlCommands, DumpCommands,
    INTROSPECTION, JobCommands, MachineCommands, MachineTargetCommands, MigrationCommands,
    MiscCommands, MiscTargetCommands, NetCommands, QdevCommands, QomCommands, RockerCommands,
    RunStateCommands, TpmCommands, TraceCommands, UiCommands,
};

pub(crate) use block::node_config;
pub use events::EventBridge;
pub(crate) use machine::os_text;

use crate::machine::Machine;
use fds::Fds;

/// The version of QEMU whose protocol and schema this is.
pub(crate) const QEMU_VERSION: (u32, u32, u32) = (10, 0, 2);

/// What QEMU's packagers put behind the version; ours says who is speaking.
pub(crate) const PACKAGE: &str = concat!(" (vmm ", env!("CARGO_PKG_VERSION"), ")");

/// What the protocol's runtime answers by itself.
const BUILT_IN: [&str; 3] = ["qmp_capabilities", "query-commands", "query-qmp-schema"];

/// The commands that have handlers.
const COMMANDS: [&[Entry<Vmm>]; 20] = [
    <Vmm as AcpiCommands>::COMMANDS,
    <Vmm as AudioCommands>::COMMANDS,
    <Vmm as BlockCoreCommands>::COMMANDS,
    <Vmm as CharCommands>::COMMANDS,
    <Vmm as ControlCommands>::COMMANDS,
    <Vmm as DumpCommands>::COMMANDS,
    <Vmm as JobCommands>::COMMANDS,
    <Vmm as MachineCommands>::COMMANDS,
    <Vmm as MachineTargetCommands>::COMMANDS,
    <Vmm as MigrationCommands>::COMMANDS,
    <Vmm as MiscCommands>::COMMANDS,
    <Vmm as MiscTargetCommands>::COMMANDS,
    <Vmm as NetCommands>::COMMANDS,
    <Vmm as QdevCommands>::COMMANDS,
    <Vmm as QomCommands>::COMMANDS,
    <Vmm as RockerCommands>::COMMANDS,
    <Vmm as RunStateCommands>::COMMANDS,
    <Vmm as TpmCommands>::COMMANDS,
    <Vmm as TraceCommands>::COMMANDS,
    <Vmm as UiCommands>::COMMANDS,
];

/// What the handlers know: the machine, and what belongs to the monitors rather than to it.
#[derive(Debug)]
pub struct Vmm {
    machine: Arc<Machine>,
    name: Option<String>,
    uuid: Option<String>,
    fds: Fds,
    compat: CompatPolicy,
    /// How the human monitor showed numbers last.
    format: hmp::Format,
    /// Buttons of the mouse that the human monitor holds down, as bits.
    mouse_buttons: i64,
    /// The CPU that `cpu` chose, for all monitors.
    current_cpu: u32,
    /// Whether clients want to hear of the stages of a migration.
    migration_events: bool,
    audiodevs: Vec<Audiodev>,
}

impl Vmm {
    /// Handlers for a machine.
    pub fn new(machine: Arc<Machine>, name: Option<String>, uuid: Option<String>) -> Self {
        let fds = Fds::new(machine.chardevs().descriptors().clone());
        Vmm {
            machine,
            name,
            uuid,
            fds,
            compat: CompatPolicy::default(),
            format: hmp::Format::default(),
            mouse_buttons: 0,
            current_cpu: 0,
            migration_events: false,
            audiodevs: Vec::new(),
        }
    }

    /// Says what becomes of deprecated and unstable commands, arguments and results.
    #[must_use]
    pub fn compat(self, compat: CompatPolicy) -> Self {
        Vmm { compat, ..self }
    }

    /// Says where sound goes to, in the order of the command line.
    #[must_use]
    pub fn audiodevs(mut self, audiodevs: Vec<Audiodev>) -> Self {
        self.audiodevs = audiodevs;
        self
    }

    /// A server for these handlers; `builder` has the event sink that the machine's observer uses.
    ///
    /// # Errors
    /// Never: no command has two handlers.
    pub fn serve(self, builder: ServerBuilder) -> Result<Server, DuplicateCommand> {
        let (major, minor, micro) = QEMU_VERSION;
        let preconfig = self.machine.config().preconfig;
        Ok(builder
            .version(major, minor, micro, PACKAGE)
            .preconfig(preconfig)
            .serve(self.router()?))
    }

    /// The handlers by command, for servers of another kind or with more commands.
    ///
    /// # Errors
    /// Never: no command has two handlers.
    pub fn router(self) -> Result<Router, DuplicateCommand> {
        let compat = self.compat;
        declare_trace_events();
        Ok(Router::new()
            .mount(self, &COMMANDS)?
            .schema(INTROSPECTION)
            .emits(events::EMITTED)
            .compat(compat))
    }
}

/// Makes the trace events of all commands known.
pub(crate) fn declare_trace_events() {
    crate::trace::declare(|| {
        let commands = COMMANDS.iter().copied().flatten();
        let names = commands.map(|entry| entry.info().name);
        names.chain(BUILT_IN).collect()
    });
}

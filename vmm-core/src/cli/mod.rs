//! The command line, with QEMU's options.
//!
//! `table` declares the options once: the parser, `--help` and `query-command-line-options` all go
//! by it.

mod accel;
mod apply;
mod audio;
mod block;
mod board;
mod boot;
mod chardev;
mod config_file;
mod given;
mod ids;
mod lists;
mod memory;
mod monitors;
mod objects;
mod origins;
mod params;
mod process;
mod run_state;
mod sandbox;
mod smp;
mod table;
mod tls;
mod trace;

use std::path::PathBuf;

use crate::char::{BackendConfig, LogConfig};
use crate::machine::MachineConfig;
use crate::report::MessageFormat;
use crate::sandbox::Sandbox;
use qmp_runtime::CompatPolicy;
use qmp_runtime::json::Style;
use qmp_runtime::server::Endpoint;
use qmp_types::qmp::types::Audiodev;

pub(crate) use objects::spec;
pub use origins::Origins;
pub use params::{Params, ParamsError, parse_size};
pub use process::{GivenFd, MemoryLock};
pub use table::{OPTIONS, OptionSpec, ParamKind, ParamSpec, help};
pub use trace::TraceSwitch;

/// What a command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Run a machine.
    Run(Box<Options>),
    /// Print this text and end.
    Print(String),
}

/// A monitor for QMP clients.
#[derive(Debug)]
pub struct MonitorConfig {
    /// The label of its character device.
    pub label: String,
    /// Where clients connect.
    pub endpoint: Endpoint,
}

/// A machine and its surroundings.
#[derive(Debug, Default)]
pub struct Options {
    /// The machine.
    pub machine: MachineConfig,
    /// The guest's name.
    pub name: Option<String>,
    /// The name of the process, for lists of processes.
    pub process_name: Option<String>,
    /// The guest's UUID, in its usual text form.
    pub uuid: Option<String>,
    /// Character devices that a serial port may use, with their labels.
    pub chardevs: Vec<(String, BackendConfig, Option<LogConfig>)>,
    /// Where QMP clients connect.
    pub monitors: Vec<MonitorConfig>,
    /// QMP monitors on character devices that are no sockets of their own: labels and layouts.
    pub bridges: Vec<(String, Style)>,
    /// The labels of the character devices that human monitors are on.
    pub terminals: Vec<String>,
    /// The character that makes the next one a multiplexer's; 0 for Ctrl-A.
    pub escape: u8,
    /// Where to write the process id.
    pub pidfile: Option<PathBuf>,
    /// What becomes of deprecated and unstable commands, arguments and results.
    pub compat: CompatPolicy,
    /// What the process gives up before the guest starts.
    pub sandbox: Option<Sandbox>,
    /// Whether to go on in the background once the machine is ready.
    pub daemonize: bool,
    /// How much of the process stays in memory.
    pub memory_lock: MemoryLock,
    /// How messages on standard error look.
    pub messages: MessageFormat,
    /// Descriptors that came with the process, for sets.
    pub fds: Vec<GivenFd>,
    /// Trace events that are switched on or off.
    pub trace_events: Vec<TraceSwitch>,
    /// Where trace events are written to; standard error if absent.
    pub trace_file: Option<PathBuf>,
    /// Where sound goes to.
    pub audiodevs: Vec<Audiodev>,
    /// Which option asked for what.
    pub origins: Origins,
}

/// A command line that cannot be followed; the text says which option and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

impl UsageError {
    fn new(text: impl Into<String>) -> Self {
        UsageError(text.into())
    }
}

/// Reads a command line, without the program's own name.
///
/// # Errors
/// An option is unknown, lacks its argument, or has one that means nothing.
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Request, UsageError> {
    let line = given::collect(arguments.into_iter());
    let mut builder = apply::Builder::default();
    for option in line.options {
        let taken = builder.apply(option.spec.name, &option.value);
        if let Some(text) = taken.map_err(|error| error.at(&option))? {
            return Ok(Request::Print(text));
        }
        builder.note(&option);
    }
    if let Some(fault) = line.fault {
        return Err(fault); // what comes before it might have asked for help
    }
    builder
        .finish()
        .map(|options| Request::Run(Box::new(options)))
}

/// Reads what `-chardev` takes, for a device of a machine that runs; the last one is whether it is to be shared.
pub(crate) fn chardev(
    value: &str,
) -> Result<(String, BackendConfig, Option<LogConfig>, bool), UsageError> {
    let (id, chardev, shared) = chardev::parse(value)?;
    match chardev {
        chardev::Chardev::Backend(backend, log) => Ok((id, backend, log, shared)),
        chardev::Chardev::Socket(_, None, config, log) => {
            Ok((id, BackendConfig::Socket(config), log, shared))
        }
        chardev::Chardev::Socket(_, Some(_), ..) => Err(UsageError::new(
            "with TLS a socket can serve a monitor only",
        )),
    }
}

impl UsageError {
    /// Puts the option in front of the text.
    fn at(self, option: &impl std::fmt::Display) -> Self {
        UsageError(format!("{option}: {}", self.0))
    }
}

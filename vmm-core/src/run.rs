//! From a command line to a running machine and its end.

use std::ffi::CString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use qmp_runtime::EventSink;
use qmp_runtime::server::Server;
use rustix::mm::{MlockAllFlags, mlockall};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::bridge;
use crate::char::{CharError, Registry, restore_console};
use crate::cli::{MemoryLock, Options, Origins, TraceSwitch};
use crate::daemon::{self, Half};
use crate::fdset::FdSets;
use crate::machine::{Cause, Global, Machine, MachineError, ShutdownAction};
use crate::monitor;
use crate::qmp::{EventBridge, Vmm};
use crate::report::{report, set_format};
use crate::sandbox::{SandboxError, confine_process};
use crate::terminal;
use crate::trace;

/// How long requests under way may hold up the end of the process.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a machine did not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The machine cannot be made or started.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A character device cannot be opened.
    #[error("{option}: {error}")]
    Chardev {
        /// What asked for it.
        option: String,
        /// The cause.
        error: CharError,
    },
    /// A monitor cannot be opened.
    #[error("-qmp {address}: {error}{remedy}")]
    Monitor {
        /// Where it was to listen or connect.
        address: String,
        /// The cause.
        error: io::Error,
        /// What to do about it.
        remedy: &'static str,
    },
    /// Trace events cannot be written there.
    #[error("-D {}: {error}", path.display())]
    TraceFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The process id cannot be written.
    #[error("-pidfile {}: {error}", path.display())]
    PidFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The process cannot be kept in memory.
    #[error("-overcommit mem-lock: locking memory failed: {0}")]
    MemoryLock(io::Error),
    /// The process cannot be confined.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The system refuses something that a process needs.
    #[error("cannot set up the process: {0}")]
    System(#[from] io::Error),
}

/// Runs a machine until its end; the exit code of the process.
///
/// # Errors
/// It cannot be made or started.
pub fn run(mut options: Options) -> Result<i32, RunError> {
    set_format(options.messages.clone());
    if let Some(name) = &options.process_name {
        name_process(name)?;
    }
    let daemon = match options.daemonize.then(daemon::split).transpose()? {
        None => None,
        Some(Half::Background(daemon)) => Some(daemon),
        Some(Half::Front(code)) => return Ok(code),
    };
    if let Some(sandbox) = options.sandbox {
        confine_process(sandbox)?; // threads that start from here on inherit it
    }
    for global in options
        .machine
        .globals
        .iter()
        .filter(|global| !global.is_known())
    {
        let Global {
            driver, property, ..
        } = global;
        report(&format!(
            "warning: global {driver}.{property} has invalid class name"
        ));
    }
    let _console = Console;
    let events = EventSink::new();
    let machine = Arc::new(make_machine(&mut options, &events)?);
    lock_memory(options.memory_lock)?;
    let _pidfile = options.pidfile.map(PidFile::write).transpose()?;
    let vmm = Vmm::new(Arc::clone(&machine), options.name, options.uuid)
        .compat(options.compat)
        .audiodevs(options.audiodevs);
    let server = vmm
        .serve(Server::builder().events(&events).held(true))
        .map_err(io::Error::other)?;
    let server = Arc::new(server);
    trace_from_start(options.trace_file, &options.trace_events)?;
    let mut monitors = Vec::new();
    for config in options.monitors {
        monitors.push(monitor::open(&server, machine.chardevs(), config)?);
    }
    let open_monitor = |label: &str| {
        let held = machine.chardevs().open_monitor(label);
        held.map_err(|error| chardev_error(&options.origins, label, error))
    };
    let mut bridges = Vec::new();
    for (label, style) in options.bridges {
        let frontend = open_monitor(&label)?;
        bridge::serve(&server, &frontend, style)?;
        bridges.push(frontend);
    }
    for label in options.terminals {
        terminal::serve(Arc::clone(&server), open_monitor(&label)?)?;
    }
    quit_by_key(&machine);
    machine.chardevs().open_muxes();
    // Up to here they end the process, which may be waiting for a client.
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    machine.start()?;
    end_on_signals(signals, &machine)?; // those that have come meanwhile, too
    server.release();
    if let Some(daemon) = daemon {
        daemon.ready()?;
    }
    let finish = machine.wait();
    server.close(PATIENCE);
    drop(monitors);
    drop(bridges);
    machine.close();
    Ok(finish.exit_code)
}

/// Names the process as lists of processes show it; the kernel cuts long names.
fn name_process(name: &str) -> Result<(), RunError> {
    let name = CString::new(name).map_err(io::Error::other)?;
    rustix::thread::set_name(&name).map_err(io::Error::from)?;
    Ok(())
}

fn make_machine(options: &mut Options, events: &EventSink) -> Result<Machine, RunError> {
    let fds = std::mem::take(&mut options.fds);
    let chardevs = Registry::with_descriptors(FdSets::new(fds));
    chardevs.set_escape(options.escape);
    for (label, backend, log) in &options.chardevs {
        chardevs
            .add_logged(label, backend, log.as_ref())
            .map_err(|error| chardev_error(&options.origins, label, error))?;
    }
    let events = Arc::new(EventBridge(events.clone()));
    let machine = Machine::new(options.machine.clone(), chardevs, events);
    machine.map_err(|mut error| {
        if let MachineError::Create { asked, what, .. } = &mut error
            && let Some(option) = options.origins.of(*asked)
        {
            option.clone_into(what);
        }
        error.into()
    })
}

fn chardev_error(origins: &Origins, label: &str, error: CharError) -> RunError {
    let option = origins.of_chardev(label).map(str::to_owned);
    RunError::Chardev {
        option: option.unwrap_or_else(|| format!("-chardev {label}")),
        error,
    }
}

/// Switches on what the command line asks for.
fn trace_from_start(file: Option<PathBuf>, events: &[TraceSwitch]) -> Result<(), RunError> {
    if let Some(path) = file {
        trace::write_to(&path).map_err(|error| RunError::TraceFile { path, error })?;
    }
    for TraceSwitch { name, on, option } in events {
        if trace::switch(name, *on).is_err() {
            let option = option.as_ref().map(|option| format!("{option}: "));
            report(&format!(
                "{}warning: trace event '{name}' does not exist",
                option.unwrap_or_default()
            ));
        }
    }
    Ok(())
}

/// Keeps the process, with the guest's memory, from being swapped out.
fn lock_memory(lock: MemoryLock) -> Result<(), RunError> {
    let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE;
    let flags = match lock {
        MemoryLock::Off => return Ok(()),
        MemoryLock::On => all,
        MemoryLock::OnFault => all | MlockAllFlags::ONFAULT,
    };
    mlockall(flags).map_err(|error| RunError::MemoryLock(error.into()))
}

/// A multiplexer's key ends the machine.
fn quit_by_key(machine: &Arc<Machine>) {
    let weak = Arc::downgrade(machine);
    machine.chardevs().on_quit(move || {
        if let Some(machine) = weak.upgrade() {
            let _ = machine.quit(); // it may have ended already
        }
    });
}

/// The usual signals end the machine, whatever its shutdown action is.
fn end_on_signals(mut signals: Signals, machine: &Arc<Machine>) -> io::Result<()> {
    let machine = Arc::downgrade(machine);
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for _ in signals.forever() {
                let Some(machine) = machine.upgrade() else {
                    return;
                };
                let mut actions = machine.actions();
                actions.shutdown = ShutdownAction::Poweroff;
                machine.set_actions(actions);
                if machine.shutdown(Cause::HostSignal).is_err() {
                    return; // it has ended already
                }
            }
        })?;
    Ok(())
}

/// The terminal is as it was when the process ends.
struct Console;

impl Drop for Console {
    fn drop(&mut self) {
        restore_console();
    }
}

/// A file with the process id, for as long as the process lives.
struct PidFile(PathBuf);

impl PidFile {
    fn write(path: PathBuf) -> Result<Self, RunError> {
        // A process in the background leaves the folder that it was started in.
        let full = std::path::absolute(&path);
        let written = full.and_then(|full| {
            fs::write(&full, format!("{}\n", std::process::id()))?;
            Ok(PidFile(full))
        });
        written.map_err(|error| RunError::PidFile { path, error })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Somebody may have removed it.
        let _ = fs::remove_file(&self.0);
    }
}

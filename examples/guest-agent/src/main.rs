//! The guest agent's process: options, logs, the way to the host.

mod log;
mod pid_file;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use guest_agent::options::{Method, Options, Task};
use guest_agent::{Agent, DryRun, Gate, Linux, State, System};
use pid_file::PidFile;
use qmp_runtime::server::Server;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tracing::info;

/// How long a command may take to finish when the agent ends.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Task::Run(options)) => options,
        Ok(Task::Print(text)) => {
            // Whoever reads it may have gone.
            let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => return complain(&error, 2),
    };
    match run(*options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string(), 1),
    }
}

fn complain(error: &str, code: u8) -> ExitCode {
    let text = format!("guest-agent: {error}\n");
    // There is nobody else to tell.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    ExitCode::from(code)
}

fn run(mut options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = options.endpoint()?;
    let gate = Arc::new(Gate::new(std::mem::take(&mut options.permitted)));
    let freezes = (!options.dry_run).then_some(&gate);
    log::start(options.log_file.as_deref(), options.verbose, freezes)?;
    if options.daemon {
        // No thread has been started yet, so all of the process goes along.
        nix::unistd::daemon(true, false)?;
    }
    let default = || {
        options
            .daemon
            .then(|| PathBuf::from("/var/run/guest-agent.pid"))
    };
    let pid_file = options.pid_file.clone().or_else(default);
    let pid_file = pid_file.map(PidFile::write).transpose()?;
    let state = State::in_folder(options.state_dir.unwrap_or_else(|| "/var/run".into()));
    let mut system: Arc<dyn System> = Arc::new(Linux::default());
    if options.dry_run {
        system = Arc::new(DryRun::new(system));
    }
    let router = Agent::new(system, gate, state)
        .hook(options.hook)
        .router()?;
    let server = Server::builder().agent().serve(router);
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let closing = server.clone();
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            info!("ends by signal {signal}");
            closing.close(PATIENCE);
        }
    });
    let place = endpoint.address().to_string();
    let monitor = server.open(endpoint);
    let monitor = monitor.map_err(|error| format!("{place}: {error}"))?;
    info!("serves {place}");
    if options.method == Method::Stdio {
        monitor.wait_for_end();
        server.close(PATIENCE);
    }
    server.wait();
    drop(pid_file);
    Ok(())
}

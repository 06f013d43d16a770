//! A shell for QMP servers and guest agents, which knows what they know: it completes, explains and
//! converts by what the server tells of itself.

mod batch;
mod complete;
mod help;
mod input;
mod interactive;
mod options;
mod print;
mod schema;
mod session;
mod words;

use std::process::ExitCode;

use options::{Options, Task};
use session::Session;

/// A command failed.
const FAILED: u8 = 1;
/// The command line is wrong.
const WRONG_USAGE: u8 = 2;
/// There is no connection, or it was lost.
const CONNECTION_LOST: u8 = 3;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Task::Run(options)) => options,
        Ok(Task::Print(text)) => {
            anstream::print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            anstream::eprintln!("qmp-shell: {error}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let result = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| run(&options, &runtime));
    result.unwrap_or_else(|error| {
        anstream::eprintln!("qmp-shell: {}", print::error(error));
        ExitCode::from(CONNECTION_LOST)
    })
}

fn run(options: &Options, runtime: &tokio::runtime::Runtime) -> Result<ExitCode, String> {
    let (session, events) = runtime.block_on(Session::connect(options))?;
    if batch::is_interactive(options) {
        interactive::run(options, runtime, &session, events).map_err(|error| error.to_string())
    } else {
        Ok(runtime.block_on(batch::run(options, session, events)))
    }
}

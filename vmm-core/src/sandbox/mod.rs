//! What the process, and those of its threads that work on what a guest hands them, may ask of the kernel.
//!
//! Two layers of seccomp filters. The whole process gives up what no virtual machine monitor needs
//! ([`confine_process`]): other programs, privileges, the machine's administration. Threads that run a guest
//! or serve its devices are left with what they need for that ([`confine_thread`]). Filters can be
//! added and never taken away, and threads inherit them.

mod process;
mod program;
mod thread;

use seccompiler::apply_filter;

pub use process::{Access, Sandbox, confine_process};
use program::{Action, Verdicts, program};
pub use thread::{Role, confine_thread};

/// Why a filter cannot be put in force.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot confine {what}: {error}; -sandbox off runs without")]
pub struct SandboxError {
    what: &'static str,
    error: String,
}

fn install(what: &'static str, verdicts: &Verdicts, otherwise: Action) -> Result<(), SandboxError> {
    apply_filter(&program(verdicts, otherwise)).map_err(|error| SandboxError {
        what,
        error: error.to_string(),
    })
}

//! A guest agent: the program inside a virtual machine that does there what the host asks for.
//!
//! [`Agent`] implements the handler trait that `build.rs` makes of `schema/qga`; each topic has a file. What
//! changes the machine goes through [`System`], so that [`DryRun`] can stand in for [`Linux`].

mod agent;
mod decode64;
mod errors;
mod files;
mod freeze;
mod gate;
mod mounts;
mod network;
pub mod options;
mod power;
mod state;
mod system;

/// The bindings.
pub(crate) mod qga {
    #![allow(missing_docs, reason = "not all of it is this crate's to document")]
    include!(concat!(env!("OUT_DIR"), "/qga.rs"));
}

pub use agent::Agent;
pub use gate::{Gate, Permitted};
pub use state::State;
pub use system::{DryRun, Linux, System, Trimmed};

/// The names of all commands that the agent has.
pub fn command_names() -> Vec<&'static str> {
    use qga::QgaCommands as _;
    Agent::COMMANDS
        .iter()
        .map(|entry| entry.info().name)
        .collect()
}

//! The agent as a process and as a library, beside QEMU's own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod clients;
mod freeze;
mod hostile;
mod options;
mod power;
mod process;
mod schema;
mod side_by_side;
mod steps;
mod transports;

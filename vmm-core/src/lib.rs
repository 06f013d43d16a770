//! A small virtual machine monitor over KVM that speaks QMP.
//!
//! [`machine::Machine`] is the whole control surface: it owns the guest's
//! memory, its vCPU threads and its board, and every method is synchronous.
//! [`mod@char`] has the character backends that serial ports talk to, [`accel`]
//! what runs guest code, and `guests` (a feature) the guests that the tests
//! and the demo boot.

pub mod accel;
pub mod backends;
pub mod block;
pub mod boot;
mod bridge;
pub mod char;
pub mod cli;
pub mod clock;
pub mod cpu;
mod daemon;
pub mod devices;
mod fdset;
#[cfg(feature = "guests")]
pub mod guests;
pub mod machine;
mod monitor;
pub mod qmp;
pub mod qom;
mod report;
mod run;
pub mod sandbox;
pub mod state;
mod sync;
mod terminal;
pub mod trace;

pub use fdset::FdSets;
pub use report::{MessageFormat, report};
pub use run::{RunError, run};

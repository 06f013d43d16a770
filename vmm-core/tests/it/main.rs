//! The machine from outside: guests under KVM, events, actions, and what works
//! without KVM.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod actions;
mod beside_qemu;
mod boot;
mod chardevs;
mod clock;
mod config;
mod differential;
mod dirty_rate;
mod display;
mod documented;
mod dump;
mod fixture;
mod guests;
mod hmp;
mod hostile;
mod input;
mod libvirt;
mod lifecycle;
mod memory;
mod no_accel;
mod objects_beside_qemu;
mod plug;
mod process;
mod qom;
mod run_states;
mod sandbox;
mod saved;
mod transcripts;
mod virtio;
mod watchdog;
mod without;

//! The same guest and the same commands, under QEMU 10.0.2 and under `vmm`: the
//! same answers, events, run states, output and memory.

mod commands;
mod guests;
pub(crate) mod peer;
pub(crate) mod script;

//! Anything that a guest does to ports, registers, queues and memory; see the module for what has to hold.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/virtio/operations.rs"]
mod operations;

fuzz_target!(|input: Vec<operations::Operation>| operations::run(input));

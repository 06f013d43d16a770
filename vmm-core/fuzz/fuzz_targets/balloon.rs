//! The same as `guest`, all of it done to one device.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/virtio/operations.rs"]
mod operations;

fuzz_target!(|input: Vec<operations::Operation>| operations::run(operations::focus(input, 1)));

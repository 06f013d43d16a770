//! Any order of what can happen to a session; see the module for what has to hold.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/operations.rs"]
mod operations;

fuzz_target!(|input: Vec<operations::Operation>| operations::run(input));

//! Files of device state: that of a machine to which anything was done, with bytes changed.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/virtio/operations.rs"]
mod operations;

use operations::Operation;

fuzz_target!(|input: (Vec<Operation>, Vec<Vec<(u16, u8)>>)| {
    let (mut operations, damages) = input;
    operations.truncate(20);
    let reloads = damages.into_iter().take(8);
    operations.extend(reloads.map(|damage| Operation::Reload { damage }));
    operations::run(operations);
});

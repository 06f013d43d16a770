//! Requests of a disk, several at once; then the same as `guest`, all of it done to the disk.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/virtio/operations.rs"]
mod operations;

type Input = (
    Vec<Vec<operations::DiskRequest>>,
    Vec<operations::Operation>,
);

fuzz_target!(|input: Input| {
    let mut all = operations::at_once(input.0);
    all.extend(input.1);
    operations::run(operations::focus(all, operations::DISK_DEVICE));
});

//! Tests of the whole crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod compat;
mod corpus;
mod dialects;
mod dump;
mod errors;
mod fmt;
mod generated;
mod lints;
mod loaders;
mod oracle;
mod qemu_tests;
mod rendering;
mod robust;
mod seeds;

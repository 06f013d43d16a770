//! Tests of the bindings.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod documented;
mod examples;
mod real_agent;
mod real_qemu;

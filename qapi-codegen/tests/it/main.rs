//! Integration tests of the code generator.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test"
)]

mod build_script;
mod builder;
mod cli_check;
mod cli_diff;
mod cli_dump;
mod cli_explain;
mod cli_fmt;
mod command;
mod compiled;
mod corpus;
mod engine;
mod import;
mod introspect;
mod program;
mod snapshots;

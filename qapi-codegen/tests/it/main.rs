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
mod cli_generate;
mod command;
mod compiled;
mod corpus;
mod engine;
mod html;
mod import;
mod introspect;
mod json_schema;
mod live;
mod own_schema;
mod package;
mod program;
mod releases;
mod snapshots;
mod wire;

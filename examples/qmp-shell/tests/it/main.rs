//! The shell as its users meet it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod batch;
mod real_qemu;
mod stub;
mod terminal;

use std::io::Write as _;
use std::process::{Command, Stdio};

/// What a run of the shell left behind.
#[derive(Debug)]
struct Outcome {
    code: i32,
    out: String,
    err: String,
}

fn shell() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qmp-shell"));
    command.env("NO_COLOR", "1");
    command
}

/// Runs the shell with this on its standard input.
fn run(arguments: &[&str], input: &str) -> Outcome {
    let mut process = shell()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    let output = process.wait_with_output().unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

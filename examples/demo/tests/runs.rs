//! The demo, start to end.
#![allow(clippy::panic, reason = "helpers of tests fail as tests do")]

use std::process::{Command, Output};

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn demo_without_kvm_quits_the_machine() {
    let output = demo(&["--accel", "none"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(
        text.contains(
            r#"◆ {"event": "SHUTDOWN", "data": {"guest": false, "reason": "host-qmp-quit"}}"#
        ),
        "{text}"
    );
    assert!(
        !text.contains('\u{1b}'),
        "colours are for terminals: {text}"
    );
}

#[test]
fn demo_under_kvm_sees_the_guest_power_off() {
    let output = demo(&[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    if text.contains("no KVM") {
        println!("skipped: {}", text.lines().next().unwrap_or_default());
        return;
    }
    assert!(
        text.contains("1024 of 1024 words are the guest's pattern"),
        "{text}"
    );
    assert!(
        text.contains(
            r#"◆ {"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}"#
        ),
        "{text}"
    );
}

#[test]
fn wrong_argument_shows_the_usage() {
    let output = demo(&["--frob"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("usage: demo"));
}

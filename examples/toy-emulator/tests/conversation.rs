//! The toy, from its command line to its answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Ends the process with the test.
struct Toy(Child);

impl Drop for Toy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn toy_serves_exactly_what_its_handler_has() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("toy.qmp");
    let address = format!("unix:{}", path.display());
    let _toy = Toy(Command::new(env!("CARGO_BIN_EXE_toy-emulator"))
        .arg(address)
        .spawn()
        .unwrap());
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut socket = loop {
        match UnixStream::connect(&path) {
            Ok(socket) => break socket,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    socket
        .write_all(
            br#"{"execute":"qmp_capabilities"}
            {"execute":"set-volume","arguments":{"level":300}}
            {"execute":"set-volume","arguments":{"level":30,"mute":true}}
            {"execute":"query-volume"}{"execute":"query-commands"}"#,
        )
        .unwrap();
    let lines: Vec<String> = BufReader::new(socket)
        .lines()
        .take(7)
        .map(Result::unwrap)
        .collect();
    assert!(
        lines[0]
            .starts_with(r#"{"QMP": {"version": {"qemu": {"micro": 0, "minor": 0, "major": 1}"#),
        "{lines:#?}"
    );
    assert!(
        lines[2].contains("Parameter 'level' expects uint8_t"),
        "{lines:#?}"
    );
    assert!(
        lines[3].ends_with(r#""event": "VOLUME_CHANGED", "data": {"level": 30}}"#),
        "{lines:#?}"
    );
    assert_eq!(lines[4], r#"{"return": {}}"#);
    assert_eq!(lines[5], r#"{"return": {"level": 30, "mute": true}}"#);
    let names: Vec<&str> = lines[6]
        .split('"')
        .filter(|text| text.contains('-') || text.contains('_'))
        .collect();
    assert_eq!(
        names,
        [
            "qmp_capabilities",
            "query-commands",
            "query-qmp-schema",
            "query-volume",
            "set-volume"
        ]
    );
}

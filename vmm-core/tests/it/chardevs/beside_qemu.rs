//! Every reply and every error of the commands for character devices, beside QEMU's.

#![allow(
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "the conversation is a table of literals"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use qmp_runtime::client::{Client, ClientError};
use serde_json::{Value, json};

use crate::fixture::{Ended, LIMIT};

const QEMU: &str = "qemu-system-x86_64";

fn start(program: &str, options: &[&str], dir: &Path) -> (Ended, Client) {
    let own = dir.to_str().unwrap();
    let socket = dir.join("qmp");
    let process = Command::new(program)
        .args(["-nodefaults", "-display", "none", "-M", "none"])
        .args([
            "-qmp",
            // QEMU may forget to greet who comes before its monitor is there, or greet twice.
            &format!("unix:{},server=on,wait=on", socket.display()),
        ])
        .args(options.iter().map(|option| option.replace("{dir}", own)))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Ended(process);
    let deadline = Instant::now() + LIMIT;
    loop {
        match Client::connect_unix(&socket) {
            Ok(mut client) => {
                client.set_timeout(Some(LIMIT));
                return (server, client);
            }
            Err(ClientError::Io(_)) if Instant::now() < deadline => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

pub(super) fn add(id: &str, kind: &str, data: Value) -> (&'static str, Value) {
    (
        "chardev-add",
        json!({"id": id, "backend": {"type": kind, "data": data}}),
    )
}

fn unix(id: &str, path: &str, rest: Value) -> (&'static str, Value) {
    socket(id, json!({"type": "unix", "data": {"path": path}}), rest)
}

fn inet(id: &str, port: &str, rest: Value) -> (&'static str, Value) {
    socket(
        id,
        json!({"type": "inet", "data": {"host": "127.0.0.1", "port": port}}),
        rest,
    )
}

pub(super) fn socket(id: &str, address: Value, mut rest: Value) -> (&'static str, Value) {
    rest["addr"] = address;
    add(id, "socket", rest)
}

pub(super) fn with_id(command: &'static str, id: &str) -> (&'static str, Value) {
    (command, json!({ "id": id }))
}

fn ring(command: &'static str, device: &str, rest: Value) -> (&'static str, Value) {
    let mut arguments = rest;
    arguments["device"] = json!(device);
    (command, arguments)
}

/// The conversation; `{dir}` is the server's own folder.
fn script() -> Vec<(&'static str, Value)> {
    let server = json!({"server": true, "wait": false});
    let client = json!({"server": false});
    let inet_address = json!({"type": "inet", "data": {"host": "127.0.0.1", "port": "9"}});
    vec![
        add("n", "null", json!({})),
        add("n", "null", json!({})),
        add("log", "null", json!({"logfile": "/nonexistent/x"})),
        add("f", "file", json!({"out": "{dir}/f"})),
        add("f2", "file", json!({"out": "/nonexistent/f"})),
        add(
            "f3",
            "file",
            json!({"out": "{dir}/f3", "in": "/nonexistent/f"}),
        ),
        add("p", "pipe", json!({"device": "{dir}/pipe"})),
        add("p2", "pipe", json!({"device": "/nonexistent/p"})),
        unix("s", "{dir}/s", server.clone()),
        unix("c", "{dir}/s", client.clone()),
        unix("s2", "/nonexistent/s", server.clone()),
        unix("c2", "{dir}/none", client.clone()),
        unix(
            "c3",
            "{dir}/none",
            json!({"server": false, "reconnect-ms": 60000}),
        ),
        unix("s4", "{dir}/s4", json!({"server": true, "reconnect-ms": 5})),
        unix(
            "c4",
            "{dir}/s4",
            json!({"server": false, "reconnect-ms": 5, "reconnect": 1}),
        ),
        unix("c5", "{dir}/s4", json!({"server": false, "wait": true})),
        unix("s5", &"x".repeat(120), server.clone()),
        inet("t", "1", client.clone()),
        inet("t2", "nope", server.clone()),
        unix(
            "tls",
            "{dir}/tls",
            json!({"server": true, "tls-creds": "nope"}),
        ),
        socket("fd", json!({"type": "fd", "data": {"str": "nope"}}), client),
        add("u", "udp", json!({"remote": inet_address})),
        add(
            "u2",
            "udp",
            json!({"remote": {"type": "unix", "data": {"path": "x"}}}),
        ),
        add(
            "u3",
            "udp",
            json!({"remote": {"type": "inet", "data": {"host": "127.0.0.1", "port": ""}}}),
        ),
        add("pty", "pty", json!({"path": "{dir}/terminal"})),
        add("pty2", "pty", json!({"path": "{dir}/terminal"})),
        add("r", "ringbuf", json!({})),
        add("r2", "ringbuf", json!({"size": 3})),
        add("r3", "ringbuf", json!({"size": -4})),
        add("r4", "ringbuf", json!({"size": 64})),
        add("io", "stdio", json!({})),
        add("io2", "stdio", json!({})),
        ("query-chardev", json!({})),
        with_id("chardev-remove", "compat_monitor0"),
        with_id("chardev-send-break", "compat_monitor0"),
        add("compat_monitor0", "null", json!({})),
        (
            "chardev-change",
            json!({"id": "compat_monitor0", "backend": {"type": "null", "data": {}}}),
        ),
        ring("ringbuf-read", "compat_monitor0", json!({"size": 5})),
        ("qom-list", json!({"path": "/chardevs"})),
        with_id("chardev-send-break", "n"),
        with_id("chardev-send-break", "zz"),
        (
            "chardev-change",
            json!({"id": "zz", "backend": {"type": "null", "data": {}}}),
        ),
        (
            "chardev-change",
            json!({"id": "f", "backend": {"type": "null", "data": {}}}),
        ),
        (
            "chardev-change",
            json!({"id": "p", "backend": {"type": "pty", "data": {}}}),
        ),
        ring("ringbuf-read", "zz", json!({"size": 5})),
        ring("ringbuf-read", "n", json!({"size": 5})),
        ring("ringbuf-read", "r", json!({"size": 0})),
        ring("ringbuf-read", "r", json!({"size": 5})),
        ring("ringbuf-write", "zz", json!({"data": "x"})),
        ring("ringbuf-write", "n", json!({"data": "x"})),
        ring(
            "ringbuf-write",
            "r",
            json!({"data": "YWJj", "format": "base64"}),
        ),
        ring(
            "ringbuf-write",
            "r",
            json!({"data": "%%%", "format": "base64"}),
        ),
        ring(
            "ringbuf-write",
            "r",
            json!({"data": "YWJ", "format": "base64"}),
        ),
        ring(
            "ringbuf-write",
            "r",
            json!({"data": "gA==", "format": "base64"}),
        ),
        ring("ringbuf-read", "r", json!({"size": 50, "format": "base64"})),
        ring("ringbuf-write", "r", json!({"data": "xéz"})),
        ring("ringbuf-read", "r", json!({"size": 2})),
        ring("ringbuf-read", "r", json!({"size": 50})),
        ring(
            "ringbuf-write",
            "r",
            json!({"data": "YQBi", "format": "base64"}),
        ),
        ring("ringbuf-read", "r", json!({"size": 50})),
        with_id("chardev-remove", "zz"),
        with_id("chardev-remove", "n"),
        with_id("chardev-remove", "s"),
        with_id("chardev-remove", "n"),
        ("query-chardev", json!({})),
    ]
}

/// A reply without what has to differ: folders, terminals, ports that the host chose, the order of lists.
fn normal(reply: Result<Value, ClientError>, dir: &Path) -> String {
    let text = match reply {
        Ok(Value::Array(list)) => {
            let mut entries: Vec<String> = list.iter().map(sorted).collect();
            entries.sort();
            entries.join("\n")
        }
        Ok(value) => sorted(&value),
        Err(ClientError::Command(error)) => format!("{}: {}", error.class(), error.desc()),
        Err(error) => panic!("{error}"),
    };
    let text = text.replace(dir.to_str().unwrap(), "DIR");
    let mut parts = text.split("/dev/pts/");
    let first = parts.next().unwrap().to_owned();
    let text = parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|ch: char| ch.is_ascii_digit());
        format!("{text}TERMINAL{rest}")
    });
    let parts: Vec<_> = text.split(",server=on").collect();
    let is_digit = |ch: char| ch.is_ascii_digit();
    let parts: Vec<_> = parts
        .iter()
        .map(|part| part.trim_end_matches(is_digit))
        .collect();
    parts.join("PORT,server=on")
}

fn sorted(value: &Value) -> String {
    match value.as_object() {
        Some(members) => {
            let mut members: Vec<_> = members
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            members.sort();
            members.join(", ")
        }
        None => value.to_string(),
    }
}

// proves: chardev-add, chardev-remove, query-chardev, ringbuf-read, ringbuf-write
#[test]
fn replies_are_those_of_qemu() {
    compare(script());
}

/// Asks both the same.
pub(crate) fn compare(script: Vec<(&'static str, Value)>) {
    compare_with(&[], script);
}

/// Asks both the same, with these options besides; `{dir}` is the server's own folder.
pub(super) fn compare_with(options: &[&str], script: Vec<(&'static str, Value)>) {
    let version = Command::new(QEMU).arg("--version").output();
    if !version
        .is_ok_and(|version| String::from_utf8_lossy(&version.stdout).contains("version 10.0.2"))
    {
        println!("skipped: there is no {QEMU} 10.0.2");
        return;
    }
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        let made = Command::new("mkfifo")
            .arg(folder.path().join("pipe"))
            .status();
        assert!(made.unwrap().success());
    }
    let mut qemu = start(QEMU, options, folders[0].path());
    let mut vmm = start(env!("CARGO_BIN_EXE_vmm"), options, folders[1].path());
    let mut differences = Vec::new();
    for (command, arguments) in script {
        let ask = |client: &mut Client, dir: &Path| {
            let text = arguments
                .to_string()
                .replace("{dir}", dir.to_str().unwrap());
            let arguments: Value = serde_json::from_str(&text).unwrap();
            normal(
                client.execute_value(command, arguments.as_object().unwrap()),
                dir,
            )
        };
        let theirs = ask(&mut qemu.1, folders[0].path());
        let mut ours = ask(&mut vmm.1, folders[1].path());
        // The end of a connection is noticed soon, not at once.
        let deadline = Instant::now() + Duration::from_secs(2);
        while command == "query-chardev" && ours != theirs && Instant::now() < deadline {
            ours = ask(&mut vmm.1, folders[1].path());
        }
        if ours != theirs {
            differences.push(format!(
                "{command} {arguments}\n  ours   {ours}\n  theirs {theirs}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

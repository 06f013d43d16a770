//! Trace events: switched on, they tell of each command, in QEMU's lines.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use super::{command, run};
use crate::differential::peer::{QEMU, both_work};

/// What a program without a board writes to standard error, and its replies, without events.
fn conversation(
    program: &mut Command,
    options: &[&str],
    requests: &[&str],
) -> (String, Vec<String>) {
    let mut process = program
        .args([
            "-M",
            "none",
            "-nodefaults",
            "-display",
            "none",
            "-qmp",
            "stdio",
        ])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    for request in [
        &["{'execute': 'qmp_capabilities'}"],
        requests,
        &["{'execute': 'quit'}"],
    ]
    .concat()
    {
        writeln!(input, "{}", request.replace('\'', "\"")).unwrap();
    }
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let replies = String::from_utf8(output.stdout).unwrap();
    let replies = replies
        .lines()
        .skip(1)
        .filter(|line| !line.contains("\"event\""));
    (
        String::from_utf8(output.stderr).unwrap(),
        replies.map(str::to_owned).collect(),
    )
}

// proves: trace-event-get-state, trace-event-set-state
#[test]
fn switched_on_commands_are_told_of_and_switched_off_they_are_not() {
    let (lines, replies) = conversation(
        &mut command(),
        &[],
        &[
            "{'execute': 'query-status'}",
            "{'execute': 'trace-event-set-state', 'arguments': {'name': 'qmp_*_query_status', 'enable': true}}",
            "{'execute': 'trace-event-get-state', 'arguments': {'name': 'qmp_enter_query_sta*'}}",
            "{'execute': 'query-status', 'id': 1}",
            "{'execute': 'query-status', 'arguments': {'x': 1}}",
            "{'execute': 'query-name'}",
            "{'execute': 'trace-event-set-state', 'arguments': {'name': '*', 'enable': false}}",
            "{'execute': 'query-status'}",
        ],
    );
    assert_eq!(
        lines,
        "qmp_enter_query_status {}\n\
         qmp_exit_query_status {\"running\": true, \"status\": \"running\"} 1\n"
    );
    let on = "{\"return\": [{\"name\": \"qmp_enter_query_status\", \"state\": \"enabled\"}]}";
    assert_eq!(replies[3], on);
}

#[test]
fn lines_and_replies_are_those_of_qemu() {
    if !both_work() {
        return;
    }
    let requests = [
        "{'execute': 'trace-event-get-state', 'arguments': {'name': 'qmp_enter_query_status'}}",
        "{'execute': 'trace-event-get-state', 'arguments': {'name': 'qmp_*_query_status'}}",
        "{'execute': 'trace-event-get-state', 'arguments': {'name': 'nothing'}}",
        "{'execute': 'trace-event-get-state', 'arguments': {'name': 'nothing*'}}",
        "{'execute': 'trace-event-get-state', 'arguments': {'name': '?mp_enter_stop'}}",
        "{'execute': 'trace-event-get-state', 'arguments': {'name': ''}}",
        "{'execute': 'trace-event-set-state', 'arguments': {'name': 'nothing', 'enable': true}}",
        "{'execute': 'trace-event-set-state', 'arguments': {'name': 'nothing*', 'enable': true}}",
        "{'execute': 'trace-event-set-state', 'arguments': {'name': 'nothing', 'enable': true, 'ignore-unavailable': true}}",
        "{'execute': 'trace-event-set-state', 'arguments': {'name': 'qmp_exit_*', 'enable': true}}",
        "{'execute': 'trace-event-set-state', 'arguments': {'name': 'qmp_enter_*', 'enable': true}}",
        "{'execute': 'query-name'}",
        "{'execute': 'query-cpus-fast'}",
        "{'execute': 'nonsense'}",
        "{'execute': 'query-status', 'arguments': {'x': 1}}",
        "{'execute': 'human-monitor-command', 'arguments': {'command-line': 'info status'}}",
        "{'execute': 'device_del', 'arguments': {'id': 'a\\\"b'}}",
        "{'execute': 'qmp_capabilities'}",
        "{'execute': 'stop'}",
        "{'execute': 'trace-event-get-state', 'arguments': {'name': 'qmp_*_query_name'}}",
        "{'execute': 'trace-event-set-state', 'arguments': {'name': 'qmp_exit_quit', 'enable': false}}",
    ];
    let theirs = conversation(&mut Command::new(QEMU), &[], &requests);
    assert_eq!(theirs, conversation(&mut command(), &[], &requests));
}

#[test]
fn events_are_on_from_the_start_and_go_to_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(
        path("events"),
        "# some\nqmp_enter_query_n*\n\n-qmp_enter_query_name\n",
    )
    .unwrap();
    let events = format!("qmp_exit_query_uuid,events={}", path("events"));
    let requests = ["query-name", "query-uuid", "query-named-block-nodes"];
    let requests = requests.map(|name| format!("{{'execute': '{name}'}}"));
    let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
    let options = ["-trace", &events, "-D", &path("log"), "-trace", "nothing"];
    let (told, _) = conversation(&mut command(), &options, &requests);
    let warning = "vmm: -trace nothing: warning: trace event 'nothing' does not exist\n";
    assert_eq!(told, warning);
    assert_eq!(
        fs::read_to_string(path("log")).unwrap(),
        "qmp_exit_query_uuid {\"UUID\": \"00000000-0000-0000-0000-000000000000\"} 1\n\
         qmp_enter_query_named_block_nodes {}\n"
    );
    let list = run(&["-trace", "help"]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.lines().any(|name| name == "qmp_enter_query_status"));
    let missing = run(&["-M", "none", "-trace", "events=/nonexistent/e"]);
    let missing = String::from_utf8(missing.stderr).unwrap();
    assert!(
        missing.contains("/nonexistent/e: No such file"),
        "{missing}"
    );
}

#[test]
fn options_switch_events_on_and_off_as_those_of_qemu() {
    if !both_work() {
        return;
    }
    let requests = ["{'execute': 'query-name'}", "{'execute': 'query-uuid'}"];
    // QEMU asks itself for its version, and tells so: none of these asks for that.
    for options in [
        &["-d", "trace:qmp_enter_query_name,trace:qmp_exit_quit"][..],
        &["-trace", "qmp_*_query_uu*", "-trace", "-qmp_exit_*"],
        &[
            "-d",
            "trace:qmp_*_query_n*,trace:qmp_*_query_uuid,trace:-qmp_*_query_name",
        ],
        &["-trace", "enable=qmp_enter_query_uui*"],
    ] {
        let theirs = conversation(&mut Command::new(QEMU), options, &requests);
        assert!(theirs.0.contains("qmp_enter_query_"), "{theirs:?}");
        assert_eq!(
            conversation(&mut command(), options, &requests),
            theirs,
            "{options:?}"
        );
    }
}

#[test]
fn events_are_listed_and_what_cannot_be_logged_is_refused_by_name() {
    for options in [
        ["-trace", "?"],
        ["-trace", "enable=help,file=/nonexistent/f"],
        ["-d", "trace:help"],
    ] {
        let list = String::from_utf8(run(&options).stdout).unwrap();
        let is_listed = list.lines().any(|name| name == "qmp_exit_query_status");
        assert!(is_listed, "{options:?}: {list}");
    }
    let items = String::from_utf8(run(&["-d", "help"]).stdout).unwrap();
    assert!(items.starts_with("trace:PATTERN "), "{items}");
    let refused = run(&["-d", "trace:qmp_*,in_asm"]);
    assert!(!refused.status.success());
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("in_asm: this cannot be logged"), "{text}");
}

//! Input that means no good.

use std::sync::Arc;

use guest_agent::DryRun;
use qmp_runtime::__private::Solo;
use serde_json::{Value, json};

use crate::power::{Asked, agent_on};

fn dry_run() -> DryRun {
    DryRun::new(Arc::new(Asked {
        mounts: "",
        states: "",
    }))
}

fn call(solo: &mut Solo, name: &str, arguments: &Value) -> Value {
    let request = json!({"execute": name, "arguments": arguments});
    solo.receive(request.to_string().as_bytes());
    serde_json::from_slice(&solo.take(usize::MAX)).unwrap()
}

fn error(reply: &Value) -> &str {
    reply["error"]["desc"]
        .as_str()
        .unwrap_or_else(|| panic!("{reply}"))
}

#[test]
fn ten_thousand_open_files_are_refused_and_closing_one_makes_room() {
    let mut solo = agent_on(Arc::new(dry_run()));
    let open = json!({"path": "/dev/null"});
    let mut handles = Vec::new();
    for _ in 0..10_000 {
        let reply = call(&mut solo, "guest-file-open", &open);
        match reply["return"].as_i64() {
            Some(handle) => handles.push(handle),
            None => assert_eq!(
                error(&reply),
                "too many open files: 512 are open, close some with guest-file-close"
            ),
        }
    }
    assert_eq!(handles, (1000..1512).collect::<Vec<_>>());
    call(&mut solo, "guest-file-close", &json!({"handle": 1100}));
    let reply = call(&mut solo, "guest-file-open", &open);
    assert_eq!(reply["return"], 1512, "no handle is given out twice");
}

#[test]
fn read_of_more_than_the_limit_is_an_error_and_one_of_the_limit_takes_what_is_there() {
    let mut solo = agent_on(Arc::new(dry_run()));
    let reply = call(&mut solo, "guest-file-open", &json!({"path": "/dev/null"}));
    let handle = &reply["return"];
    let read = |solo: &mut Solo, count: Value| {
        call(
            solo,
            "guest-file-read",
            &json!({"handle": handle, "count": count}),
        )
    };
    let reply = read(&mut solo, json!(1u64 << 63));
    assert_eq!(
        error(&reply),
        "Invalid parameter type for 'count', expected: integer"
    );
    let reply = read(&mut solo, json!(i64::MAX));
    assert_eq!(
        error(&reply),
        "value '9223372036854775807' is invalid for argument count"
    );
    let reply = read(&mut solo, json!(48 << 20));
    assert_eq!(
        reply["return"],
        json!({"count": 0, "buf-b64": "", "eof": true})
    );
}

#[test]
fn endless_file_is_read_in_the_pieces_that_are_asked_for() {
    let mut solo = agent_on(Arc::new(dry_run()));
    let reply = call(&mut solo, "guest-file-open", &json!({"path": "/dev/zero"}));
    let handle = &reply["return"];
    let reply = call(&mut solo, "guest-file-read", &json!({"handle": handle}));
    assert_eq!(
        (&reply["return"]["count"], &reply["return"]["eof"]),
        (&json!(4096), &json!(false))
    );
    let reply = call(
        &mut solo,
        "guest-file-read",
        &json!({"handle": handle, "count": 1 << 20}),
    );
    assert_eq!(reply["return"]["count"], 1 << 20);
}

#[test]
fn text_for_a_shell_reaches_none() {
    let system = dry_run();
    let mut solo = agent_on(Arc::new(system.clone()));
    let folder = tempfile::tempdir().unwrap();
    let trap = folder.path().join("trap");
    for text in [
        "$(touch TRAP)",
        "`touch TRAP`",
        "; touch TRAP;",
        "| touch TRAP",
        "\n touch TRAP\n",
    ] {
        let text = text.replace("TRAP", trap.to_str().unwrap());
        for (name, member) in [
            ("guest-file-open", "path"),
            ("guest-file-open", "mode"),
            ("guest-shutdown", "mode"),
        ] {
            let mut arguments = json!({"path": "/nonexistent"});
            if name == "guest-shutdown" {
                arguments = json!({});
            }
            arguments[member] = json!(text);
            error(&call(&mut solo, name, &arguments));
        }
    }
    assert!(!trap.exists());
    assert_eq!(system.take_actions(), Vec::<String>::new());
}

#[test]
fn every_byte_and_cut_of_a_request_is_answered_and_left_behind() {
    let request = br#"{"execute": "guest-sync-delimited", "arguments": {"id": 7}}"#;
    for cut in 0..request.len() {
        for byte in [0u8, b'\n', b'"', b'}', 0x80, 0xFE, 0xFF] {
            let mut solo = agent_on(Arc::new(dry_run()));
            solo.receive(&[&request[..cut], &[byte], &request[cut..]].concat());
            solo.receive(b"\xFF");
            let _ = solo.take(usize::MAX);
            solo.receive(request);
            assert_eq!(
                solo.take(usize::MAX),
                b"\xFF{\"return\": 7}\n",
                "cut {cut}, byte {byte}"
            );
        }
    }
}

//! The requests that both agents get. Handles count on from 1000 in both.

use serde_json::{Value, json};

/// The handle of the file that is written to and read.
const FILE: i64 = 1016;

fn command(name: &str, arguments: &Value) -> String {
    json!({"execute": name, "arguments": arguments}).to_string()
}

fn open(path: &str, mode: &str) -> String {
    let arguments = json!({"path": format!("$DIR/{path}"), "mode": mode});
    command("guest-file-open", &arguments)
}

/// What is sent, in this order; `$DIR` stands for a folder.
pub(crate) fn steps() -> Vec<String> {
    [
        protocol(),
        opening(),
        writing(),
        seeking(),
        turns(),
        one_way(),
    ]
    .concat()
}

fn protocol() -> Vec<String> {
    let mut steps: Vec<String> = [
        r#"{"execute":"guest-ping"}"#,
        r#"{"execute":"guest-ping","id":{"a":[1.5,null,"x"]}}"#,
        r#"{"execute":"guest-sync","arguments":{"id":9223372036854775807}}"#,
        r#"{"execute":"guest-sync","arguments":{"id":9223372036854775808}}"#,
        r#"{"execute":"guest-sync","arguments":{"id":"a"}}"#,
        r#"{"execute":"guest-sync"}"#,
        r#"{"execute":"guest-sync-delimited"}"#,
        r#"{"execute":"guest-frobnicate"}"#,
        r#"{"execute":"qmp_capabilities"}"#,
        r#"{"execute":"query-commands"}"#,
        r#"{"execute":"query-qmp-schema"}"#,
        r#"{"exec-oob":"guest-ping"}"#,
        r#"{"execute":"guest-ping","control":{}}"#,
        r#"{"execute":"guest-ping","arguments":{"a":1}}"#,
        r#"{"execute":"guest-ping","arguments":[]}"#,
        r#"{"execute":5}"#,
        r#"{"execute":"guest-ping","execute":"guest-ping"}"#,
        "5",
        "[1]",
        "{}",
        "}",
        "x y",
        "null",
        "\"text\"",
        "{\"a\":",
        r#"{"execute":"guest-p"#,
        r#"{"execute":"guest-sync","arguments":{"id":"#,
        "[[[[[[",
        r#"{"execute":"guest-ping"}{"execute":"guest-ping"} {"execute":"guest-ping"}"#,
        r#"{"execute":"guest-shutdown","arguments":{"mode":"sideways"}}"#,
        r#"{"execute":"guest-suspend-ram"}"#,
        r#"{"execute":"guest-fsfreeze-freeze"}"#,
        r#"{"execute":"guest-fsfreeze-thaw"}"#,
        r#"{"execute":"guest-fstrim"}"#,
        r#"{"execute":"guest-fsfreeze-status"}"#,
        r#"{"execute":"guest-fsfreeze-status","arguments":{"a":1}}"#,
    ]
    .map(str::to_owned)
    .to_vec();
    steps.push("\u{1}\u{2}{\"execute\":\"guest-ping\"}".to_owned());
    steps
}

fn opening() -> Vec<String> {
    let mut steps = Vec::new();
    steps.push(command("guest-file-open", &json!({"path": "$DIR/absent"})));
    steps.push(command("guest-file-open", &json!({"path": ""})));
    steps.push(command("guest-file-open", &json!({})));
    let modes = [
        "r",
        "rb",
        "r+",
        "rb+",
        "r+b",
        "a",
        "ab",
        "a+",
        "ab+",
        "a+b",
        "w",
        "wb",
        "w+",
        "wb+",
        "w+b",
        "",
        "q",
        "rw",
        "wx",
        "re",
        "r ",
        "+",
        "b",
        "r++",
        "rbb",
        "rt",
        "é",
        "r,ccs=utf-8",
        "R",
    ];
    for mode in modes {
        steps.push(open("file", mode));
    }
    for handle in 1000..1015 {
        steps.push(command("guest-file-close", &json!({"handle": handle})));
    }
    steps.push(open("", "r"));
    steps.push(open("", "w"));
    steps.push(open("file/below", "r"));
    steps.push(open("nul\u{0}behind", "r"));
    steps.push(command("guest-file-read", &json!({"handle": 1015})));
    for handle in [0, -1, 1000, i64::MAX] {
        for name in ["guest-file-close", "guest-file-read", "guest-file-flush"] {
            steps.push(command(name, &json!({"handle": handle})));
        }
        steps.push(command(
            "guest-file-write",
            &json!({"handle": handle, "buf-b64": "!"}),
        ));
        steps.push(command(
            "guest-file-seek",
            &json!({"handle": handle, "offset": 0, "whence": 9}),
        ));
    }
    steps
}

fn writing() -> Vec<String> {
    let mut steps = Vec::new();
    steps.push(open("data", "w+"));
    let base64 = [
        "aGVsbG8=",
        "aGVsbG8",
        "aGV sbG8=",
        "aGV\nsbG8=",
        "!!!!",
        "",
        "a",
        "aGVsbG8=aGk=",
        "aGVsbG9=",
        "====",
        "aG=",
        "aG==",
        "aGVs\u{0}bG8",
        "_-__",
        "aGVsbG8=\n",
        "=aaa",
        "a=aa",
        "aa=a",
        "é",
    ];
    for text in base64 {
        steps.push(command(
            "guest-file-write",
            &json!({"handle": FILE, "buf-b64": text}),
        ));
    }
    for count in [
        json!(2),
        json!(0),
        json!(5),
        json!(6),
        json!(-1),
        json!(i64::MAX),
        json!("2"),
        json!(1.5),
    ] {
        let arguments = json!({"handle": FILE, "buf-b64": "aGVsbG8=", "count": count});
        steps.push(command("guest-file-write", &arguments));
    }
    steps
}

fn seeking() -> Vec<String> {
    let mut steps = Vec::new();
    for (offset, whence) in [
        (0, json!("cur")),
        (3, json!(0)),
        (-1, json!(1)),
        (-3, json!(2)),
        (-1, json!("set")),
        (100, json!("end")),
        (0, json!(3)),
        (0, json!(-1)),
        (0, json!("SET")),
        (0, json!(null)),
        (0, json!([])),
        (0, json!(1.5)),
        (i64::MAX, json!("set")),
        (i64::MAX, json!("cur")),
        (i64::MIN, json!("end")),
        (1, json!("set")),
    ] {
        let arguments = json!({"handle": FILE, "offset": offset, "whence": whence});
        steps.push(command("guest-file-seek", &arguments));
        steps.push(command(
            "guest-file-read",
            &json!({"handle": FILE, "count": 2}),
        ));
    }
    steps.push(command(
        "guest-file-seek",
        &json!({"handle": FILE, "offset": 0, "whence": "set"}),
    ));
    for count in [
        json!(5),
        json!(0),
        json!(-1),
        json!(50_331_648),
        json!(50_331_649),
        json!(i64::MAX),
        json!(1u64 << 63),
        json!(null),
    ] {
        steps.push(command(
            "guest-file-read",
            &json!({"handle": FILE, "count": count}),
        ));
    }
    steps.push(command("guest-file-read", &json!({"handle": FILE})));
    steps
}

/// Reading and writing by turns.
fn turns() -> Vec<String> {
    let mut steps = Vec::new();
    for step in 0..4 {
        steps.push(command(
            "guest-file-write",
            &json!({"handle": FILE, "buf-b64": "eHg="}),
        ));
        steps.push(command(
            "guest-file-read",
            &json!({"handle": FILE, "count": step}),
        ));
        steps.push(command(
            "guest-file-seek",
            &json!({"handle": FILE, "offset": step, "whence": "set"}),
        ));
        steps.push(command(
            "guest-file-read",
            &json!({"handle": FILE, "count": 1}),
        ));
    }
    steps.push(command("guest-file-flush", &json!({"handle": FILE})));
    steps
}

/// Files that are open for one thing alone, a device that takes nothing, a pipe that has nothing.
fn one_way() -> Vec<String> {
    let mut steps = Vec::new();
    steps.push(open("data", "r"));
    steps.push(command(
        "guest-file-write",
        &json!({"handle": 1017, "buf-b64": "eHg="}),
    ));
    steps.push(command("guest-file-flush", &json!({"handle": 1017})));
    steps.push(command("guest-file-read", &json!({"handle": 1017})));
    steps.push(open("data", "a"));
    steps.push(command(
        "guest-file-read",
        &json!({"handle": 1018, "count": 1}),
    ));
    steps.push(command(
        "guest-file-read",
        &json!({"handle": 1018, "count": 0}),
    ));
    steps.push(command(
        "guest-file-write",
        &json!({"handle": 1018, "buf-b64": "ZW5k"}),
    ));
    steps.push(command("guest-file-close", &json!({"handle": 1018})));
    steps.push(command("guest-file-close", &json!({"handle": 1018})));
    steps.push(command(
        "guest-file-open",
        &json!({"path": "/dev/full", "mode": "w"}),
    ));
    steps.push(command(
        "guest-file-write",
        &json!({"handle": 1019, "buf-b64": "eHg="}),
    ));
    steps.push(command("guest-file-flush", &json!({"handle": 1019})));
    steps.push(command("guest-file-close", &json!({"handle": 1019})));
    steps.push(open("pipe", "r+"));
    steps.push(command("guest-file-read", &json!({"handle": 1020})));
    steps.push(command(
        "guest-file-seek",
        &json!({"handle": 1020, "offset": 0, "whence": "set"}),
    ));
    steps.push(command(
        "guest-file-write",
        &json!({"handle": 1020, "buf-b64": "aGk="}),
    ));
    steps.push(command("guest-file-flush", &json!({"handle": 1020})));
    steps.push(command(
        "guest-file-read",
        &json!({"handle": 1020, "count": 10}),
    ));
    steps.push(open("pipe", "r"));
    steps.push(command("guest-file-close", &json!({"handle": 1020})));
    steps.push(command("guest-file-close", &json!({"handle": 1021})));
    // Nobody reads it now.
    steps.push(open("pipe", "w"));
    steps
}

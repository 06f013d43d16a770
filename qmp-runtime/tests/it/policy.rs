//! What is deprecated or unstable, under policies like those of QEMU's `-compat`.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use qmp_runtime::__private::Solo;
use qmp_runtime::client::Client;
use qmp_runtime::codec::{Json, Unrecognized};
use qmp_runtime::server::Server;
use qmp_runtime::{
    Call, Command, CommandInfo, CompatPolicy, Context, Entry, Event, EventInfo, EventSink,
    QmpError, Router, enumeration, record,
};

#[derive(Clone, Copy)]
#[non_exhaustive]
enum Speed {
    Fast,
    Ludicrous,
    Unrecognized(Unrecognized),
}

enumeration!(
    Speed,
    Unrecognized,
    [Fast = "fast", Ludicrous = "ludicrous" (deprecated unstable)]
);

#[derive(Clone)]
struct Drive {
    speed: Speed,
    boost: Option<bool>,
    trace: Option<i64>,
}

record!(
    Drive,
    [
        ("speed", speed),
        ("boost", boost, deprecated),
        ("trace", trace, unstable)
    ]
);

impl Command for Drive {
    type Return = Drive;
    const INFO: CommandInfo = CommandInfo::new("drive");
}

struct Park {}

record!(Park, []);

impl Command for Park {
    type Return = ();
    const INFO: CommandInfo = CommandInfo::new("park").features(&["deprecated"]);
}

#[derive(Clone)]
struct Moved {
    by: i64,
    ghost: Option<bool>,
}

record!(Moved, [("by", by), ("ghost", ghost, unstable)]);

impl Event for Moved {
    const INFO: EventInfo = EventInfo::new("MOVED").data();
}

struct Honked {}

record!(Honked, []);

impl Event for Honked {
    const INFO: EventInfo = EventInfo::new("HONKED").features(&["deprecated"]);
}

struct Car;

fn drive(_: &mut Car, _: &mut Context<'_>, call: Call<'_>) -> Result<(), QmpError> {
    call.run(|args: Drive| Ok(args))
}

fn park(_: &mut Car, cx: &mut Context<'_>, call: Call<'_>) -> Result<(), QmpError> {
    cx.emit(&Honked {});
    cx.emit(&Moved {
        by: 0,
        ghost: Some(true),
    });
    call.run(|_: Park| Ok(()))
}

const COMMANDS: &[Entry<Car>] = &[Entry::new::<Drive>(drive), Entry::new::<Park>(park)];

/// The answer to a command under a policy.
fn answer(policy: &str, command: &str) -> String {
    let policy: CompatPolicy = policy.parse().unwrap();
    let router = Router::new()
        .mount(Car, &[COMMANDS])
        .unwrap()
        .compat(policy);
    let input = format!("{{\"execute\": \"qmp_capabilities\"}}\n{command}\n");
    let mut solo = Solo::new(router, EventSink::new(), false);
    solo.receive(input.as_bytes());
    let output = solo.take(usize::MAX);
    let text = String::from_utf8(output).unwrap();
    text.lines().last().unwrap().to_owned()
}

const DRIVE: &str =
    r#"{"execute": "drive", "arguments": {"speed": "ludicrous", "boost": true, "trace": 1}}"#;

#[test]
fn all_is_let_through_by_default() {
    let expected = r#"{"return": {"speed": "ludicrous", "boost": true, "trace": 1}}"#;
    assert_eq!(answer("deprecated-input=accept", DRIVE), expected);
    assert_eq!(
        answer("unstable-output=accept", r#"{"execute": "park"}"#),
        r#"{"return": {}}"#
    );
}

#[test]
fn rejected_input_is_an_error() {
    let cases = [
        (
            "deprecated-input=reject",
            r#"{"execute": "park"}"#,
            r#"{"error": {"class": "CommandNotFound", "desc": "Deprecated command park disabled by policy"}}"#,
        ),
        (
            "unstable-input=reject",
            r#"{"execute": "drive", "arguments": {"speed": "fast", "trace": 1}}"#,
            r#"{"error": {"class": "GenericError", "desc": "Unstable parameter trace disabled by policy"}}"#,
        ),
        (
            "unstable-input=reject",
            r#"{"execute": "drive", "arguments": {"speed": "ludicrous"}}"#,
            r#"{"error": {"class": "GenericError", "desc": "Unstable value ludicrous disabled by policy"}}"#,
        ),
    ];
    for (policy, command, expected) in cases {
        assert_eq!(answer(policy, command), expected);
    }
}

#[test]
fn hidden_output_is_left_out() {
    let hidden = answer("deprecated-output=hide,unstable-output=hide", DRIVE);
    assert_eq!(hidden, r#"{"return": {"speed": "ludicrous"}}"#);
}

/// The events that parking causes under a policy, with their data.
fn events(policy: &str) -> Vec<String> {
    let router = Router::new().mount(Car, &[COMMANDS]).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let server = Server::builder().serve(router.compat(policy.parse().unwrap()));
    server.serve_socket(theirs.into()).unwrap();
    let mut client = Client::over_socket(ours.into()).unwrap();
    client.execute(&Park {}).unwrap();
    let mut events = Vec::new();
    while let Some(event) = client.next_event(Some(Duration::ZERO)).unwrap() {
        events.push(format!(
            "{} {}",
            event.name,
            event.data::<serde_json::Value>().unwrap()
        ));
    }
    events
}

#[test]
fn hidden_events_and_their_members_are_not_sent() {
    let all = [r#"HONKED {}"#, r#"MOVED {"by":0,"ghost":true}"#];
    assert_eq!(events("deprecated-output=accept"), all);
    let hidden = events("deprecated-output=hide,unstable-output=hide");
    assert_eq!(hidden, [r#"MOVED {"by":0}"#]);
}

#[test]
fn text_that_is_no_policy_is_refused() {
    for text in [
        "",
        "deprecated-input",
        "deprecated-input=hide",
        "unstable-output=reject",
        "x=accept",
    ] {
        assert!(text.parse::<CompatPolicy>().is_err(), "{text}");
    }
    assert!(Speed::blank() != Speed::Fast && !Speed::ALL.is_empty());
}

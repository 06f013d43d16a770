//! What a newer server says does not end the conversation, and nothing of it is lost in silence.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

use qmp_runtime::client::Client;
use qmp_runtime::codec::{Unknown, Unrecognized, UnrecognizedBranch, from_str, to_bytes};
use qmp_runtime::json::Value;

use crate::toy::types::{Color, Kind, Leaf, Shape, ShapeKind, ShapeRef};
use crate::toy::{commands, events};

/// A client of a server that greets with `capabilities` and then answers each request with one of
/// `answers`, in which `ID` stands for the request's.
fn client(capabilities: &str, answers: &[&str]) -> (Client, JoinHandle<()>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let greeting = format!(
        r#"{{"QMP": {{"version": {{"qemu": {{"major": 99, "minor": 0, "micro": 0, "nano": 1}}, "package": ""}}, "capabilities": {capabilities}, "mood": "good"}}}}"#
    );
    let answers: Vec<String> = answers.iter().map(|&text| text.to_owned()).collect();
    let server = std::thread::spawn(move || {
        let mut output = &theirs;
        writeln!(output, "{greeting}").unwrap();
        let mut answers = std::iter::once(r#"{"return": {}, "id": ID}"#.to_owned()).chain(answers);
        for request in BufReader::new(&theirs).lines() {
            let request: Value = serde_json::from_str(&request.unwrap()).unwrap();
            let answer = answers
                .next()
                .unwrap()
                .replace("ID", &request["id"].to_string());
            // In one piece: the client may be gone as soon as it has read the value.
            output.write_all((answer + "\n").as_bytes()).unwrap();
        }
    });
    let client = Client::over_socket(ours.into()).unwrap();
    (client, server)
}

fn query() -> commands::QueryLeaf {
    commands::QueryLeaf {
        id: "a".into(),
        limit: None,
    }
}

fn lenient<T: qmp_runtime::codec::Json>(text: &str) -> T {
    from_str(text, Unknown::Ignore).unwrap()
}

#[test]
fn unknown_values_and_members_of_reply_leave_the_rest_readable() {
    let answers = [
        r#"{"return": {"id": "a", "colors": ["red", "ultraviolet"], "smell": [1, {"a": null}]}, "id": ID, "took": 3}"#,
        r#"{"return": {"id": "b", "colors": []}, "id": ID}"#,
    ];
    let (mut client, server) = client("[\"oob\", \"telepathy\"]", &answers);
    assert_eq!(client.greeting().capabilities, ["oob", "telepathy"]);
    let leaf = client.execute(&query()).unwrap();
    assert_eq!(leaf.colors[0], Color::Red);
    assert_eq!(leaf.colors[1].as_str(), "ultraviolet");
    assert!(matches!(leaf.colors[1], Color::Unrecognized(_)));
    assert_eq!(client.execute(&query()).unwrap().id, "b");
    drop(client);
    server.join().unwrap();
}

#[test]
fn unknown_class_of_error_is_kept() {
    let answers = [
        r#"{"error": {"class": "QuotaExceeded", "desc": "too much", "quota": 3}, "id": ID}"#,
        r#"{"return": {"id": "b", "colors": []}, "id": ID}"#,
    ];
    let (mut client, server) = client("[]", &answers);
    let error = client.execute(&query()).unwrap_err();
    assert_eq!(
        error.as_command_error().unwrap().class().as_str(),
        "QuotaExceeded"
    );
    assert!(client.execute(&query()).is_ok());
    drop(client);
    server.join().unwrap();
}

#[test]
fn unknown_events_and_times_arrive() {
    let answers = [concat!(
        r#"{"event": "SINGULARITY", "data": {"near": true}, "timestamp": {"seconds": -1, "microseconds": -1}}"#,
        "\n",
        r#"{"event": "TICKED", "data": {"count": 3, "since": "x"}, "timestamp": {"seconds": 5, "microseconds": 6}, "seq": 1}"#,
        "\n",
        r#"{"return": {"id": "b", "colors": []}, "id": ID}"#,
    )];
    let (mut client, server) = client("[]", &answers);
    client.execute(&query()).unwrap();
    let mut next = || {
        client
            .next_event(Some(Duration::from_secs(5)))
            .unwrap()
            .unwrap()
    };
    let unknown = next();
    assert_eq!(
        (unknown.name.as_str(), unknown.timestamp),
        ("SINGULARITY", None)
    );
    assert_eq!(unknown.data::<Value>().unwrap()["near"], true);
    let ticked = next();
    assert_eq!(ticked.timestamp, Some(Duration::new(5, 6000)));
    assert_eq!(ticked.decode::<events::Ticked>().unwrap().unwrap().count, 3);
    drop(client);
    server.join().unwrap();
}

#[test]
fn unknown_branch_of_union_keeps_its_members() {
    let text = r#"{"name": "a", "kind": "torus", "inner": 1, "outer": [2, null]}"#;
    let shape: Shape = lenient(text);
    let ShapeKind::Unrecognized(branch) = &shape.kind else {
        panic!("{shape:?}");
    };
    assert_eq!(branch.tag().as_str(), "torus");
    assert_eq!(branch.get("inner"), Some(&Value::from(1)));
    assert_eq!(
        branch.members().map(|(name, _)| name).collect::<Vec<_>>(),
        ["inner", "outer"]
    );
    assert_eq!(shape.kind.tag().to_string(), "torus");
    assert_eq!(String::from_utf8(to_bytes(&shape)).unwrap(), text);
    assert!(from_str::<Shape>(text, Unknown::Refuse).is_err());
}

#[test]
fn unknown_alternative_keeps_its_value() {
    let text = r#"{"name": "g", "kind": "group", "members": [[1, "x"], null, "a"]}"#;
    let shape: Shape = lenient(text);
    let ShapeKind::Group(group) = &shape.kind else {
        panic!("{shape:?}");
    };
    let ShapeRef::Unrecognized(value) = &group.members[0] else {
        panic!("{group:?}");
    };
    assert_eq!(value.get()[1], "x");
    assert_eq!(String::from_utf8(to_bytes(&shape)).unwrap(), text);
}

#[test]
fn unknown_value_can_be_sent_to_a_newer_server() {
    let color = Color::Unrecognized(Unrecognized::new("infrared").unwrap());
    assert_eq!(color, lenient::<Color>("\"infrared\""));
    let leaf = Leaf::new("a", vec![color]);
    let text = String::from_utf8(to_bytes(&leaf)).unwrap();
    assert_eq!(text, r#"{"id": "a", "colors": ["infrared"]}"#);
    assert!("infrared".parse::<Color>().is_err());
    let kind =
        ShapeKind::Unrecognized(UnrecognizedBranch::from(Unrecognized::new("line").unwrap()));
    assert!(matches!(kind.tag(), Kind::Unrecognized(tag) if tag.as_str() == "line"));
}

#[test]
fn values_that_cannot_be_kept_are_an_error() {
    assert!(Unrecognized::new(&"x".repeat(257)).is_err());
    let long = format!("\"{}\"", "x".repeat(257));
    let error = from_str::<Color>(&long, Unknown::Ignore).unwrap_err();
    assert!(error.desc().contains("does not accept value"), "{error}");
    assert_eq!(size_of::<Color>(), 4);
}

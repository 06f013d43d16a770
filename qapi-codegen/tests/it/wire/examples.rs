//! The examples of an old manual, as far as the commands are there still.

use serde_json::Value;

use super::driver::{self, Case};
use super::model::list;
use crate::corpus;

/// What is not as the schema has it, by the line of the manual: slips of the manual, which lists them, and
/// what has changed since its time. Our own schema has QEMU's definitions, and so the same differences.
const DIFFERENT: &[(&str, &str, i64)] = &[
    ("command", "dump-guest-memory", 509), // slip: `paging` is missing
    ("command", "netdev_add", 567),        // `dnssearch` was no list then
    ("command", "object-add", 604),        // `props` went away
    ("return", "query-block", 1658),       // slip: `backing_file`; since then: `active`
    ("command", "blockdev-add", 2133),     // slip: `cache.writeback`
    ("return", "query-named-block-nodes", 2391), // as for query-block
    ("return", "query-memdev", 2491),      // `share` came
    ("command", "trace-event-set-state", 2606), // slip: `enable` is a string
];

/// The requests, results and events of an example.
fn cases(
    example: &Value,
    send: &'static str,
    receive: &'static str,
    event: &'static str,
) -> Vec<Case> {
    let mended = |message: &Value| {
        let repaired = message
            .get("repaired")
            .filter(|repaired| !repaired.is_null());
        repaired.unwrap_or(message).clone()
    };
    let request = mended(&example["send"]);
    let Some(name) = request["execute"].as_str() else {
        return Vec::new();
    };
    let case = |mode, kind, name: &str, value: &Value| Case {
        mode,
        kind,
        name: name.to_owned(),
        text: value.to_string(),
    };
    let empty = Value::Object(serde_json::Map::new());
    let mut cases = vec![case(
        "server",
        send,
        name,
        request.get("arguments").unwrap_or(&empty),
    )];
    let received = mended(&example["receive"]);
    let messages = match &received {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    for message in &messages {
        if let Some(result) = message.get("return") {
            cases.push(case("client", receive, name, result));
        }
        if let Some(name) = message["event"].as_str() {
            cases.push(case(
                "client",
                event,
                name,
                message.get("data").unwrap_or(&empty),
            ));
        }
    }
    cases
}

fn is_different(case: &Case, line: i64) -> bool {
    let kind = case.kind.strip_prefix("own-").unwrap_or(case.kind);
    DIFFERENT.contains(&(kind, &case.name, line))
}

#[test]
fn examples_of_the_manual_are_taken() {
    let Some(folder) = corpus::path("../seeds") else {
        return;
    };
    let text = std::fs::read_to_string(folder.join("qmp-commands.json")).expect("it can be read");
    let manual: Value = serde_json::from_str(&text).expect("it is JSON");
    let mut all = Vec::new();
    for command in list(&manual) {
        for example in list(&command["examples"]) {
            let line = example["line"].as_i64().unwrap_or_default();
            let of_qemu = cases(example, "command", "return", "event");
            let own = cases(example, "own-command", "own-return", "own-event");
            all.extend(of_qemu.into_iter().chain(own).map(|case| (line, case)));
        }
    }
    let asked: Vec<Case> = all.iter().map(|(_, case)| case.clone()).collect();
    let Some(answers) = driver::run(&asked) else {
        return;
    };
    let mut taken = 0;
    let mut wrong = Vec::new();
    for ((line, case), answer) in all.iter().zip(answers) {
        match answer {
            Ok(_) => taken += 1,
            Err(error) if error.starts_with("there is no ") => {}
            Err(_) if is_different(case, *line) => {}
            Err(error) => wrong.push(format!(
                "({:?}, {:?}, {line}), // {error}",
                case.kind, case.name
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(taken > 150, "only {taken}");
}

//! Both agents get the same requests; what differs is listed with its reason.

use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Agent, Kind, Line};
use crate::steps::steps;

/// Requests whose answers differ, as they start, and why.
const DIFFERENCES: [(&str, &str); 2] = [
    (
        r#"{"execute":"guest-file-open","arguments":{"path":"$DIR/nul\u0000"#,
        "QEMU opens the part in front of the zero, which is another file; here it is an error",
    ),
    (
        r#"{"execute":"guest-file-read","arguments":{"handle":1020,"count":10}}"#,
        "QEMU loses what it read from a pipe that has less; here that is the answer",
    ),
];

fn differs(step: &str) -> bool {
    DIFFERENCES.iter().any(|(start, _)| step.starts_with(start))
}

fn prepare(folder: &Path) {
    std::fs::write(folder.join("file"), "hello world\n").unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.join("pipe"),
        rustix::fs::FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
}

/// All answers of an agent, with `$DIR` in place of its folder.
fn answers(kind: Kind) -> Option<Vec<(String, Vec<Value>)>> {
    let folder = tempfile::tempdir().unwrap();
    let (_agent, path) = Agent::listen(kind, folder.path())?;
    prepare(folder.path());
    let name = folder.path().to_str().unwrap();
    let mut line = Line::connect(&path);
    let mut answers = Vec::new();
    for step in steps() {
        let replies = line.ask(step.replace("$DIR", name).as_bytes());
        let text = Value::Array(replies).to_string().replace(name, "$DIR");
        answers.push((step, serde_json::from_str(&text).unwrap()));
    }
    for (file, content) in [("file", ""), ("data", "end")] {
        let found = std::fs::read(folder.path().join(file)).unwrap();
        assert!(found.ends_with(content.as_bytes()), "{file}: {found:?}");
        answers.push((file.to_owned(), vec![json!(found)]));
    }
    Some(answers)
}

#[test]
fn same_requests_get_the_same_answers_as_from_qemu() {
    let ours = answers(Kind::Ours).unwrap();
    let Some(qemu) = answers(Kind::Qemu) else {
        return;
    };
    let unlike = ours.iter().zip(&qemu).filter(|(ours, qemu)| ours != qemu);
    let unlike: Vec<_> = unlike
        .map(|((step, ours), (_, qemu))| (step, ours, qemu))
        .collect();
    let unknown: Vec<_> = unlike.iter().filter(|(step, ..)| !differs(step)).collect();
    assert!(unknown.is_empty(), "step, ours, QEMU: {unknown:#?}");
    assert_eq!(unlike.len(), DIFFERENCES.len(), "{unlike:#?}");
}

#[test]
fn info_tells_what_is_there_and_enabled() {
    let folder = tempfile::tempdir().unwrap();
    let (_agent, path) = Agent::listen(Kind::Ours, folder.path()).unwrap();
    let ours = Line::connect(&path).call(&json!({"execute": "guest-info"}));
    let ours = ours["return"]["supported_commands"].as_array().unwrap();
    let names: Vec<&str> = ours
        .iter()
        .map(|command| command["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 19, "{names:?}");
    let folder = tempfile::tempdir().unwrap();
    let Some((_agent, path)) = Agent::listen(Kind::Qemu, folder.path()) else {
        return;
    };
    let qemu = Line::connect(&path).call(&json!({"execute": "guest-info"}));
    let qemu = qemu["return"]["supported_commands"].as_array().unwrap();
    for command in ours {
        assert!(qemu.contains(command), "{command}");
    }
}

#[test]
fn interfaces_are_those_that_qemu_sees() {
    let ask = |kind| {
        let folder = tempfile::tempdir().unwrap();
        let (_agent, path) = Agent::listen(kind, folder.path())?;
        let request = json!({"execute": "guest-network-get-interfaces"});
        let reply = Line::connect(&path).call(&request);
        Some(reply["return"].as_array().unwrap().clone())
    };
    let mut ours = ask(Kind::Ours).unwrap();
    assert!(
        ours.iter().any(|interface| interface["name"] == "lo"),
        "{ours:?}"
    );
    let Some(mut qemu) = ask(Kind::Qemu) else {
        return;
    };
    for (ours, qemu) in ours.iter_mut().zip(&mut qemu) {
        let (ours, qemu) = (ours.as_object_mut().unwrap(), qemu.as_object_mut().unwrap());
        let counters = ours.remove("statistics").unwrap();
        // QEMU leaves them out where there is no address; they count between the two questions.
        if let Some(theirs) = qemu.remove("statistics") {
            for (name, count) in theirs.as_object().unwrap() {
                assert!(
                    counters[name].as_u64().unwrap() <= count.as_u64().unwrap(),
                    "{name}"
                );
            }
        }
    }
    assert_eq!(ours, qemu);
}

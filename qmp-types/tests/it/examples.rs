//! The examples in the schema's documentation are valid requests and replies.

use std::fs;
use std::path::Path;

use qmp_runtime::Command;
use qmp_runtime::codec::{Json, Unknown, from_str};
use qmp_runtime::json::Value;
use qmp_types::qmp::{commands, types};

/// The text behind each arrow of the examples in a schema file, as JSON values.
fn messages(arrow: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/qmp");
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let lines: Vec<&str> = text
            .lines()
            .map(|line| line.trim_start_matches('#').trim())
            .collect();
        for (index, line) in lines.iter().enumerate() {
            let Some(start) = line.strip_prefix(arrow) else {
                continue;
            };
            // A message ends where an arrow, a blank line or the block ends.
            let rest = lines[index + 1..].iter().take_while(|line| {
                !line.is_empty() && !line.starts_with("->") && !line.starts_with("<-")
            });
            let message: Vec<&str> = std::iter::once(start).chain(rest.copied()).collect();
            found.push(
                serde_json::from_str(&message.join(" "))
                    .unwrap_or_else(|error| panic!("{start}: {error}")),
            );
        }
    }
    found
}

fn check<C: Command>(request: &Value) -> bool {
    if request["execute"] != C::INFO.name {
        return false;
    }
    let arguments = request
        .get("arguments")
        .map_or_else(|| "{}".to_owned(), Value::to_string);
    let _: C =
        from_str(&arguments, Unknown::Refuse).unwrap_or_else(|error| panic!("{request}: {error}"));
    true
}

#[test]
fn example_requests_are_typed_commands() {
    let requests = messages("->");
    assert!(requests.len() >= 30, "only {} examples", requests.len());
    let mut checked = 0;
    for request in &requests {
        let known = check::<commands::HumanMonitorCommand>(request)
            || check::<commands::Memsave>(request)
            || check::<commands::Pmemsave>(request)
            || check::<commands::Getfd>(request)
            || check::<commands::AddFd>(request)
            || check::<commands::RemoveFd>(request)
            || check::<commands::SetAction>(request)
            || check::<commands::QueryCommandLineOptions>(request)
            || check::<commands::Stop>(request)
            || check::<commands::QueryStatus>(request)
            || check::<commands::Balloon>(request);
        checked += usize::from(known);
    }
    assert!(checked >= 8, "only {checked} examples");
}

#[test]
fn union_with_few_branches_round_trips() {
    let json = r#"{"cpu-index": 0, "qom-path": "/machine/unattached/device[0]", "thread-id": 7, "target": "s390x", "cpu-state": "operating"}"#;
    let info: types::CpuInfoFast = from_str(json, Unknown::Refuse).unwrap();
    assert_eq!(info.target.tag(), types::SysEmuTarget::S390x);
    let mut out = qmp_runtime::json::Writer::new(qmp_runtime::json::Style::Line);
    info.encode(&mut out);
    assert_eq!(String::from_utf8(out.into_bytes()).unwrap(), json);
}

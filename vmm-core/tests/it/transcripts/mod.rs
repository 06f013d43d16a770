//! Conversations recorded from QEMU 10.0.2, held again: with the process `vmm`; for commands that it
//! lacks, with a server that has them too; and byte by byte with the protocol alone, without sockets and threads.

mod case;
mod extra;
mod replay;
mod server;

use std::path::PathBuf;

use qmp_runtime::__private::Solo;
use qmp_runtime::json::{Item, Stream};
use server::{Inside, Running, own_commands};

use case::{Case, load, op, payload};

/// Cases with an answer that is not ours, as docs/protocol.md says.
const DIFFERENT: [&str; 1] = ["id-every-type"];

/// Cases that need a machine type that is not ours.
const OTHER_MACHINES: [&str; 4] = [
    "ev-guest-panic-none",
    "ev-guest-panic-pause",
    "ev-guest-reset",
    "ev-rate-burst",
];

/// Cases about objects that there are none of.
const OTHER_OBJECTS: [&str; 1] = ["q-memdev-lifecycle"];

/// Cases of megabytes: too slow byte by byte, and without optimisation.
const LARGE: [&str; 4] = [
    "big-string-64MiB-plus",
    "big-string-8MiB",
    "many-tokens-over",
    "many-tokens-under",
];

/// Commands that only the test's own schema has.
fn needs_extra(case: &Case) -> bool {
    let (_, extra) = COMMANDS.split_once("# Objects").unwrap();
    let is_extra = |name: &String| extra.contains(&format!("{{ 'command': '{name}',"));
    let is_lacking = |name: &&String| !own_commands().contains(*name);
    case.needs.iter().filter(is_lacking).any(is_extra)
}

const COMMANDS: &str = include_str!("extra.json");

fn cases() -> Option<Vec<Case>> {
    let folder = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/corpus/qmp-transcripts"
    ));
    if !folder.is_dir() {
        println!("skipped: no transcripts at {}", folder.display());
        return None;
    }
    let cases = load(&folder);
    let is_here = |name: &&str| cases.iter().any(|case| case.name == **name);
    assert!(OTHER_MACHINES.iter().all(is_here));
    Some(cases)
}

fn is_of(case: &Case, names: &[&str]) -> bool {
    names.contains(&&*case.name)
}

/// Checks that just these differ.
fn differ_only(found: Vec<Result<(), String>>, expected: &[&str]) {
    let found: Vec<String> = found.into_iter().filter_map(Result::err).collect();
    let names = found.iter().map(|text| text.split(':').next().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), expected, "{found:#?}");
}

// proves: qmp_capabilities, query-version, getfd, closefd, add-fd, remove-fd, query-fdsets
#[test]
fn recorded_conversations_are_equal() {
    let Some(cases) = cases() else { return };
    let run = |case: &Case| {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_str().unwrap();
        let mut server = match needs_extra(case) {
            true => Running::inside(case, folder),
            false => Running::process(case, folder),
        };
        replay::replay(case, folder, &mut server)
    };
    let mut names = [&OTHER_MACHINES[..], &OTHER_OBJECTS].concat();
    if cfg!(debug_assertions) {
        names.extend(LARGE);
    }
    let cases: Vec<&Case> = cases.iter().filter(|case| !is_of(case, &names)).collect();
    assert!(cases.len() >= 130, "only {} cases", cases.len());
    differ_only(cases.into_iter().map(run).collect(), &DIFFERENT);
}

/// Whether a case is one client that sends bytes, and no more.
fn is_plain(case: &Case) -> bool {
    let is_plain = |(index, step): (usize, &serde_json::Value)| match op(step) {
        "open" => index == 0,
        "send" => step.get("fds").is_none(),
        _ => false,
    };
    case.steps.iter().enumerate().all(is_plain)
        && !is_of(case, &OTHER_MACHINES)
        && !is_of(case, &OTHER_OBJECTS)
}

#[test]
fn recorded_conversations_are_equal_byte_by_byte_without_sockets() {
    let Some(cases) = cases() else { return };
    let plain: Vec<&Case> = cases
        .iter()
        .filter(|case| is_plain(case) && !is_of(case, &LARGE))
        .collect();
    assert!(plain.len() >= 100, "only {} cases", plain.len());
    differ_only(plain.into_iter().map(talk_alone).collect(), &DIFFERENT);
}

fn talk_alone(case: &Case) -> Result<(), String> {
    let inside = Inside::new(case).unwrap();
    let preconfig = inside.machine.config().preconfig;
    let mut solo = Solo::new(inside.router, inside.events, preconfig);
    let mut result = Ok(());
    for (index, step) in case.steps.iter().enumerate() {
        for byte in payload(step, "") {
            solo.receive(&[byte]);
            while solo.work() {}
        }
        let text = String::from_utf8(solo.take(usize::MAX)).unwrap();
        let mut lines: Vec<_> = text.lines().map(|line| Some(line.to_owned())).collect();
        if solo.is_over() && case.expected.contains_key(&(index, 0)) {
            lines.push(None);
        }
        let none = Vec::new();
        let entries = case.expected.get(&(index, 0)).unwrap_or(&none);
        result = result.and_then(|()| case.compare(entries, &lines));
    }
    // It may have ended already.
    let _ = inside.machine.quit();
    result
}

#[test]
fn recorded_bytes_are_the_same_messages_wherever_they_are_split() {
    let Some(cases) = cases() else { return };
    fn items(parts: [&[u8]; 2]) -> Vec<String> {
        let mut stream = Stream::new();
        let mut found = Vec::new();
        for mut part in parts {
            while let Some(item) = stream.next_item(&mut part) {
                found.push(match item {
                    Item::Error(error) => error,
                    Item::Message(document) => {
                        let mut out = qmp_runtime::json::Writer::default();
                        out.node(&document, document.root());
                        String::from_utf8(out.into_bytes()).unwrap()
                    }
                });
            }
        }
        found
    }
    for case in cases {
        let bytes: Vec<u8> = case
            .steps
            .iter()
            .flat_map(|step| payload(step, ""))
            .collect();
        if bytes.len() > 8192 {
            continue;
        }
        let whole = items([&bytes, b""]);
        for at in 0..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(items([head, tail]), whole, "{}, split at {at}", case.name);
        }
    }
}

//! Conversations recorded from QEMU 10.0.2, held again with this server.
//!
//! The cases that need no machine: what they ask is answered by the few commands below.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use qmp_runtime::json::{Item, Map, Stream, Value};
use qmp_runtime::server::{Address, Server};
use qmp_runtime::{Command, CommandInfo, Entry, Event, EventInfo, Router, record};

const AREAS: [&str; 8] = [
    "greeting",
    "negotiation",
    "envelope",
    "framing",
    "lexer",
    "recovery",
    "utf8",
    "limits",
];

/// Cases that go by the order of QEMU's hash tables: which of several unknown arguments is named.
const OTHER_ORDER: [&str; 1] = ["many-members"];

/// Megabytes byte by byte; the release build of the replayer's other run takes them.
const LARGE: [&str; 4] = [
    "big-string-64MiB-plus",
    "big-string-8MiB",
    "many-tokens-over",
    "many-tokens-under",
];

struct Machine {
    running: bool,
}

macro_rules! command {
    ($type:ident, $name:literal, $return:ty) => {
        struct $type {}
        record!($type, []);
        impl Command for $type {
            type Return = $return;
            const INFO: CommandInfo = CommandInfo::new($name);
        }
    };
}

struct Status {
    status: String,
    running: bool,
}
record!(Status, [("status", status), ("running", running)]);

struct Shutdown {
    guest: bool,
    reason: String,
}
record!(Shutdown, [("guest", guest), ("reason", reason)]);

impl Event for Shutdown {
    const INFO: EventInfo = EventInfo::new("SHUTDOWN").data();
}

struct Stop {}
record!(Stop, []);

impl Event for Stop {
    const INFO: EventInfo = EventInfo::new("STOP");
}

command!(QueryName, "query-name", Map<String, Value>);
command!(QueryStatus, "query-status", Status);
command!(QueryVersion, "query-version", Map<String, Value>);
command!(Quit, "quit", ());
command!(StopCommand, "stop", ());

static COMMANDS: [Entry<Machine>; 5] = [
    Entry::new::<QueryName>(|_, _, call| call.run(|_: QueryName| Ok(Map::new()))),
    Entry::new::<QueryStatus>(|machine, _, call| {
        call.run(|_: QueryStatus| {
            let status = if machine.running { "running" } else { "paused" };
            Ok(Status {
                status: status.into(),
                running: machine.running,
            })
        })
    }),
    Entry::new::<QueryVersion>(|_, _, call| call.run(|_: QueryVersion| Ok(Map::new()))),
    Entry::new::<Quit>(|_, cx, call| {
        call.run(|_: Quit| {
            cx.emit(&Shutdown {
                guest: false,
                reason: "host-qmp-quit".into(),
            });
            cx.quit();
            Ok(())
        })
    }),
    Entry::new::<StopCommand>(|machine, cx, call| {
        call.run(|_: StopCommand| {
            if std::mem::take(&mut machine.running) {
                cx.emit(&Stop {});
            }
            Ok(())
        })
    }),
];

/// One case: what is sent, and what QEMU answered to each step.
struct Case {
    name: String,
    steps: Vec<Value>,
    expected: BTreeMap<(usize, u64), Vec<Value>>,
}

fn cases(folder: &Path, area: &str) -> Vec<Case> {
    let text = fs::read_to_string(folder.join(format!("{area}.jsonl"))).unwrap();
    text.lines()
        .filter_map(|line| case(&serde_json::from_str(line).unwrap()))
        .collect()
}

fn case(raw: &Value) -> Option<Case> {
    let known: Vec<&str> = vec![
        "query-name",
        "query-status",
        "query-version",
        "quit",
        "stop",
    ];
    let needs = raw["needs"].as_array().into_iter().flatten();
    let name = raw["name"].as_str().unwrap();
    let fits = raw["portable"] == "exact"
        && raw["args"] == serde_json::json!(["-M", "none"])
        && needs
            .into_iter()
            .all(|need| known.contains(&need.as_str().unwrap()))
        && !OTHER_ORDER.contains(&name)
        && !LARGE.contains(&name);
    let mut expected: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for entry in raw["expect"].as_array().unwrap() {
        let key = (
            entry["after"].as_u64().unwrap() as usize,
            entry["c"].as_u64().unwrap_or(0),
        );
        for _ in 0..entry["times"].as_u64().unwrap_or(1) {
            expected.entry(key).or_default().push(entry.clone());
        }
    }
    fits.then(|| Case {
        name: name.into(),
        steps: raw["send"].as_array().unwrap().clone(),
        expected,
    })
}

fn payload(step: &Value) -> Vec<u8> {
    if let Some(text) = step["utf8"].as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(text) = step["b64"].as_str() {
        return base64(text);
    }
    let parts = step["parts"].as_array().into_iter().flatten();
    parts
        .flat_map(|part| {
            part[0]
                .as_str()
                .unwrap()
                .repeat(part[1].as_u64().unwrap() as usize)
                .into_bytes()
        })
        .collect()
}

fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for symbol in text.bytes().filter(|&byte| byte != b'=') {
        let value = ALPHABET.iter().position(|&known| known == symbol).unwrap();
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

struct Connection {
    socket: UnixStream,
    rest: Vec<u8>,
}

impl Connection {
    fn send(&mut self, bytes: &[u8], bytewise: bool) {
        // The server may have hung up, as the case wants it.
        for chunk in bytes.chunks(if bytewise { 1 } else { usize::MAX >> 1 }) {
            let _ = self.socket.write_all(chunk);
        }
    }

    /// The next line, or `None` at the end.
    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.rest.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            let mut buffer = [0; 1 << 16];
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.rest.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }
}

fn run(case: &Case) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qmp");
    let router = Router::new()
        .mount(Machine { running: true }, &[&COMMANDS])
        .unwrap();
    let server = Server::builder().version(10, 0, 2, "").serve(router);
    server.listen(Address::Unix(path.clone())).unwrap();
    let mut connections: BTreeMap<u64, Connection> = BTreeMap::new();
    for (index, step) in case.steps.iter().enumerate() {
        let client = step["c"].as_u64().unwrap_or(0);
        match step["op"].as_str().unwrap_or("send") {
            "open" => {
                let socket = UnixStream::connect(&path).unwrap();
                socket
                    .set_read_timeout(Some(Duration::from_secs(20)))
                    .unwrap();
                connections.insert(
                    client,
                    Connection {
                        socket,
                        rest: Vec::new(),
                    },
                );
            }
            "close" => drop(connections.remove(&client)),
            "send" => {
                let connection = connections.get_mut(&client).unwrap();
                connection.send(&payload(step), step["bytewise"] == true);
            }
            "sleep" => thread::sleep(Duration::from_secs_f64(step["s"].as_f64().unwrap())),
            other => panic!("{}: unknown step {other}", case.name),
        }
        for (&(_, client), entries) in case.expected.range((index, 0)..(index + 1, 0)) {
            for entry in entries {
                let got = connections.get_mut(&client).unwrap().line();
                compare(&case.name, index, entry, got.as_deref());
            }
        }
    }
}

fn compare(name: &str, step: usize, entry: &Value, got: Option<&str>) {
    if entry["eof"] == true {
        assert_eq!(got, None, "{name}, step {step}");
        return;
    }
    let got = got.unwrap_or_else(|| panic!("{name}, step {step}: the server hung up"));
    let Some(line) = entry["line"].as_str() else {
        // Long lines are recorded as their length; escapes may be laid out in one way only.
        assert_eq!(
            got.len() as u64,
            entry["len"].as_u64().unwrap(),
            "{name}, step {step}"
        );
        return;
    };
    let Some(theirs) = parse(line) else {
        // QEMU prints numbers beyond the range of a double as `inf`, which is no JSON; we echo them.
        let echoed = line.replace("inf", "");
        assert!(
            got.starts_with(echoed.trim_end_matches('}')),
            "{name}, step {step}: {got}"
        );
        return;
    };
    let ours = parse(got).unwrap_or_else(|| panic!("{name}, step {step}: not JSON: {got}"));
    if theirs.get("QMP").is_some() || theirs.get("event").is_some() {
        assert_eq!(ours["event"], theirs["event"], "{name}, step {step}");
        return;
    }
    assert_eq!(numbers(ours), numbers(theirs), "{name}, step {step}");
}

/// Our own parser, which has no trouble with deep nesting.
fn parse(text: &str) -> Option<Value> {
    match Stream::new().next_item(&mut text.as_bytes())? {
        Item::Message(document) => document.value(document.root()),
        Item::Error(_) => None,
    }
}

/// Whole doubles as integers: `1.0`, `1e3` and `1000` are the same number.
fn numbers(mut value: Value) -> Value {
    let mut pending = vec![&mut value];
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(elements) => pending.extend(elements),
            Value::Object(members) => pending.extend(members.values_mut()),
            Value::Number(number) => {
                let whole = number
                    .as_f64()
                    .filter(|double| double.fract() == 0.0 && double.abs() < 1e15);
                if let Some(whole) = whole {
                    *value = Value::from(whole as i64);
                }
            }
            _ => {}
        }
    }
    value
}

#[test]
fn recorded_conversations_are_equal() {
    let folder = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/corpus/qmp-transcripts"
    ));
    if !folder.is_dir() {
        println!("skipped: no transcripts at {}", folder.display());
        return;
    }
    let started = Instant::now();
    let mut count = 0;
    for area in AREAS {
        for case in cases(&folder, area) {
            run(&case);
            count += 1;
        }
    }
    assert!(count >= 60, "only {count} cases");
    println!("{count} cases in {:?}", started.elapsed());
}

#[test]
fn echoed_number_is_never_infinite() {
    let item = Stream::new()
        .next_item(&mut &b"{\"id\": 1e400}"[..])
        .unwrap();
    let Item::Message(document) = item else {
        panic!("{item:?}")
    };
    let mut out = qmp_runtime::json::Writer::new(qmp_runtime::json::Style::Line);
    out.node(&document, document.root());
    assert_eq!(out.into_bytes(), b"{\"id\": 1e400}");
}

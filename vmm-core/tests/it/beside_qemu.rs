//! Random input to QEMU and to `vmm`: the same answers, to the letter of every error.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use qmp_runtime::json::{Item, Stream, Value};

use crate::fixture::LIMIT;

const QEMU: &str = "qemu-system-x86_64";

/// A server process with a monitor; it ends with the test.
struct Server {
    process: Child,
    socket: PathBuf,
}

impl Server {
    fn start(program: &str, dir: &Path, name: &str) -> Self {
        let socket = dir.join(name);
        let qmp = format!("unix:{},server=on,wait=off", socket.display());
        let process = Command::new(program)
            .args(["-nodefaults", "-display", "none", "-M", "none"])
            .args(["-qmp", &qmp])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Server { process, socket }
    }

    /// Everything that is answered to these bytes, as JSON without what has to differ.
    fn answers(&self, input: &[u8], negotiate: bool) -> Vec<Value> {
        let deadline = Instant::now() + LIMIT;
        let mut socket = loop {
            match UnixStream::connect(&self.socket) {
                Ok(socket) => break socket,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::yield_now();
        };
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let start: &[u8] = match negotiate {
            true => br#"{"execute":"qmp_capabilities"}"#,
            false => b"",
        };
        // FF ends whatever is open.
        let end = br#"{"execute":"qmp_capabilities","id":"the end","x":1}"#;
        let all = [start, input, b"\xFF", end].concat();
        socket.write_all(&all).unwrap();
        let mut stream = Stream::new();
        let mut answers = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match socket.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                count => count.unwrap(),
            };
            assert!(count > 0, "the server hung up behind {answers:?}");
            let mut bytes = &buffer[..count];
            while let Some(item) = stream.next_item(&mut bytes) {
                let Item::Message(document) = item else {
                    panic!("{item:?}")
                };
                let mut answer = document.value(document.root()).unwrap();
                let members = answer.as_object_mut().unwrap();
                if members.get("id").is_some_and(|id| *id == "the end") {
                    return answers;
                }
                members.remove("timestamp");
                if !members.contains_key("QMP") {
                    answers.push(normal(answer));
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `1.0` and `1` are one number.
fn normal(mut value: Value) -> Value {
    match &mut value {
        Value::Number(number) => {
            let double = number.as_f64().unwrap();
            if double.fract() == 0.0 && double.abs() < 1e15 {
                return Value::from(double as i64);
            }
        }
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|element| *element = normal(element.take())),
        Value::Object(members) => {
            members
                .values_mut()
                .for_each(|member| *member = normal(member.take()));
        }
        _ => {}
    }
    value
}

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(from).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        pick(&[
            "0",
            "-0",
            "1",
            "-1",
            "1.0",
            "1e3",
            "0.5",
            "-0.0",
            "1e300",
            "255",
            "256",
            "65536",
            "4294967296",
            "2147483648",
            "-2147483649",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            "18446744073709551616",
            "123456789012345678901234567890",
            "123456789.125",
        ]),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<i16>().prop_map(|number| number.to_string()),
    ]
}

/// Text of a string, rarely a broken one.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let raw: &[&[u8]] = &[
        b"\xC3\xA9",
        b"\xF0\x9F\x98\x80",
        b"\xC0\x80",
        b"\xC0\x81",
        b"\xED\xA0\x80",
        b"\xFE",
        b"\x80",
        b"\xF8\x88",
        b"\xEF\xBF\xBF",
        b"\x7F",
        b"\x01",
        b"\n",
        b"\xE2\x82",
        b"\xF4\x90\x80\x80",
        b"\xFC\x84\x80\x80\x80\x80",
    ];
    let piece = prop_oneof![
        12 => "[a-z0-9 _/%{}:,.-]{0,6}".prop_map(String::into_bytes),
        2 => pick(&[
            "\\n", "\\\"", "\\'", "\\\\", "\\/", "\\u0041", "\\u0000", "\\ud83d\\ude00", "\\ud800", "\\uffff", "\\u12",
            "\\x", "\\u00g0", "\\udc00", "\\ud800\\u0041",
        ]).prop_map(String::into_bytes),
        1 => proptest::sample::select(raw.to_vec()).prop_map(<[u8]>::to_vec),
    ];
    vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn string() -> impl Strategy<Value = Vec<u8>> {
    (text(), prop_oneof![6 => Just(b'"'), 1 => Just(b'\'')])
        .prop_map(|(text, quote)| [&[quote], &text[..], &[quote]].concat())
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        number().prop_map(String::into_bytes),
        string(),
        pick(&["true", "false", "null", "nul", "True", "NaN"]).prop_map(String::into_bytes),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let list = |items: Vec<Vec<u8>>| items.join(&b","[..]);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(move |items| [b"[", &list(items)[..], b"]"].concat()),
            vec((string(), inner), 0..4).prop_map(object),
        ]
    })
}

fn object(members: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<u8> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(key, value)| [&key[..], b": ", &value].concat())
        .collect();
    [b"{", &members.join(&b", "[..])[..], b"}"].concat()
}

/// A request, sound or not.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let command = pick(&[
        "query-name",
        "query-status",
        "stop",
        "cont",
        "set-action",
        "watchdog-set-action",
        "getfd",
        "closefd",
        "remove-fd",
        "add-fd",
        "query-uuid",
        "x-exit-preconfig",
        "qmp_capabilities",
        "system_wakeup",
        "inject-nmi",
        "nope",
        "query-iothreads",
    ])
    .prop_map(|name| format!("\"{name}\"").into_bytes());
    let argument = prop_oneof![
        3 => pick(&["reboot", "shutdown", "panic", "action", "fdname", "fdset-id", "fd", "opaque", "enable"]),
        2 => "[a-z0-9_-]{1,6}",
    ]
    .prop_map(|name| format!("\"{name}\"").into_bytes());
    let setting = prop_oneof![
        2 => pick(&["\"reset\"", "\"pause\"", "\"none\"", "\"poweroff\"", "[\"oob\"]", "7"]).prop_map(String::into_bytes),
        2 => value(),
    ];
    let arguments = prop_oneof![
        8 => vec((argument.clone(), setting.clone()), 0..4),
        1 => vec((argument, setting), 0..40),
    ];
    let member = |name: &'static str, value: BoxedStrategy<Vec<u8>>| {
        value
            .prop_map(move |value| (format!("\"{name}\"").into_bytes(), value))
            .boxed()
    };
    let execute = prop_oneof![12 => command.boxed(), 1 => value().boxed()].boxed();
    let arguments =
        prop_oneof![12 => arguments.prop_map(object).boxed(), 1 => value().boxed()].boxed();
    let rare = prop_oneof![
        member("exec-oob", value().boxed()),
        member("control", value().boxed()),
        (string(), value()).boxed(),
    ]
    .boxed();
    let maybe =
        |one: BoxedStrategy<(Vec<u8>, Vec<u8>)>, most: f64| proptest::option::weighted(most, one);
    let members = (
        maybe(member("execute", execute), 0.95),
        maybe(member("arguments", arguments), 0.7),
        maybe(member("id", value().boxed()), 0.6),
        maybe(rare, 0.08),
    );
    members
        .prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(object)
}

/// Tokens without any sense.
fn tokens() -> impl Strategy<Value = Vec<u8>> {
    let token = pick(&[
        "{", "}", "[", "]", ":", ",", "\"a\"", "'b'", "1", "-", "0", "01", "1.", ".5", "1e", "1e+",
        "-1", "true", "foo", "NaN", " ", "\n", "\t", "\x00", "\x0b", "\"", "'", "/", "//", "#",
        "%p", "+1", "0e1", "\"a\":1", "A", "_", "1a", "\u{a0}", "\u{feff}", "--", "1..2",
    ])
    .prop_map(String::into_bytes);
    let token = prop_oneof![20 => token, 1 => Just(vec![0xFF]), 1 => Just(vec![0xFE])];
    vec(token, 1..12).prop_map(|tokens| tokens.concat())
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => vec(request(), 1..3).prop_map(|requests| requests.concat()),
        // A byte is missing, one too many, or another one.
        3 => (request(), any::<prop::sample::Index>(), any::<u8>(), 0..3u8).prop_map(|(mut bytes, at, byte, how)| {
            let at = at.index(bytes.len());
            match how {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, byte),
                _ => bytes[at] = byte,
            }
            bytes
        }),
        2 => tokens(),
    ]
}

/// The names of the commands of a server, in quotes.
fn commands(server: &mut Server) -> Vec<String> {
    let answers = server.answers(br#"{"execute": "query-commands"}"#, true);
    let lists = answers
        .iter()
        .filter_map(|answer| answer["return"].as_array());
    let names = lists.flatten().map(|command| command["name"].to_string());
    let names: Vec<String> = names.collect();
    assert!(
        names.contains(&"\"query-status\"".to_owned()),
        "{answers:?}"
    );
    names
}

/// Whether a number is beyond a double: QEMU prints such an `id` as `inf`, which is not JSON.
fn has_infinity(text: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c)))
        .any(|number| number.parse::<f64>().is_ok_and(f64::is_infinite))
}

/// Each case has a connection of its own, so that a failed one does no harm to those that shrink it.
fn unpoisoned(server: &Mutex<Server>) -> MutexGuard<'_, Server> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn random_input_is_answered_as_qemu_answers_it() {
    let version = Command::new(QEMU).arg("--version").output();
    if !version
        .is_ok_and(|version| String::from_utf8_lossy(&version.stdout).contains("version 10.0.2"))
    {
        println!("skipped: there is no {QEMU} 10.0.2");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let qemu = Mutex::new(Server::start(QEMU, dir.path(), "qemu"));
    let vmm = Mutex::new(Server::start(env!("CARGO_BIN_EXE_vmm"), dir.path(), "vmm"));
    let ours = commands(&mut unpoisoned(&vmm));
    let mut theirs_alone = commands(&mut unpoisoned(&qemu));
    theirs_alone.retain(|name| !ours.contains(name));
    let config = ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(input in input(), negotiate in prop::bool::weighted(0.8))| {
        // A byte less makes a command that QEMU alone has of one that both have: `query-stats`.
        let text = String::from_utf8_lossy(&input);
        prop_assume!(!theirs_alone.iter().any(|name| text.contains(name)));
        prop_assume!(!has_infinity(&text));
        let theirs = unpoisoned(&qemu).answers(&input, negotiate);
        let ours = unpoisoned(&vmm).answers(&input, negotiate);
        let input = String::from_utf8_lossy(&input);
        prop_assert_eq!(ours, theirs, "{}", input);
    });
}

//! `qapi import`: from introspection data to a schema, and back.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use qapi_codegen::{import, introspect};
use qapi_parser::check_str;
use serde_json::{Value, json};

use crate::command::{folder, qapi, qapi_in};
use crate::corpus;

/// A bit of everything that clients can see.
const SCHEMA: &str = r"
{ 'pragma': { 'command-name-exceptions': [ 'old_way' ],
              'command-returns-exceptions': [ 'tell' ],
              'member-name-exceptions': [ 'Odd', 'Kind' ] } }
{ 'enum': 'Kind', 'data': [ 'none', { 'name': 'Big_One', 'features': [ 'deprecated' ] }, '4th' ] }
{ 'struct': 'Odd', 'data': { 'A_b': 'number' }, 'features': [ 'fast' ] }
{ 'struct': 'Tree', 'data': { '*left': 'Tree', '*kids': [ 'Tree' ], 'note': 'any' } }
{ 'struct': 'Bare', 'data': {} }
{ 'union': 'Drive', 'base': { 'kind': 'Kind', '*id': 'str' }, 'discriminator': 'kind',
  'data': { 'Big_One': 'Tree' } }
{ 'alternate': 'Either', 'data': { 'one': 'str', 'two': 'Drive', 'three': 'null', 'four': [ 'int' ] } }
{ 'command': 'add', 'data': 'Drive', 'boxed': true, 'allow-oob': true }
{ 'command': 'old_way', 'data': { 'x': 'int', '*y': { 'type': 'Either', 'features': [ 'unstable' ] } } }
{ 'command': 'tell', 'returns': [ 'str' ], 'features': [ 'deprecated' ] }
{ 'command': 'query-odds', 'data': 'Odd', 'returns': [ 'Odd' ] }
{ 'command': 'query-bare', 'returns': 'Bare' }
{ 'event': 'GONE', 'data': { 'why': 'bool' } }
{ 'event': 'DONE', 'data': 'Odd' }
";

fn entries_of(schema: &str) -> Vec<Value> {
    let schema = check_str("x.json", schema).schema.expect("it is sound");
    introspect::entries(&schema, &introspect::Options::default())
}

fn back(entries: Vec<Value>) -> (String, Vec<Value>) {
    let imported = import(&Value::Array(entries), "a test").expect("it is a schema's");
    let entries = entries_of(&imported.text);
    (imported.text, entries)
}

#[test]
fn introspection_of_the_schema_is_what_it_was_made_of() {
    let entries = entries_of(SCHEMA);
    let (text, again) = back(entries.clone());
    assert_eq!(again, entries, "{text}");
    insta::assert_snapshot!("imported", text);
}

#[test]
fn qemus_own_data_comes_back_entry_by_entry() {
    for (release, root) in [("10.0.2", "qmp"), ("v7.2.0", "qmp"), ("10.0.2", "qga")] {
        let Some(schema) = corpus::schema(release, root) else {
            return;
        };
        let entries = introspect::entries(&schema, &introspect::Options::default());
        let (_, again) = back(entries.clone());
        for (one, other) in again.iter().zip(&entries) {
            assert_eq!(one, other);
        }
        assert_eq!(again.len(), entries.len());
    }
}

#[test]
fn names_survive_where_the_data_has_them() {
    let Some(schema) = corpus::schema("10.0.2", "qmp") else {
        return;
    };
    let options = introspect::Options {
        unmasked: true,
        ..introspect::Options::default()
    };
    let (text, _) = back(introspect::entries(&schema, &options));
    assert!(text.contains("{ 'struct': 'StatusInfo',"));
    assert!(text.contains("'union': 'BlockdevOptions'"));
    assert!(!text.contains("BlockdevAdd"));
}

/// A live server has left out what it is not configured for, users of types among it.
#[test]
fn the_answer_of_a_real_server_gives_a_schema() {
    let Some(path) = corpus::path("oracle/query-qmp-schema.qemu-10.0.2-x86_64.json") else {
        return;
    };
    let path = path.to_str().expect("it is text");
    let folder = folder(&[]);
    let run = qapi_in(folder.path(), &["import", path, "-o", "live.json"], "");
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.contains("nothing uses these types: UnusedType"));
    assert!(
        run.err.contains("live.json: 233 commands, 55 events\n"),
        "{}",
        run.err
    );
    let run = qapi_in(folder.path(), &["check", "live.json"], "");
    assert_eq!((run.code, run.out.as_str()), (Some(0), ""));
}

#[test]
fn malformed_data_is_refused_with_the_entry_at_fault() {
    let object = |name: &str| json!({ "name": name, "meta-type": "object", "members": [] });
    let cases = [
        (json!({}), "the data is not a JSON array"),
        (json!([1]), "entry 0 of the data: it is not an object"),
        (
            json!([{ "name": "x" }]),
            "entry 0 of the data: 'meta-type' is missing or not a string",
        ),
        (
            json!([{ "name": "x", "meta-type": "gadget" }]),
            "entry 0 of the data: 'meta-type' is 'gadget', which is unknown",
        ),
        (
            json!([object("0"), object("0")]),
            "entry 1 of the data: a second object '0'",
        ),
        (
            json!([{ "name": "E", "meta-type": "event", "arg-type": "7" }]),
            "event 'E' uses type '7', which has no entry",
        ),
        (
            json!([{ "name": "it's", "meta-type": "event", "arg-type": "7" }]),
            "entry 0 of the data: 'it\\'s' cannot be a name",
        ),
        (
            json!([{ "name": "lower", "meta-type": "event", "arg-type": "0" }, object("0")]),
            "event 'lower': name of event must not use lowercase or '-'",
        ),
        (
            json!([
                { "name": "E", "meta-type": "event", "arg-type": "[[0]]" },
                { "name": "[[0]]", "meta-type": "array", "element-type": "[[0]]" },
            ]),
            "the data is not what a QAPI schema can give",
        ),
    ];
    for (data, message) in cases {
        let error = import(&data, "a test").expect_err("it is malformed");
        assert!(error.to_string().contains(message), "{data}: {error}");
        let run = qapi(&["import", "-"], &data.to_string());
        assert_eq!(run.code, Some(1), "{data}");
        assert!(run.err.contains(message), "{data}: {}", run.err);
    }
}

#[test]
fn usage_is_explained() {
    let cases: [(&[&str], &str); 6] = [
        (
            &["import"],
            "no answer given; name a file with it, or ask a server with --qmp",
        ),
        (
            &["import", "a", "--qmp", "unix:b"],
            "give a file or --qmp, not both",
        ),
        (
            &["import", "--qmp", "b"],
            "'b' is no address; write unix:PATH or tcp:HOST:PORT",
        ),
        (
            &["import", "--qmp", "unix:/nowhere/x"],
            "cannot connect to unix:/nowhere/x: No such",
        ),
        (
            &["import", "--timeout", "-1", "x"],
            "'-1' is not a number of seconds above zero",
        ),
        (&["import", "-"], "<stdin> is not JSON: EOF while parsing"),
    ];
    for (arguments, message) in cases {
        let run = qapi(arguments, "");
        assert_eq!(run.code, Some(2), "{arguments:?}");
        assert!(run.err.contains(message), "{arguments:?}: {}", run.err);
    }
}

/// A server that says these lines, one at the start and one after each line that it gets.
fn imported_from(replies: &'static [&'static str]) -> crate::command::Run {
    let folder = folder(&[]);
    let listener = UnixListener::bind(folder.path().join("s")).expect("the folder is there");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client comes");
        let mut lines = BufReader::new(stream.try_clone().expect("it can be")).lines();
        for reply in replies {
            let sent = stream.write_all(reply.as_bytes());
            if sent.is_err() || lines.next().is_none() {
                return;
            }
        }
    });
    let arguments = ["import", "--timeout", "0.3", "--qmp", "unix:s"];
    let run = qapi_in(folder.path(), &arguments, "");
    server.join().expect("the server ends");
    run
}

const GREETING: &str = "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, \
                        \"package\": \"\"}, \"capabilities\": []}}\r\n";

#[test]
fn events_between_replies_are_passed_over() {
    let run = imported_from(&[
        GREETING,
        "{\"return\": {}}\r\n{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 0}}\r\n",
        "{\"return\": [{\"name\": \"ping\", \"meta-type\": \"command\", \"arg-type\": \"0\", \"ret-type\": \"0\"},\
         {\"name\": \"0\", \"meta-type\": \"object\", \"members\": []}]}\r\n",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.out.contains("# unix:s, version 10.0.2\n"));
    assert!(run.out.ends_with("\n{ 'command': 'ping' }\n"));
}

#[test]
fn servers_that_do_not_answer_are_given_up() {
    let cases: [(&'static [&'static str], &str); 4] = [
        (&["SSH-2.0-OpenSSH\r\n"], "no greeting"),
        (&["{\"QGA\": 1}\r\n"], "this is not how QMP starts"),
        (&[GREETING], "qmp_capabilities: "),
        (
            &[
                GREETING,
                "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"What?\"}}\r\n",
            ],
            "qmp_capabilities: \"What?\"",
        ),
    ];
    for (replies, message) in cases {
        let run = imported_from(replies);
        assert_eq!(run.code, Some(2), "{replies:?}");
        assert!(run.err.contains(message), "{replies:?}: {}", run.err);
    }
}

/// Stopped when the test ends, however it ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_running_qemu_tells_its_schema() {
    let folder = folder(&[]);
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-nodefaults", "-display", "none", "-M", "none"])
        .args(["-qmp", "unix:s,server=on,wait=off"])
        .current_dir(folder.path())
        .stderr(Stdio::null());
    let Ok(qemu) = qemu.spawn() else {
        println!("skipped: no qemu-system-x86_64");
        return;
    };
    let _server = Server(qemu);
    let limit = Instant::now() + Duration::from_secs(20);
    while !folder.path().join("s").exists() && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(10));
    }
    let arguments = ["import", "--qmp", "unix:s", "-o", "qemu.json"];
    let run = qapi_in(folder.path(), &arguments, "");
    assert_eq!(run.code, Some(0), "{}", run.err);
    let text = fs::read_to_string(folder.path().join("qemu.json")).expect("it is written");
    assert!(text.contains("{ 'command': 'query-status', 'returns': 'StatusInfo' }"));
}

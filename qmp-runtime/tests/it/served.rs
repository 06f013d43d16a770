//! A server with a handler, and clients that talk to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use qmp_runtime::client::{Client, ClientError};
use qmp_runtime::json::{Map, Value};
use qmp_runtime::server::{Address, Server, Tcp};
use qmp_runtime::{Context, EventSink, MonitorId, QmpError, RateLimit, Router, handlers};
use serde_json::json;

use crate::toy::types::{Leaf, Shape, ShapeKind};
use crate::toy::{INTROSPECTION, ToyCommands, ToyOobCommands, commands, events};

/// A handler that can be made to wait inside a command.
struct Toy {
    count: i64,
    entered: Sender<()>,
    go_on: Receiver<()>,
}

#[handlers]
impl ToyCommands for Toy {
    fn add_shape(
        &mut self,
        _: &mut Context<'_>,
        args: commands::AddShape,
    ) -> Result<i64, QmpError> {
        if args.kind == ShapeKind::Point {
            return Err(QmpError::device_not_found(&args.name));
        }
        assert_ne!(args.name, "panic", "a handler may have bugs");
        Ok(7)
    }

    fn query_leaf(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryLeaf,
    ) -> Result<Leaf, QmpError> {
        if args.id == "wait" {
            let _ = self.entered.send(());
            let _ = self.go_on.recv_timeout(Duration::from_secs(20));
        }
        Ok(Leaf::new(args.id, vec![]))
    }

    fn tick(&mut self, cx: &mut Context<'_>, _: commands::Tick) -> Result<(), QmpError> {
        self.count += 1;
        cx.emit(&events::Ticked { count: self.count });
        Ok(())
    }

    #[cfg(any())] // not there, so not listed
    fn raw(&mut self, _: &mut Context<'_>, _: commands::Raw) -> Result<(), QmpError> {
        Ok(())
    }
}

struct Brake;

#[handlers(oob)]
impl ToyOobCommands for Brake {
    fn stop_now(&self, cx: &mut Context<'_>, _: commands::StopNow) -> Result<(), QmpError> {
        if cx.is_out_of_band() {
            Ok(())
        } else {
            Err(QmpError::generic("in band"))
        }
    }
}

struct Setup {
    server: Server,
    path: PathBuf,
    entered: Receiver<()>,
    go_on: Sender<()>,
    _dir: tempfile::TempDir,
}

fn serve() -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qmp.sock");
    let (entered_tx, entered) = channel();
    let (go_on, go_on_rx) = channel();
    let router = Router::new()
        .mount(
            Toy {
                count: 0,
                entered: entered_tx,
                go_on: go_on_rx,
            },
            &[Toy::COMMANDS],
        )
        .unwrap()
        .mount_oob(Arc::new(Brake), &[Brake::COMMANDS])
        .unwrap()
        .schema(INTROSPECTION)
        .emits(&["TICKED"]);
    let server = Server::builder()
        .version(10, 0, 2, "")
        .events(&EventSink::new())
        .serve(router);
    server.listen(Address::Unix(path.clone())).unwrap();
    Setup {
        server,
        path,
        entered,
        go_on,
        _dir: dir,
    }
}

/// A client that sees the bytes.
struct Raw {
    socket: UnixStream,
    rest: Vec<u8>,
}

impl Raw {
    fn connect(setup: &Setup, negotiate: &str) -> Self {
        let socket = UnixStream::connect(&setup.path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut raw = Raw {
            socket,
            rest: Vec::new(),
        };
        assert!(
            raw.line().starts_with(
                r#"{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}"#
            )
        );
        if !negotiate.is_empty() {
            raw.send(negotiate);
            assert_eq!(raw.line(), r#"{"return": {}}"#);
        }
        raw
    }

    fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut looked_at = 0;
        loop {
            let fresh = &self.rest[looked_at..];
            if let Some(end) = fresh.windows(2).position(|pair| pair == b"\r\n") {
                let end = looked_at + end;
                let line = self.rest.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).unwrap();
            }
            looked_at = self.rest.len().saturating_sub(1);
            let mut buffer = vec![0; 1 << 16];
            let count = self.socket.read(&mut buffer).unwrap();
            assert!(
                count > 0,
                "the server hung up; unread: {} bytes",
                self.rest.len()
            );
            self.rest.extend_from_slice(&buffer[..count]);
        }
    }
}

const PLAIN: &str = r#"{"execute":"qmp_capabilities"}"#;
const OOB: &str = r#"{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}"#;

#[test]
fn typed_command_returns_its_type() {
    let setup = serve();
    let mut client = Client::connect_unix(&setup.path).unwrap();
    assert_eq!(client.greeting().capabilities, ["oob"]);
    let leaf = client
        .execute(&commands::QueryLeaf {
            id: "x".into(),
            limit: Some(3),
        })
        .unwrap();
    assert_eq!(leaf.id, "x");
}

#[test]
fn refused_command_keeps_its_class() {
    let setup = serve();
    let mut client = Client::connect_unix(&setup.path).unwrap();
    let shape = Shape {
        name: "p".into(),
        kind: ShapeKind::Point,
    };
    let error = client.execute(&commands::AddShape(shape)).unwrap_err();
    let error = error.as_command_error().unwrap();
    assert_eq!(
        (error.class().as_str(), error.desc()),
        ("DeviceNotFound", "Device 'p' not found")
    );
}

#[test]
fn command_left_out_is_neither_found_nor_advertised() {
    let setup = serve();
    let mut client = Client::connect_unix(&setup.path).unwrap();
    assert!(
        client
            .execute(&commands::Raw(Map::new()))
            .unwrap_err()
            .is_command_not_found()
    );
    let names = client.execute_value("query-commands", &Map::new()).unwrap();
    let names: Vec<&str> = names
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    let expected = [
        "add-shape",
        "qmp_capabilities",
        "query-commands",
        "query-leaf",
        "query-qmp-schema",
        "stop-now",
        "tick",
    ];
    assert_eq!(names, expected);
}

#[test]
fn what_the_server_tells_of_itself_takes_no_arguments() {
    let setup = serve();
    let mut client = Client::connect_unix(&setup.path).unwrap();
    for command in ["query-commands", "query-qmp-schema"] {
        client.execute_value(command, &Map::new()).unwrap();
        let more = json!({"x": 1});
        let error = client
            .execute_value(command, more.as_object().unwrap())
            .unwrap_err();
        assert_eq!(
            error.as_command_error().unwrap().desc(),
            "Parameter 'x' is unexpected"
        );
    }
}

#[test]
fn panicking_handler_fails_its_command_alone() {
    let setup = serve();
    let mut client = Client::connect_unix(&setup.path).unwrap();
    let circle = json!({"name": "panic", "kind": "circle", "radius": 1});
    let error = client
        .execute_value("add-shape", circle.as_object().unwrap())
        .unwrap_err();
    assert_eq!(
        error.as_command_error().unwrap().desc(),
        "The command add-shape failed internally"
    );
    let circle = json!({"name": "fine", "kind": "circle", "radius": 1});
    assert_eq!(
        client
            .execute_value("add-shape", circle.as_object().unwrap())
            .unwrap(),
        json!(7)
    );
}

#[test]
fn event_precedes_reply_and_reaches_all_that_negotiated() {
    let setup = serve();
    let other_path = setup.path.with_extension("2");
    setup
        .server
        .listen(Address::Unix(other_path.clone()))
        .unwrap();
    let mut other = Client::connect_unix(&other_path).unwrap();
    let mut raw = Raw::connect(&setup, PLAIN);
    raw.send(r#"{"execute":"tick","id":1}"#);
    let event: Value = serde_json::from_str(&raw.line()).unwrap();
    assert_eq!(
        (&event["event"], &event["data"]),
        (&json!("TICKED"), &json!({"count": 1}))
    );
    assert!(event["timestamp"]["seconds"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(raw.line(), r#"{"return": {}, "id": 1}"#);
    let seen = other
        .next_event(Some(Duration::from_secs(20)))
        .unwrap()
        .unwrap();
    assert_eq!(
        seen.decode::<events::Ticked>().unwrap().unwrap(),
        events::Ticked { count: 1 }
    );
}

#[test]
fn burst_of_a_limited_event_arrives_as_its_first_and_its_last() {
    let limit = RateLimit {
        event: "TICKED",
        key: None,
        interval: Duration::from_millis(200),
    };
    let events = EventSink::with_rate_limits(&[limit]);
    let server = Server::builder().events(&events).serve(Router::new());
    let (ours, theirs) = UnixStream::pair().unwrap();
    server.serve_socket(theirs.into()).unwrap();
    let mut raw = Raw {
        socket: ours,
        rest: Vec::new(),
    };
    raw.line();
    raw.send(PLAIN);
    raw.line();
    for count in 1..=5 {
        events.emit(&events::Ticked { count });
        events.emit(&events::Bare {});
    }
    let mut counts = Vec::new();
    let mut bare = 0;
    while counts.len() < 2 {
        let event: Value = serde_json::from_str(&raw.line()).unwrap();
        match event["event"].as_str() {
            Some("TICKED") => counts.push(event["data"]["count"].clone()),
            _ => bare += 1,
        }
    }
    assert_eq!((counts, bare), (vec![json!(1), json!(5)], 5));
}

#[test]
fn session_without_negotiation_gets_no_events() {
    let setup = serve();
    let mut raw = Raw::connect(&setup, "");
    setup.server.events().emit(&events::Bare {});
    raw.send(PLAIN);
    assert_eq!(raw.line(), r#"{"return": {}}"#);
}

#[test]
fn out_of_band_command_overtakes() {
    let setup = serve();
    let mut raw = Raw::connect(&setup, OOB);
    raw.send(
        r#"{"execute":"query-leaf","arguments":{"id":"wait"},"id":1}{"execute":"tick","id":2}"#,
    );
    setup.entered.recv_timeout(Duration::from_secs(20)).unwrap();
    raw.send(r#"{"exec-oob":"stop-now","id":3}{"exec-oob":"tick","id":4}"#);
    assert_eq!(raw.line(), r#"{"return": {}, "id": 3}"#);
    let refusal = r#"{"id": 4, "error": {"class": "GenericError", "desc": "The command tick does not support OOB"}}"#;
    assert_eq!(raw.line(), refusal);
    setup.go_on.send(()).unwrap();
    assert_eq!(
        raw.line(),
        r#"{"return": {"id": "wait", "colors": []}, "id": 1}"#
    );
    assert!(raw.line().contains("TICKED"));
    assert_eq!(raw.line(), r#"{"return": {}, "id": 2}"#);
}

#[test]
fn out_of_band_command_runs_in_band_too() {
    let setup = serve();
    let mut raw = Raw::connect(&setup, PLAIN);
    raw.send(r#"{"execute":"stop-now"}"#);
    assert_eq!(
        raw.line(),
        r#"{"error": {"class": "GenericError", "desc": "in band"}}"#
    );
}

#[test]
fn client_without_answer_times_out() {
    let setup = serve();
    let mut client = Client::connect_unix(&setup.path).unwrap();
    client.set_timeout(Some(Duration::from_millis(50)));
    let wait = commands::QueryLeaf {
        id: "wait".into(),
        limit: None,
    };
    assert!(matches!(client.execute(&wait), Err(ClientError::TimedOut)));
    setup.go_on.send(()).unwrap();
    client.set_timeout(Some(Duration::from_secs(20)));
    let leaf = client
        .execute(&commands::QueryLeaf {
            id: "next".into(),
            limit: None,
        })
        .unwrap();
    assert_eq!(leaf.id, "next", "the late answer is not taken for this one");
}

#[test]
fn client_that_never_reads_is_cut_off_and_others_go_on() {
    let setup = serve();
    let mut lazy = Raw::connect(&setup, PLAIN);
    let event = events::Ticked { count: i64::MAX };
    for _ in 0..100_000 {
        setup.server.events().emit(&event);
    }
    let mut unread = Vec::new();
    lazy.socket.read_to_end(&mut unread).unwrap();
    assert!(
        unread.len() < 5 << 20,
        "{} of over 10 MB were kept for it",
        unread.len()
    );
    let mut client = Client::connect_unix(&setup.path).unwrap();
    assert_eq!(
        client
            .execute(&commands::QueryLeaf {
                id: "y".into(),
                limit: None
            })
            .unwrap()
            .id,
        "y"
    );
}

#[test]
fn closed_server_ends_sessions_and_removes_its_socket() {
    let setup = serve();
    let mut client = Client::connect_unix(&setup.path).unwrap();
    setup.server.close(Duration::from_secs(20));
    setup.server.wait();
    assert!(client.execute(&commands::Tick {}).unwrap_err().is_closed());
    assert!(!setup.path.exists());
}

#[test]
fn client_is_served_over_tcp() {
    let setup = serve();
    let address = "tcp:127.0.0.1:0,server=on,wait=off".parse().unwrap();
    let monitor = setup.server.listen(address).unwrap();
    assert_eq!(monitor.client(), None);
    let [address] = *monitor.local_addrs() else {
        panic!("{:?}", monitor.local_addrs());
    };
    let mut client = Client::connect_tcp(address).unwrap();
    let (here, there) = monitor.client().unwrap().addresses.unwrap();
    assert_eq!(here, address);
    assert_eq!(there.ip(), Ipv4Addr::LOCALHOST);
    assert_ne!(there.port(), address.port());
    assert_eq!(
        client
            .execute(&commands::QueryLeaf {
                id: "t".into(),
                limit: None
            })
            .unwrap()
            .id,
        "t"
    );
    drop(client);
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while monitor.client().is_some() {
        assert!(std::time::Instant::now() < end);
        std::thread::yield_now();
    }
}

#[test]
fn two_handlers_of_one_command_are_refused() {
    let toy = || Toy {
        count: 0,
        entered: channel().0,
        go_on: channel().1,
    };
    let twice = Router::new()
        .mount(toy(), &[Toy::COMMANDS])
        .unwrap()
        .mount(toy(), &[Toy::COMMANDS]);
    assert_eq!(
        twice.unwrap_err().to_string(),
        "two handlers implement the command 'add-shape'"
    );
}

#[test]
fn monitors_have_numbers_of_their_own() {
    let setup = serve();
    let monitor = setup
        .server
        .listen(Address::Unix(setup.path.with_extension("b")))
        .unwrap();
    assert_eq!(monitor.id(), MonitorId(1));
}

#[test]
fn addresses_are_parsed_or_refused_with_a_reason() {
    assert!(
        matches!("unix:/a,server=on,wait=off".parse(), Ok(Address::Unix(path)) if path.as_os_str() == "/a")
    );
    assert!(
        matches!("tcp::4444,server,nowait".parse(), Ok(Address::Tcp(tcp)) if tcp == Tcp::new("", 4444))
    );
    assert!(matches!("stdio".parse(), Ok(Address::Stdio)));
    for (text, reason) in [
        ("unix:", "none of"),
        ("udp:x", "none of"),
        ("unix:/a,serve=on", "there is no such option"),
        ("unix:/a,server=off", "to connect to"),
    ] {
        assert!(
            text.parse::<Address>()
                .unwrap_err()
                .to_string()
                .contains(reason),
            "{text}"
        );
    }
}

#[test]
fn large_reply_that_is_still_being_read_survives_an_event() {
    let setup = serve();
    let mut raw = Raw::connect(&setup, PLAIN);
    let id = "x".repeat(8 << 20);
    let request = format!(r#"{{"execute":"tick","id":"{id}"}}"#);
    let mut socket = raw.socket.try_clone().unwrap();
    let writer = std::thread::spawn(move || socket.write_all(request.as_bytes()).unwrap());
    // The reply is larger than what may wait of events, and nobody reads it yet.
    writer.join().unwrap();
    for _ in 0..1000 {
        setup.server.events().emit(&events::Bare {});
    }
    let reply = std::iter::repeat_with(|| raw.line()).find(|line| !line.contains("\"event\""));
    assert!(reply.unwrap().ends_with("x\"}"));
}

#[test]
fn a_held_server_greets_and_answers_later() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let server = Server::builder().held(true).serve(Router::new());
    server.serve_socket(theirs.into()).unwrap();
    let mut lines = BufReader::new(ours.try_clone().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("QMP"));
    (&ours)
        .write_all(br#"{"execute":"qmp_capabilities"}"#)
        .unwrap();
    ours.set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    assert!(lines.next().unwrap().is_err(), "it answers too early");
    ours.set_read_timeout(None).unwrap();
    server.release();
    assert_eq!(lines.next().unwrap().unwrap(), "{\"return\": {}}");
}

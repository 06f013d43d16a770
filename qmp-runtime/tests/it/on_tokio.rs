//! The server on tokio.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use qmp_runtime::server::{Address, Server, tokio::Server as TokioServer};
use qmp_runtime::{
    AsyncEntry, Command, CommandInfo, Context, Entry, Event, EventInfo, QmpError, Router, record,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

const LIMIT: Duration = Duration::from_secs(20);
const PLAIN: &str = r#"{"execute":"qmp_capabilities"}"#;
const OOB: &str = r#"{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}"#;

macro_rules! command {
    ($type:ident, $info:expr) => {
        struct $type {}
        record!($type, []);

        impl Command for $type {
            type Return = String;
            const INFO: CommandInfo = $info;
        }
    };
}

command!(Wait, CommandInfo::new("wait"));
command!(Go, CommandInfo::new("go").allow_oob());
command!(Fall, CommandInfo::new("fall"));
command!(Block, CommandInfo::new("block"));
command!(Quit, CommandInfo::new("quit"));

struct Told {
    text: String,
}
record!(Told, [("text", text)]);

impl Event for Told {
    const INFO: EventInfo = EventInfo::new("TOLD").data();
}

#[derive(Default)]
struct Machine {
    go: Notify,
}

static ASYNC: [AsyncEntry<Machine>; 3] = [
    AsyncEntry::new::<Wait>(|machine, _, call| {
        call.run_async(|_: Wait| async {
            machine.go.notified().await;
            Ok("waited".into())
        })
    }),
    AsyncEntry::new::<Go>(|machine, cx, call| {
        let out_of_band = cx.is_out_of_band();
        call.run_async(move |_: Go| async move {
            machine.go.notify_one();
            Ok(format!("out of band: {out_of_band}"))
        })
    }),
    AsyncEntry::new::<Fall>(|_, _, call| {
        call.run_async(|_: Fall| async { panic!("a handler may have bugs") })
    }),
];

struct Blocking {
    go_on: Receiver<()>,
}

fn quit(
    _: &mut Blocking,
    cx: &mut Context<'_>,
    call: qmp_runtime::Call<'_>,
) -> Result<(), QmpError> {
    cx.emit(&Told {
        text: "quit".into(),
    });
    cx.quit();
    call.run(|_: Quit| Ok("bye".into()))
}

static BLOCKING: [Entry<Blocking>; 2] = [
    Entry::new::<Block>(|machine, _, call| {
        call.run(|_: Block| {
            let _ = machine.go_on.recv_timeout(LIMIT);
            Ok("blocked".into())
        })
    }),
    Entry::new::<Quit>(quit),
];

struct Setup {
    runtime: Runtime,
    server: TokioServer,
    path: PathBuf,
    go_on: Sender<()>,
    _dir: tempfile::TempDir,
}

fn serve() -> Setup {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qmp");
    let (go_on, receiver) = channel();
    let router = Router::new()
        .mount_async(Arc::new(Machine::default()), &[&ASYNC])
        .unwrap()
        .mount(Blocking { go_on: receiver }, &[&BLOCKING])
        .unwrap();
    let server = Server::builder()
        .version(10, 0, 2, "")
        .serve_on_tokio(router);
    runtime
        .block_on(server.listen(Address::Unix(path.clone())))
        .unwrap();
    Setup {
        runtime,
        server,
        path,
        go_on,
        _dir: dir,
    }
}

struct Raw(BufReader<UnixStream>);

impl Raw {
    fn connect(setup: &Setup, negotiate: &str) -> Self {
        Raw::over(UnixStream::connect(&setup.path).unwrap(), negotiate)
    }

    fn over(socket: UnixStream, negotiate: &str) -> Self {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let mut raw = Raw(BufReader::new(socket));
        assert!(raw.line().starts_with(r#"{"QMP""#));
        raw.send(negotiate);
        assert_eq!(raw.line(), r#"{"return": {}}"#);
        raw
    }

    fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().into()
    }
}

#[test]
fn port_that_the_system_has_chosen_is_told() {
    let setup = serve();
    let listening = setup
        .server
        .listen("tcp:127.0.0.1:0,server=on".parse().unwrap());
    let monitor = setup.runtime.block_on(listening).unwrap();
    let [address] = *monitor.local_addrs() else {
        panic!("{:?}", monitor.local_addrs());
    };
    assert_ne!(address.port(), 0);
    let mut greeting = String::new();
    let socket = std::net::TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    BufReader::new(socket).read_line(&mut greeting).unwrap();
    assert!(greeting.starts_with(r#"{"QMP""#), "{greeting}");
}

#[test]
fn out_of_band_command_overtakes_and_lets_the_other_go_on() {
    let setup = serve();
    let mut raw = Raw::connect(&setup, OOB);
    raw.send(r#"{"execute":"wait","id":1}{"execute":"nope","id":2}{"exec-oob":"go","id":3}"#);
    let mut lines = [raw.line(), raw.line(), raw.line()];
    lines.sort();
    assert_eq!(
        lines,
        [
            r#"{"id": 2, "error": {"class": "CommandNotFound", "desc": "The command nope has not been found"}}"#,
            r#"{"return": "out of band: true", "id": 3}"#,
            r#"{"return": "waited", "id": 1}"#,
        ]
    );
}

#[test]
fn full_queue_stops_reading_until_there_is_room() {
    let setup = serve();
    let mut raw = Raw::connect(&setup, OOB);
    raw.send(r#"{"execute":"block","id":"slow"}"#);
    for id in 0..20 {
        raw.send(&format!(r#"{{"execute":"query-commands","id":{id}}}"#));
    }
    setup.go_on.send(()).unwrap();
    assert_eq!(raw.line(), r#"{"return": "blocked", "id": "slow"}"#);
    for id in 0..20 {
        assert!(raw.line().ends_with(&format!(r#""id": {id}}}"#)));
    }
}

#[test]
fn blocking_handler_holds_up_no_other_client() {
    let setup = serve();
    let (ours, theirs) = UnixStream::pair().unwrap();
    setup
        .runtime
        .block_on(async { setup.server.serve_socket(theirs.into()) })
        .unwrap();
    let mut blocked = Raw::connect(&setup, PLAIN);
    blocked.send(r#"{"execute":"block"}"#);
    let mut other = Raw::over(ours, PLAIN);
    other.send(r#"{"execute":"go"}"#);
    assert_eq!(other.line(), r#"{"return": "out of band: false"}"#);
    setup.go_on.send(()).unwrap();
    assert_eq!(blocked.line(), r#"{"return": "blocked"}"#);
}

#[test]
fn panicking_handler_fails_its_command_alone() {
    let setup = serve();
    let mut raw = Raw::connect(&setup, PLAIN);
    raw.send(r#"{"execute":"fall"}{"execute":"go"}"#);
    assert!(raw.line().contains("The command fall failed internally"));
    assert_eq!(raw.line(), r#"{"return": "out of band: false"}"#);
}

#[test]
fn client_that_never_reads_is_cut_off_and_the_next_one_served() {
    let setup = serve();
    let mut lazy = Raw::connect(&setup, PLAIN);
    let text = "x".repeat(1 << 10);
    for _ in 0..10_000 {
        setup.server.events().emit(&Told { text: text.clone() });
    }
    let mut unread = Vec::new();
    lazy.0.read_to_end(&mut unread).unwrap();
    assert!(unread.len() < 5 << 20, "{} were kept for it", unread.len());
    Raw::connect(&setup, PLAIN);
}

#[test]
fn large_reply_and_events_reach_a_slow_client_whole() {
    let setup = serve();
    let mut raw = Raw::connect(&setup, PLAIN);
    let id = "x".repeat(8 << 20);
    let mut socket = raw.0.get_ref().try_clone().unwrap();
    let request = format!(r#"{{"execute":"go","id":"{id}"}}"#);
    let writer = std::thread::spawn(move || socket.write_all(request.as_bytes()).unwrap());
    writer.join().unwrap();
    assert!(raw.line().len() > 8 << 20);
    setup.server.events().emit(&Told { text: id });
    assert!(raw.line().contains(r#""event": "TOLD""#));
}

#[test]
fn quit_ends_all_with_the_event_and_the_reply_before() {
    let setup = serve();
    let mut raw = Raw::connect(&setup, PLAIN);
    raw.send(r#"{"execute":"quit"}"#);
    assert!(raw.line().contains("TOLD"));
    assert_eq!(raw.line(), r#"{"return": "bye"}"#);
    assert_eq!(raw.line(), "");
    setup.runtime.block_on(setup.server.wait());
    assert!(!setup.path.exists());
}

#[test]
fn monitor_connects_and_reconnects() {
    let setup = serve();
    let path = setup.path.with_extension("client");
    let listener = UnixListener::bind(&path).unwrap();
    let text = format!("unix:{},server=off,reconnect-ms=5", path.display());
    let opened = setup.server.open(text.parse().unwrap());
    let monitor = setup.runtime.block_on(opened).unwrap();
    for _ in 0..3 {
        Raw::over(listener.accept().unwrap().0, PLAIN);
    }
    setup.runtime.block_on(monitor.wait_for_client());
    setup.runtime.block_on(setup.server.close(LIMIT));
}

#[test]
fn held_server_greets_and_answers_later() {
    let setup = serve();
    let server = setup.runtime.block_on(async {
        let server = Server::builder().held(true).serve_on_tokio(Router::new());
        let (ours, theirs) = UnixStream::pair().unwrap();
        server.serve_socket(theirs.into()).unwrap();
        (server, ours)
    });
    let (server, ours) = server;
    let mut lines = BufReader::new(ours.try_clone().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("QMP"));
    (&ours).write_all(PLAIN.as_bytes()).unwrap();
    ours.set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    assert!(lines.next().unwrap().is_err(), "it answers too early");
    ours.set_read_timeout(None).unwrap();
    server.release();
    assert_eq!(lines.next().unwrap().unwrap(), r#"{"return": {}}"#);
}

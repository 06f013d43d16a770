//! Servers that speak the guest agent's protocol.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use qmp_runtime::server::{Address, Endpoint, Server, ServerBuilder};
use qmp_runtime::{Command, CommandInfo, Entry, Event, EventInfo, QmpError, Router, record};

const LONG: Duration = Duration::from_secs(20);

macro_rules! command {
    ($type:ident, $return:ty, $info:expr) => {
        struct $type {}
        record!($type, []);

        impl Command for $type {
            type Return = $return;
            const INFO: CommandInfo = $info;
        }
    };
}

command!(Sync, String, CommandInfo::new("sync"));
command!(Tell, (), CommandInfo::new("tell"));
command!(Fail, (), CommandInfo::new("fail"));
command!(Silent, (), CommandInfo::new("silent").no_success_response());
command!(Barred, (), CommandInfo::new("barred"));
command!(List, Vec<String>, CommandInfo::new("list"));

struct Told {}
record!(Told, []);

impl Event for Told {
    const INFO: EventInfo = EventInfo::new("TOLD");
}

static COMMANDS: [Entry<()>; 6] = [
    Entry::new::<Sync>(|(), cx, call| {
        call.run(|_: Sync| {
            cx.delimit();
            Ok("in step".to_owned())
        })
    }),
    Entry::new::<Tell>(|(), cx, call| {
        call.run(|_: Tell| {
            cx.emit(&Told {});
            Ok(())
        })
    }),
    Entry::new::<Fail>(|(), cx, call| {
        call.run(|_: Fail| {
            cx.delimit();
            Err(QmpError::generic("failed"))
        })
    }),
    Entry::new::<Silent>(|(), _, call| call.run(|_: Silent| Ok(()))),
    Entry::new::<Barred>(|(), _, call| call.run(|_: Barred| Ok(()))),
    Entry::new::<List>(|(), cx, call| {
        call.run(|_: List| {
            let name = |info: CommandInfo| info.name.to_owned();
            Ok(cx.commands().map(name).collect())
        })
    }),
];

fn router() -> Router {
    let router = Router::new().mount((), &[&COMMANDS]).unwrap();
    router.guard(|name| match name {
        "barred" => Err(QmpError::generic("not now")),
        _ => Ok(()),
    })
}

fn builder() -> ServerBuilder {
    Server::builder().agent()
}

/// Each request and its answer.
const CONVERSATION: [(&[u8], &[u8]); 10] = [
    (b"{'execute':'tell'}", b"{\"return\": {}}\n"),
    (b"{'execute':'sync','id':1}", b"\xFF{\"return\": \"in step\", \"id\": 1}\n"),
    (b"{'execute':'fail'}", b"\xFF{\"error\": {\"class\": \"GenericError\", \"desc\": \"failed\"}}\n"),
    (b"{'execute':'silent'}", b""),
    (b"{'execute':'barred'}", b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}}\n"),
    (
        b"{'execute':'list'}",
        b"{\"return\": [\"barred\", \"fail\", \"list\", \"silent\", \"sync\", \"tell\"]}\n",
    ),
    (
        b"{'execute':'qmp_capabilities'}",
        b"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command qmp_capabilities has not been found\"}}\n",
    ),
    (
        b"{'execute':'query-commands'}",
        b"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command query-commands has not been found\"}}\n",
    ),
    (
        b"{'exec-oob':'tell'}",
        b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"QMP input member 'exec-oob' is unexpected\"}}\n",
    ),
    (
        b"{'execute':'te\xFF{'execute':'sync'}",
        b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, stray ''te\\uFFFD'\"}}\n\xFF{\"return\": \"in step\"}\n",
    ),
];

/// Holds the conversation; nothing else may come, a greeting or an event least of all.
fn converse(mut client: UnixStream) {
    client.set_read_timeout(Some(LONG)).unwrap();
    let expected = CONVERSATION.map(|(_, answer)| answer).concat();
    for (request, _) in CONVERSATION {
        client.write_all(request).unwrap();
    }
    let mut came = vec![0; expected.len()];
    client.read_exact(&mut came).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&came),
        String::from_utf8_lossy(&expected)
    );
    client.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
}

#[test]
fn conversation_has_no_greeting_negotiation_and_events() {
    let server = builder().serve(router());
    let (client, socket) = UnixStream::pair().unwrap();
    let monitor = server.serve_socket(socket.into()).unwrap();
    converse(client);
    monitor.wait_for_end();
}

#[cfg(feature = "tokio")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn conversation_on_tokio_is_the_same() {
    let server = builder().serve_on_tokio(router());
    let (client, socket) = UnixStream::pair().unwrap();
    let monitor = server.serve_socket(socket.into()).unwrap();
    tokio::task::spawn_blocking(|| converse(client))
        .await
        .unwrap();
    monitor.wait_for_end().await;
}

/// A serial line: the host's end, and the guest's path. Both ends pass on bytes as they are.
fn serial_line() -> (OwnedFd, OwnedFd, std::path::PathBuf) {
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let host = rustix::pty::openpt(flags).unwrap();
    rustix::pty::grantpt(&host).unwrap();
    rustix::pty::unlockpt(&host).unwrap();
    let name = rustix::pty::ptsname(&host, Vec::new()).unwrap();
    let path = std::path::PathBuf::from(name.into_string().unwrap());
    let open = std::fs::File::options().read(true).write(true).open(&path);
    let holder = OwnedFd::from(open.unwrap());
    let mut attributes = rustix::termios::tcgetattr(&holder).unwrap();
    attributes.make_raw();
    let now = rustix::termios::OptionalActions::Now;
    rustix::termios::tcsetattr(&holder, now, &attributes).unwrap();
    (host, holder, path)
}

fn ask_over_line(host: OwnedFd) {
    let mut host = std::fs::File::from(host);
    for _ in 0..3 {
        host.write_all(b"{'execute':'sync'}").unwrap();
        let mut came = [0; 23];
        host.read_exact(&mut came).unwrap();
        assert_eq!(&came[..], b"\xFF{\"return\": \"in step\"}\n");
    }
}

#[test]
fn device_is_served() {
    let server = builder().serve(router());
    let (host, _holder, path) = serial_line();
    server.listen(Address::Device(path)).unwrap();
    ask_over_line(host);
    server.close(LONG);
}

#[cfg(feature = "tokio")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn device_is_served_on_tokio() {
    let server = builder().serve_on_tokio(router());
    let (host, _holder, path) = serial_line();
    server.listen(Address::Device(path)).await.unwrap();
    tokio::task::spawn_blocking(|| ask_over_line(host))
        .await
        .unwrap();
    server.close(LONG).await;
}

#[test]
fn line_that_hangs_up_is_followed_by_the_next_one_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("port");
    let endpoint = format!("device:{},reconnect-ms=10", place.display());
    let endpoint: Endpoint = endpoint.parse().unwrap();
    assert!(!endpoint.waits(), "there is nobody to wait for");
    let server = builder().serve(router());
    server.open(endpoint).unwrap();
    for _ in 0..2 {
        let (host, holder, path) = serial_line();
        let new = folder.path().join("new");
        std::os::unix::fs::symlink(path, &new).unwrap();
        std::fs::rename(&new, &place).unwrap();
        ask_over_line(host);
        drop(holder);
    }
    server.close(LONG);
}

#[test]
fn device_that_is_not_there_is_an_error_unless_it_is_to_be_tried_again() {
    let server = builder().serve(router());
    let path = "device:/nonexistent/port";
    let error = server.open(path.parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    server
        .open(format!("{path},reconnect=1").parse().unwrap())
        .unwrap();
    server.close(LONG);
}

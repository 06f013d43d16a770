//! Every way to a monitor: who connects to whom, and over what.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;

use qmp_runtime::Router;
use qmp_runtime::server::{Address, Endpoint, Server, Tcp};

const LIMIT: Duration = Duration::from_secs(20);

fn server() -> Server {
    Server::builder().version(10, 0, 2, "").serve(Router::new())
}

fn open(server: &Server, text: &str) {
    server.open(text.parse().unwrap()).unwrap();
}

/// Negotiates and asks something.
fn converse(socket: &mut (impl Read + Write)) {
    let mut lines = BufReader::new(socket);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.starts_with(r#"{"QMP": "#), "{line}");
    for (request, reply) in [
        (r#"{"execute": "qmp_capabilities"}"#, r#"{"return": {}}"#),
        (
            r#"{"execute": "query-commands", "id": 1}"#,
            r#"{"return": [{"name": "qmp_capabilities"}, {"name": "query-commands"}, {"name": "query-qmp-schema"}], "id": 1}"#,
        ),
    ] {
        lines.get_mut().write_all(request.as_bytes()).unwrap();
        line.clear();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), reply);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn tcp(address: &str) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

#[test]
fn abstract_names_are_listened_at_tight_or_not() {
    let server = server();
    let name = format!("qmp-runtime-{}", std::process::id());
    open(&server, &format!("unix:{name},abstract=on,server=on"));
    open(&server, &format!("unix:{name},abstract=on,tight=off"));
    let tight = SocketAddr::from_abstract_name(&name).unwrap();
    converse(&mut UnixStream::connect_addr(&tight).unwrap());
    let mut filled = name.into_bytes();
    filled.resize(107, 0);
    let filled = SocketAddr::from_abstract_name(filled).unwrap();
    converse(&mut UnixStream::connect_addr(&filled).unwrap());
}

#[test]
fn port_without_host_is_reached_over_both_kinds_of_address() {
    let server = server();
    let port = free_port();
    open(&server, &format!("tcp::{port},server=on,wait=off"));
    converse(&mut tcp(&format!("127.0.0.1:{port}")));
    if TcpListener::bind("[::1]:0").is_ok() {
        converse(&mut tcp(&format!("[::1]:{port}")));
    } else {
        println!("skipped: this host has no IPv6");
    }
}

#[test]
fn one_kind_of_address_can_be_asked_for() {
    let server = server();
    let port = free_port();
    open(&server, &format!("tcp:localhost:{port},ipv4=on"));
    converse(&mut tcp(&format!("127.0.0.1:{port}")));
    assert!(TcpStream::connect(("::1", port)).is_err());
    let error = server.open(format!("tcp:127.0.0.1:{port},ipv6=on").parse().unwrap());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("no address of the kind"), "{error}");
}

#[test]
fn taken_port_makes_way_for_the_next_one() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let to = port.saturating_add(50);
    let server = server();
    let error = server.open(format!("tcp:127.0.0.1:{port}").parse().unwrap());
    assert_eq!(error.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    open(&server, &format!("tcp:127.0.0.1:{port},to={to}"));
    let greets = |port| {
        let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else {
            return false;
        };
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let mut start = [0; 7];
        socket.read_exact(&mut start).is_ok() && &start == br#"{"QMP":"#
    };
    assert!((port + 1..=to).any(greets));
}

#[test]
fn connected_socket_is_served_as_its_only_client() {
    let server = server();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    server.listen(Address::Inherited(theirs.into())).unwrap();
    converse(&mut ours);
}

#[test]
fn listening_socket_of_somebody_else_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let server = server();
    server.listen(Address::Inherited(listener.into())).unwrap();
    for _ in 0..2 {
        converse(&mut UnixStream::connect(&path).unwrap());
    }
    let file = std::fs::File::open("/dev/null").unwrap();
    let error = server.listen(Address::Inherited(file.into()));
    assert!(error.unwrap_err().to_string().contains("no stream socket"));
}

#[test]
fn monitor_connects_and_reconnects_to_a_client_that_listens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let server = server();
    // Nobody listens yet.
    open(
        &server,
        &format!("unix:{},server=off,reconnect-ms=5", path.display()),
    );
    let listener = UnixListener::bind(&path).unwrap();
    for _ in 0..3 {
        converse(&mut listener.accept().unwrap().0);
    }
    server.close(LIMIT);
}

#[test]
fn monitor_that_does_not_reconnect_connects_once_or_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = server();
    let connect = || Endpoint::connect(Address::Tcp(Tcp::new("127.0.0.1", address.port())));
    server.open(connect()).unwrap();
    converse(&mut listener.accept().unwrap().0);
    drop(listener);
    let error = server.open(connect()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn socket_file_has_the_permissions_that_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let server = server();
    for mode in [0o600, 0o660, 0o777] {
        let path = dir.path().join(format!("{mode:o}"));
        open(&server, &format!("unix:{},mode={mode:o}", path.display()));
        let found = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode);
        converse(&mut UnixStream::connect(&path).unwrap());
    }
}

#[test]
fn endpoint_texts_are_read_or_refused_with_a_reason() {
    for text in [
        "stdio",
        "unix:/a,server=on,wait=off",
        "unix:/a,,b,server",
        "tcp:[::1]:4444,server=on,nodelay=on",
        "unix:/a,server=off,reconnect=1",
    ] {
        text.parse::<Endpoint>().unwrap();
    }
    let path: Endpoint = "unix:/a,,b,server".parse().unwrap();
    assert_eq!(path.address().to_string(), "unix:/a,b");
    let waits = |text: &str| text.parse::<Endpoint>().unwrap().waits();
    assert!(waits("unix:/a,server=on"));
    assert!(!waits("unix:/a,server=on,wait=off"));
    assert!(!waits("unix:/a,server=off"));
    assert!(!waits("stdio"));
    for (text, reason) in [
        ("", "none of"),
        ("tcp:host", "HOST:PORT"),
        ("tcp:host:http", "HOST:PORT"),
        ("unix:/a,mode=9", "permissions"),
        ("unix:/a,mode=7777", "permissions"),
        ("unix:/a,to=5", "no such option"),
        ("unix:/a,server=maybe", "on or off"),
        ("unix:/a,server=off,reconnect-ms=x", "no number"),
    ] {
        let error = text.parse::<Endpoint>().unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
    let error = server().open("unix:/a,reconnect-ms=5".parse().unwrap());
    assert!(error.unwrap_err().to_string().contains("server=off"));
}

#[cfg(feature = "vsock")]
#[test]
fn vsock_port_is_listened_at() {
    let server = server();
    let Ok(endpoint) = "vsock:4294967295:47123,server=on".parse() else {
        panic!("the feature is there")
    };
    if let Err(error) = server.open(endpoint) {
        println!("skipped: no vsock: {error}");
        return;
    }
    match vsock::VsockStream::connect_with_cid_port(vsock::VMADDR_CID_LOCAL, 47123) {
        Ok(mut stream) => converse(&mut stream),
        Err(error) => println!("skipped: no vsock loopback: {error}"),
    }
}

//! Monitors as the command line has them: who connects to whom, and over what.

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Stdio};
use std::time::Instant;

use super::{command, run};
use crate::fixture::LIMIT;

fn start(options: &[&str]) -> Child {
    let mut command = command();
    command.args(["-M", "none", "-nodefaults"]).args(options);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// Connects as soon as the process listens.
fn once_it_listens<T>(process: &mut Child, connect: impl Fn() -> io::Result<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        match connect() {
            Ok(socket) => return socket,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        assert!(process.try_wait().unwrap().is_none(), "vmm has ended");
        std::thread::yield_now();
    }
}

/// Negotiates and quits over a connection; the process ends well.
fn quit(mut process: Child, input: impl io::Read, mut output: impl Write) {
    let mut lines = BufReader::new(input).lines();
    assert!(lines.next().unwrap().unwrap().contains("QMP"));
    output
        .write_all(br#"{"execute":"qmp_capabilities"}{"execute":"quit"}"#)
        .unwrap();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(rest.len(), 3, "{rest:?}");
    assert!(rest[1].contains("SHUTDOWN"));
    assert!(process.wait().unwrap().success());
}

fn over(process: Child, socket: UnixStream) {
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    quit(process, socket.try_clone().unwrap(), socket);
}

#[test]
fn standard_input_and_output_are_a_monitor() {
    let mut process = start(&["-qmp", "stdio"]);
    let (input, output) = (process.stdout.take(), process.stdin.take());
    quit(process, input.unwrap(), output.unwrap());
}

#[test]
fn monitor_connects_to_a_client_that_listens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let address = format!("unix:{}", path.display());
    let output = run(&["-M", "none", "-qmp", &address]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("add server=on"), "{text}");
    let listener = UnixListener::bind(&path).unwrap();
    let process = start(&["-qmp", &address]);
    over(process, listener.accept().unwrap().0);
}

#[test]
fn monitor_calls_again_until_its_client_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let chardev = format!("socket,id=m,path={},reconnect-ms=5", path.display());
    let process = start(&["-chardev", &chardev, "-mon", "chardev=m,mode=control"]);
    let listener = UnixListener::bind(&path).unwrap();
    // This one goes at once; the monitor calls the next.
    drop(listener.accept().unwrap());
    over(process, listener.accept().unwrap().0);
}

#[test]
fn connected_socket_can_be_handed_over() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    // Without the flag that closes it in the child; the number stays ours.
    let handed = rustix::io::fcntl_dupfd_cloexec(&theirs, 50).unwrap();
    rustix::io::fcntl_setfd(&handed, rustix::io::FdFlags::empty()).unwrap();
    let chardev = format!("socket,id=m,fd={}", handed.as_raw_fd());
    let process = start(&["-chardev", &chardev, "-mon", "chardev=m,mode=control"]);
    drop((handed, theirs));
    over(process, ours);
}

#[test]
fn socket_that_listens_can_be_handed_over_and_says_where_it_does() {
    for options in [&["-mon", "chardev=m,mode=control"][..], &[]] {
        let ours = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let handed = rustix::io::fcntl_dupfd_cloexec(&ours, 60).unwrap();
        rustix::io::fcntl_setfd(&handed, rustix::io::FdFlags::empty()).unwrap();
        let chardev = format!("socket,id=m,fd={},server=on,wait=off", handed.as_raw_fd());
        let first = ["-qmp", "stdio", "-chardev", &chardev];
        let mut process = start(&[&first, options].concat());
        let port = port_of_the_other(&mut process);
        assert_eq!(port, ours.local_addr().unwrap().port());
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

#[test]
fn socket_file_has_the_permissions_that_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let chardev = format!("socket,id=m,path={},server=on,mode=0600", path.display());
    let mut process = start(&["-chardev", &chardev, "-mon", "chardev=m,mode=control"]);
    let socket = once_it_listens(&mut process, || UnixStream::connect(&path));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    over(process, socket);
}

#[test]
fn options_that_contradict_each_other_are_refused_with_a_reason() {
    let mon = ["-mon", "chardev=m,mode=control"];
    for (chardev, reason) in [
        (
            "socket,id=m,path=/nonexistent/a,server=on,reconnect-ms=5",
            "server=off",
        ),
        ("socket,id=m,path=/nonexistent/a,mode=abc", "mode=0600"),
        ("socket,id=m,port=http", "no port"),
        (
            "socket,id=m,port=1,tls-creds=t",
            "No TLS credentials with id 't'",
        ),
    ] {
        let output = run(&["-M", "none", "-chardev", chardev, mon[0], mon[1]]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(reason) && text.lines().count() == 1, "{text}");
    }
}

/// Asks over the monitor on standard input and output where the other device listens.
fn port_of_the_other(process: &mut Child) -> u16 {
    process
        .stdin
        .as_mut()
        .unwrap()
        .write_all(br#"{"execute":"qmp_capabilities"}{"execute":"query-chardev"}"#)
        .unwrap();
    let lines = BufReader::new(process.stdout.as_mut().unwrap()).lines();
    let chardevs = lines.map(Result::unwrap).nth(2).unwrap();
    let split = chardevs.split_once("disconnected:tcp:127.0.0.1:");
    let (_, rest) = split.unwrap_or_else(|| panic!("{chardevs}"));
    let (port, _) = rest.split_once(",server=on").unwrap();
    port.parse().unwrap()
}

#[cfg(feature = "tls")]
#[test]
fn monitor_over_tls_takes_clients_of_its_authority_alone() {
    use std::fs;
    use std::net::TcpStream;
    use std::sync::Arc;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};

    let dir = tempfile::tempdir().unwrap();
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_cert = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let cert = cert.signed_by(&key, &issuer).unwrap();
    for (name, text) in [
        ("ca-cert.pem", authority_cert.pem()),
        ("server-cert.pem", cert.pem()),
        ("server-key.pem", key.serialize_pem()),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let object = format!(
        "tls-creds-x509,id=t,dir={},endpoint=server",
        dir.path().display()
    );
    let mut process = start(&[
        "-qmp",
        "stdio",
        "-object",
        &object,
        "-chardev",
        "socket,id=m,host=127.0.0.1,port=0,server=on,wait=off,tls-creds=t",
        "-mon",
        "chardev=m,mode=control",
    ]);
    let port = port_of_the_other(&mut process);
    let connect = |identity: bool| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority_cert.der().clone()).unwrap();
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = if identity {
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
            builder
                .with_client_auth_cert(vec![cert.der().clone()], key)
                .unwrap()
        } else {
            builder.with_no_client_auth()
        };
        let name = ServerName::try_from("localhost").unwrap();
        let session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        BufReader::new(rustls::StreamOwned::new(session, socket))
    };
    let mut line = String::new();
    assert!(connect(false).read_line(&mut line).is_err(), "{line}");
    let mut client = connect(true);
    client.read_line(&mut line).unwrap();
    assert!(line.contains("QMP"));
    client
        .get_mut()
        .write_all(br#"{"execute":"qmp_capabilities"}{"execute":"quit"}"#)
        .unwrap();
    let rest: Vec<String> = client.lines().map(Result::unwrap).collect();
    assert_eq!(rest.len(), 3, "{rest:?}");
    assert!(process.wait().unwrap().success());
}

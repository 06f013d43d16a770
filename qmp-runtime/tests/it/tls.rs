//! TLS under a monitor.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use qmp_runtime::server::{Address, Endpoint, Server, Tcp};
use qmp_runtime::{Event, EventInfo, Router, record};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

type Client = StreamOwned<ClientConnection, TcpStream>;

struct Setup {
    server: Server,
    port: u16,
    certificate: CertificateDer<'static>,
}

struct Noise {
    text: String,
}
record!(Noise, [("text", text)]);

impl Event for Noise {
    const INFO: EventInfo = EventInfo::new("NOISE").data();
}

impl Setup {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let certificate = made.cert.der().clone();
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.clone()], key.into())
                .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let server = Server::builder().version(10, 0, 2, "").serve(Router::new());
        let endpoint = Endpoint::listen(Address::Tcp(Tcp::new("127.0.0.1", port)));
        server.open(endpoint.tls(Arc::new(config))).unwrap();
        Setup {
            server,
            port,
            certificate,
        }
    }

    fn connect(&self) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let limit = Some(Duration::from_secs(20));
        socket.set_read_timeout(limit).unwrap();
        StreamOwned::new(connection, socket)
    }
}

fn line(client: &mut Client) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

fn negotiate(client: &mut Client) {
    assert!(line(client).starts_with(r#"{"QMP""#));
    client
        .write_all(br#"{"execute": "qmp_capabilities"}"#)
        .unwrap();
    assert_eq!(line(client), "{\"return\": {}}\r\n");
}

#[test]
fn client_is_served_over_tls_and_hears_of_the_end() {
    let setup = Setup::new();
    let mut client = setup.connect();
    negotiate(&mut client);
    setup.server.close(Duration::from_secs(20));
    // The end is said, so it is no error.
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
}

#[test]
fn large_messages_go_both_ways() {
    let setup = Setup::new();
    let mut client = setup.connect();
    negotiate(&mut client);
    let id = "x".repeat(3 << 20);
    let request = format!(r#"{{"execute": "query-commands", "id": "{id}"}}"#);
    client.write_all(request.as_bytes()).unwrap();
    assert!(line(&mut client).contains(&id));
}

#[test]
fn events_wait_for_a_slow_client() {
    let setup = Setup::new();
    let mut client = setup.connect();
    negotiate(&mut client);
    let text = "n".repeat(1 << 20);
    for _ in 0..3 {
        let text = text.clone();
        setup.server.events().emit(&Noise { text });
    }
    for _ in 0..3 {
        assert!(line(&mut client).contains(&text));
    }
}

#[test]
fn client_without_tls_is_dropped_and_the_next_one_served() {
    let setup = Setup::new();
    let mut plain = TcpStream::connect(("127.0.0.1", setup.port)).unwrap();
    plain
        .write_all(b"{\"execute\": \"qmp_capabilities\"}\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    // An alert at most, and the end; or a reset.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.contains(&b'{'));
    negotiate(&mut setup.connect());
}

//! TLS: with a server of rustls here; with QEMU's in the tests of the bindings.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use qmp_runtime::client::{Client, ClientError, Endpoint};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::{greeting, no_arguments};

/// A server with a certificate of its own for `localhost`, which answers everything with `result`.
fn serve(result: String) -> (String, CertificateDer<'static>, JoinHandle<()>) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = own.cert.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let session = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(session, listener.accept().unwrap().0));
        if stream
            .get_mut()
            .write_all(greeting("[]").as_bytes())
            .is_err()
        {
            return; // the client does not trust it
        }
        let mut line = String::new();
        while stream.read_line(&mut line).is_ok_and(|count| count > 0) {
            let request: Value = serde_json::from_str(&line).unwrap();
            let negotiates = request["execute"] == "qmp_capabilities";
            let result = if negotiates { "{}" } else { &result };
            let answer = format!("{{\"return\": {result}, \"id\": {}}}\r\n", request["id"]);
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            line.clear();
        }
    });
    (address, certificate, server)
}

fn endpoint(address: String, trusted: Option<CertificateDer<'static>>) -> Endpoint {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Endpoint::Tls {
        address,
        name: "localhost".try_into().unwrap(),
        config: Arc::new(config),
    }
}

/// Longer than one read, one record and what a socket holds.
fn long() -> String {
    format!("\"{}\"", "x".repeat(3_000_000))
}

#[test]
fn trusted_server_is_spoken_to() {
    let (address, certificate, server) = serve(long());
    let mut client = Client::builder()
        .connect(&endpoint(address, Some(certificate)))
        .unwrap();
    for _ in 0..3 {
        let result = client.execute_value("a", &no_arguments()).unwrap();
        assert_eq!(result.as_str().unwrap().len(), 3_000_000);
    }
    let mut arguments = no_arguments();
    arguments.insert("long".into(), "y".repeat(3_000_000).into());
    client.execute_value("b", &arguments).unwrap();
    drop(client);
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn trusted_server_is_spoken_to_on_tokio() {
    let (address, certificate, server) = serve(long());
    let endpoint = endpoint(address, Some(certificate));
    let (client, events) = Client::builder().connect_tokio(&endpoint).await.unwrap();
    let mut arguments = no_arguments();
    arguments.insert("long".into(), "y".repeat(3_000_000).into());
    let (a, b) = tokio::join!(
        client.execute_value("a", &arguments),
        client.execute_value("b", &arguments)
    );
    assert_eq!(a.unwrap(), b.unwrap());
    drop((client, events));
    server.join().unwrap();
}

#[test]
fn stranger_is_refused_with_the_reason() {
    let (address, _, server) = serve("{}".into());
    let error = Client::builder()
        .connect(&endpoint(address, None))
        .unwrap_err();
    assert!(matches!(error, ClientError::Io(_)), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
    server.join().unwrap();
}

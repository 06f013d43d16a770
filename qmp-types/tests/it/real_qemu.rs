//! The typed clients and the bindings against QEMU itself.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use qmp_runtime::client::{self, Client, ClientError, Endpoint, Gap, Reconnect};
use qmp_runtime::json::Map;
use qmp_types::qmp::types::{RunState, SchemaInfo};
use qmp_types::qmp::{commands, events};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Long enough for anything that is to happen.
const LONG: Duration = Duration::from_secs(20);

/// A QEMU without a machine, which ends with the test.
struct Qemu {
    process: Child,
    dir: tempfile::TempDir,
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Qemu {
    fn start() -> Option<Qemu> {
        Qemu::start_with(|dir| {
            let path = dir.join("qmp");
            vec![
                "-qmp".into(),
                format!("unix:{},server=on,wait=off", path.display()),
            ]
        })
    }

    fn start_with(monitor: impl FnOnce(&Path) -> Vec<String>) -> Option<Qemu> {
        let dir = tempfile::tempdir().unwrap();
        let process = spawn(&monitor(dir.path()))?;
        Some(Qemu { process, dir })
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.dir.path().join("qmp"))
    }

    fn connect(&self) -> Client {
        connect(&self.endpoint())
    }
}

fn spawn(monitor: &[String]) -> Option<Child> {
    let spawned = Command::new("qemu-system-x86_64")
        .args([
            "-nodefaults",
            "-display",
            "none",
            "-M",
            "none",
            "-name",
            "peer",
        ])
        .args(monitor)
        .stdin(Stdio::null())
        .spawn();
    if spawned.is_err() {
        println!("skipped: no qemu-system-x86_64");
    }
    spawned.ok()
}

/// Connects to a server that may not listen yet.
fn connect(endpoint: &Endpoint) -> Client {
    let deadline = Instant::now() + LONG;
    loop {
        match Client::builder().timeout(LONG).connect(endpoint) {
            Ok(client) => return client,
            Err(ClientError::Io(_)) if Instant::now() < deadline => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn client_drives_qemu() {
    let Some(qemu) = Qemu::start() else { return };
    let mut client = qemu.connect();
    client.set_timeout(Some(Duration::from_secs(20)));
    let version = client.execute(&commands::QueryVersion {}).unwrap();
    assert_eq!(
        version.qemu.major,
        i64::from(client.greeting().version.major)
    );
    assert_eq!(
        client
            .execute(&commands::QueryName {})
            .unwrap()
            .name
            .as_deref(),
        Some("peer")
    );
    client.execute(&commands::Stop {}).unwrap();
    assert!(
        client
            .next_event(Some(Duration::from_secs(20)))
            .unwrap()
            .unwrap()
            .is::<events::Stop>()
    );
    assert_eq!(
        client.execute(&commands::QueryStatus {}).unwrap().status,
        RunState::Paused
    );
}

#[test]
fn whole_schema_of_qemu_decodes() {
    let Some(qemu) = Qemu::start() else { return };
    let schema: Vec<SchemaInfo> = qemu
        .connect()
        .execute(&commands::QueryQmpSchema {})
        .unwrap();
    assert!(schema.len() > 1000, "only {} entries", schema.len());
}

#[test]
fn thousand_calls_at_once_and_one_beside_them() {
    let Some(qemu) = Qemu::start() else { return };
    let mut client = qemu.connect();
    assert!(client.has_oob());
    let pending = client
        .submit_all(&vec![commands::QueryVersion {}; 1000])
        .unwrap();
    let name = client.execute(&commands::QueryName {}).unwrap().name;
    assert_eq!(name.as_deref(), Some("peer"));
    for version in pending {
        assert!(client.wait(version).unwrap().qemu.major >= 7);
    }
    let refused = client.call(client::Request::value_out_of_band(
        "query-version",
        &Map::new(),
    ));
    let desc = refused.unwrap_err().to_string();
    assert_eq!(
        desc,
        "GenericError: The command query-version does not support OOB"
    );
    client
        .call(client::Request::value_out_of_band(
            "query-yank",
            &Map::new(),
        ))
        .unwrap();
}

#[test]
fn descriptors_are_handed_to_qemu() {
    let Some(qemu) = Qemu::start() else { return };
    let mut client = qemu.connect();
    let without = client.execute(&commands::Getfd::new("a")).unwrap_err();
    assert_eq!(
        without.as_command_error().unwrap().desc(),
        "No file descriptor supplied via SCM_RIGHTS"
    );
    let file = File::open("/dev/null").unwrap();
    client
        .execute_with_fds(&commands::Getfd::new("a"), &[&file])
        .unwrap();
    client.execute(&commands::Closefd::new("a")).unwrap();
    let added = client
        .execute_with_fds(&commands::AddFd::default(), &[&file])
        .unwrap();
    let sets = client.execute(&commands::QueryFdsets {}).unwrap();
    assert_eq!(sets[0].fdset_id, added.fdset_id);
}

#[test]
fn errors_have_qemus_classes() {
    let Some(qemu) = Qemu::start() else { return };
    let mut client = qemu.connect();
    let mut fail = |name, arguments: &[(&str, &str)]| {
        let arguments = arguments
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.into()));
        client
            .execute_value(name, &arguments.collect())
            .unwrap_err()
    };
    assert!(fail("frobnicate", &[]).is_command_not_found());
    assert!(fail("device_del", &[("id", "none")]).is_device_not_found());
    assert!(fail("qom-list", &[("path", "/nowhere")]).is_device_not_found());
    assert!(
        fail("query-stats", &[])
            .class()
            .is_some_and(|class| class.as_str() == "GenericError")
    );
}

#[test]
fn quit_is_answered_and_then_the_connection_is_closed() {
    let Some(qemu) = Qemu::start() else { return };
    let mut client = qemu.connect();
    client.execute_value("quit", &Map::new()).unwrap();
    let shutdown = client.next_event(None).unwrap().unwrap();
    let shutdown = shutdown.decode::<events::Shutdown>().unwrap().unwrap();
    assert!(!shutdown.guest);
    assert!(client.next_event(None).unwrap_err().is_closed());
    assert!(
        client
            .execute(&commands::QueryName {})
            .unwrap_err()
            .is_closed()
    );
}

#[test]
fn second_client_of_a_monitor_is_told_why_it_waits() {
    let Some(qemu) = Qemu::start() else { return };
    let first = qemu.connect();
    let options = Client::builder().connect_timeout(Duration::from_millis(100));
    let error = options.connect(&qemu.endpoint()).unwrap_err();
    assert!(
        error.to_string().contains("another one may be connected"),
        "{error}"
    );
    drop(first);
}

#[test]
fn tcp_and_abstract_sockets_lead_to_qemu() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let name = format!("qmp-types-test-{}", std::process::id());
    let monitors = [
        "-qmp".into(),
        format!("tcp:{address},server=on,wait=off"),
        "-chardev".into(),
        format!("socket,id=c,path={name},abstract=on,server=on,wait=off"),
        "-mon".into(),
        "chardev=c,mode=control".into(),
    ];
    let Some(_qemu) = Qemu::start_with(|_| monitors.into()) else {
        return;
    };
    for endpoint in [Endpoint::Tcp(address), Endpoint::Abstract(name)] {
        let version = connect(&endpoint)
            .execute(&commands::QueryVersion {})
            .unwrap();
        assert!(version.qemu.major >= 7);
    }
}

#[test]
fn qemu_may_be_the_one_that_connects() {
    let name = format!("qmp-types-listens-{}", std::process::id());
    let listener =
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let monitor = [
        "-chardev".into(),
        format!("socket,id=c,path={name},abstract=on"),
        "-mon".into(),
        "chardev=c,mode=control".into(),
    ];
    let Some(_qemu) = Qemu::start_with(|_| monitor.into()) else {
        return;
    };
    let (socket, _): (UnixStream, _) = listener.accept().unwrap();
    let mut client = Client::over_socket(socket.into()).unwrap();
    client.execute(&commands::QueryVersion {}).unwrap();
}

#[test]
fn restarted_qemu_is_found_again() {
    let Some(mut qemu) = Qemu::start() else {
        return;
    };
    drop(qemu.connect());
    let options = Client::builder()
        .timeout(LONG)
        .reconnect(Reconnect::default());
    let mut client = options.connect(&qemu.endpoint()).unwrap();
    client.execute(&commands::Stop {}).unwrap();
    qemu.process.kill().unwrap();
    qemu.process.wait().unwrap();
    let path = qemu.dir.path().join("qmp");
    let monitor = [
        "-qmp".into(),
        format!("unix:{},server=on,wait=off", path.display()),
    ];
    qemu.process = spawn(&monitor).unwrap();
    assert!(
        client
            .execute(&commands::QueryStatus {})
            .unwrap_err()
            .is_closed()
    );
    // A new one, which nobody has stopped.
    assert!(client.execute(&commands::QueryStatus {}).unwrap().running);
    assert!(
        client
            .next_event(Some(LONG))
            .unwrap()
            .unwrap()
            .is::<events::Stop>()
    );
    let gap = client.next_event(Some(LONG)).unwrap_err();
    assert!(matches!(gap, ClientError::Gap(Gap::Reconnected)), "{gap}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn client_on_tokio_drives_qemu() {
    let Some(qemu) = Qemu::start() else { return };
    drop(qemu.connect());
    let (client, mut events) = Client::builder()
        .connect_tokio(&qemu.endpoint())
        .await
        .unwrap();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.execute(&commands::QueryName {}).await })
        })
        .collect();
    client.execute(&commands::Stop {}).await.unwrap();
    assert!(events.next().await.unwrap().unwrap().is::<events::Stop>());
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().name.as_deref(), Some("peer"));
    }
    let file = File::open("/dev/null").unwrap();
    client
        .execute_with_fds(&commands::Getfd::new("a"), &[file])
        .await
        .unwrap();
    let schema = client.execute(&commands::QueryQmpSchema {}).await.unwrap();
    assert!(schema.len() > 1000, "only {} entries", schema.len());
    client.execute_value("quit", &Map::new()).await.unwrap();
    assert!(
        events
            .next()
            .await
            .unwrap()
            .unwrap()
            .is::<events::Shutdown>()
    );
    assert!(events.next().await.is_none());
}

/// An authority, and a certificate by it with its key.
struct Credentials {
    authority: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Credentials {
    fn new() -> Self {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = rcgen::CertifiedIssuer::self_signed(parameters, key).unwrap();
        Credentials { authority }
    }

    fn certificate(
        &self,
        usage: rcgen::ExtendedKeyUsagePurpose,
    ) -> (rcgen::Certificate, rcgen::KeyPair) {
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.key_usages = vec![
            rcgen::KeyUsagePurpose::DigitalSignature,
            rcgen::KeyUsagePurpose::KeyEncipherment,
        ];
        parameters.extended_key_usages = vec![usage];
        let key = rcgen::KeyPair::generate().unwrap();
        (parameters.signed_by(&key, &self.authority).unwrap(), key)
    }
}

#[test]
fn tls_of_qemu_with_certificates_on_both_sides() {
    let credentials = Credentials::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (own, key) = credentials.certificate(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    let qemu = Qemu::start_with(|dir| {
        let write = |name, text: String| {
            File::create(dir.join(name))
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
        };
        write("ca-cert.pem", credentials.authority.pem());
        write("server-cert.pem", own.pem());
        write("server-key.pem", key.serialize_pem());
        let creds = format!(
            "tls-creds-x509,id=t,endpoint=server,verify-peer=on,dir={}",
            dir.display()
        );
        let socket =
            format!("socket,id=c,host=127.0.0.1,port={port},server=on,wait=off,tls-creds=t");
        vec![
            "-object".into(),
            creds,
            "-chardev".into(),
            socket,
            "-mon".into(),
            "chardev=c,mode=control".into(),
        ]
    });
    if qemu.is_none() {
        return;
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.add(credentials.authority.der().clone()).unwrap();
    let (own, key) = credentials.certificate(rcgen::ExtendedKeyUsagePurpose::ClientAuth);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain: Vec<CertificateDer<'static>> = vec![own.der().clone()];
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    let endpoint = Endpoint::Tls {
        address,
        name: "localhost".try_into().unwrap(),
        config: Arc::new(config),
    };
    let mut client = connect(&endpoint);
    let schema = client.execute(&commands::QueryQmpSchema {}).unwrap();
    assert!(schema.len() > 1000, "only {} entries", schema.len());
}

//! The echo guest, reached through sockets, terminals, pipes and datagrams.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;

use qmp_runtime::client::Client;
use qmp_runtime::json::Value;
use vmm_core::char::{BackendConfig, LogConfig, Registry};
use vmm_core::guests;

use crate::fixture::{Fixture, LIMIT, kvm_works};
use crate::process::Vmm;

/// An echo guest whose serial port is `serial` (with `{dir}` for the scratch folder); it has not started.
fn echo(serial: &str) -> Option<(Vmm, Client)> {
    if !kvm_works() {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("echo");
    std::fs::write(&kernel, guests::echo().unwrap().elf()).unwrap();
    let kernel = kernel.to_str().unwrap();
    let mut vmm = Vmm::start(&["-m", "4", "-S", "-kernel", kernel, "-serial", serial]);
    let client = vmm.connect(); // the kernel has been read
    Some((vmm, client))
}

fn run(client: &mut Client, command: &str, arguments: &str) -> Value {
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    client
        .execute_value(command, arguments.as_object().unwrap())
        .unwrap()
}

/// Types at the guest and reads what comes back.
fn converse(line: &mut (impl Read + Write)) {
    line.write_all(b"a character device\n").unwrap();
    expect(line, b"a character device\n");
}

fn expect(line: &mut impl Read, text: &[u8]) {
    let mut got = vec![0; text.len()];
    line.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(text));
}

fn filename(client: &mut Client) -> String {
    let all = run(client, "query-chardev", "{}");
    let mut all = all.as_array().unwrap().iter();
    let serial = all.find(|entry| entry["label"] == "serial0").unwrap();
    serial["filename"].as_str().unwrap().to_owned()
}

#[test]
fn client_of_a_listening_socket_may_come_again() {
    let Some((vmm, mut qmp)) = echo("unix:{dir}/line,server=on,wait=off") else {
        return;
    };
    let idle = format!("disconnected:unix:{},server=on", vmm.path("line").display());
    assert_eq!(filename(&mut qmp), idle);
    let mut line = UnixStream::connect(vmm.path("line")).unwrap();
    line.set_read_timeout(Some(LIMIT)).unwrap();
    while filename(&mut qmp) == idle {
        std::thread::yield_now();
    }
    run(&mut qmp, "cont", "{}");
    expect(&mut line, b"echo\n");
    converse(&mut line);
    drop(line);
    let mut line = UnixStream::connect(vmm.path("line")).unwrap();
    line.set_read_timeout(Some(LIMIT)).unwrap();
    converse(&mut line);
}

// proves: chardev-change
#[test]
fn guest_goes_on_when_its_back_end_is_changed() {
    let Some((vmm, mut qmp)) = echo("null") else {
        return;
    };
    let listener = UnixListener::bind(vmm.path("other")).unwrap();
    let backend = format!(
        r#"{{"id": "serial0", "backend": {{"type": "socket", "data": {{"server": false,
            "addr": {{"type": "unix", "data": {{"path": "{}"}}}}}}}}}}"#,
        vmm.path("other").display()
    );
    run(&mut qmp, "chardev-change", &backend);
    let (mut line, _) = listener.accept().unwrap();
    line.set_read_timeout(Some(LIMIT)).unwrap();
    run(&mut qmp, "cont", "{}");
    expect(&mut line, b"echo\n");
    converse(&mut line);
}

#[test]
fn client_connects_again_after_a_loss() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    let Some((_vmm, mut qmp)) = echo(&format!("tcp:{address},reconnect-ms=10")) else {
        return;
    };
    let (line, _) = port.accept().unwrap();
    drop(line);
    let (mut line, peer) = port.accept().unwrap();
    line.set_read_timeout(Some(LIMIT)).unwrap();
    // What the guest says before the connection is seen to be there is lost.
    let end = Instant::now() + LIMIT;
    while !filename(&mut qmp).contains(&peer.to_string()) {
        assert!(Instant::now() < end, "{}", filename(&mut qmp));
    }
    run(&mut qmp, "cont", "{}");
    expect(&mut line, b"echo\n");
    converse(&mut line);
}

#[test]
fn terminal_is_raw_and_named() {
    let Some((_vmm, mut qmp)) = echo("pty") else {
        return;
    };
    let name = filename(&mut qmp);
    let path = name.strip_prefix("pty:").unwrap();
    let mut line = File::options().read(true).write(true).open(path).unwrap();
    // The guest's first line may come before the terminal is seen to be open.
    run(&mut qmp, "cont", "{}");
    line.write_all(b"\x03over the terminal\n").unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"\x03over the terminal\n") {
        let mut byte = [0];
        line.read_exact(&mut byte).unwrap();
        got.push(byte[0]);
    }
}

#[test]
fn pipes_carry_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let path = |suffix: &str| dir.path().join(format!("line{suffix}"));
    for suffix in [".in", ".out"] {
        let made = std::process::Command::new("mkfifo")
            .arg(path(suffix))
            .status();
        assert!(made.unwrap().success());
    }
    let Some((_vmm, mut qmp)) = echo(&format!("pipe:{}", path("").display())) else {
        return;
    };
    run(&mut qmp, "cont", "{}");
    let mut output = File::open(path(".out")).unwrap();
    let mut input = File::options().write(true).open(path(".in")).unwrap();
    expect(&mut output, b"echo\n");
    input.write_all(b"piped\n").unwrap();
    expect(&mut output, b"piped\n");
}

#[test]
fn datagrams_reach_the_guest_and_its_peer() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(LIMIT)).unwrap();
    let address = peer.local_addr().unwrap();
    let Some((_vmm, mut qmp)) = echo(&format!("udp:{address}@127.0.0.1:0")) else {
        return;
    };
    run(&mut qmp, "cont", "{}");
    let mut got = Vec::new();
    let mut buffer = [0; 64];
    let mut from = None;
    let mut take = |until: &[u8]| {
        while !got.ends_with(until) {
            let (count, sender) = peer.recv_from(&mut buffer).unwrap();
            got.extend(&buffer[..count]);
            from = Some(sender);
        }
        from
    };
    let sender = take(b"echo\n").unwrap();
    peer.send_to(b"datagram\n", sender).unwrap();
    take(b"datagram\n");
}

#[test]
fn log_has_a_copy_of_the_output() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, "before\n").unwrap();
    let chardevs = Registry::new();
    let log = LogConfig {
        path: path.clone(),
        append: true,
    };
    let ring = BackendConfig::RingBuf { size: 4096 };
    chardevs.add_logged("line", &ring, Some(&log)).unwrap();
    let Some(fixture) = Fixture::guest_on(chardevs, "line", guests::hello().unwrap().boot()) else {
        return;
    };
    fixture.machine.wait();
    let logged = std::fs::read_to_string(path).unwrap();
    assert_eq!(logged, "before\nhello from q-min\n");
}

#[test]
fn client_that_never_reads_costs_bounded_memory_and_no_time() {
    let dir = tempfile::tempdir().unwrap();
    let chardevs = Registry::new();
    let listener = UnixListener::bind(dir.path().join("line")).unwrap();
    let config = vmm_core::char::SocketConfig {
        address: vmm_core::char::SocketAddress::Unix(dir.path().join("line")),
        server: false,
        wait: false,
        nodelay: false,
        telnet: false,
        reconnect: None,
    };
    let chardev = chardevs
        .add("line", &BackendConfig::Socket(config))
        .unwrap();
    let (client, _) = listener.accept().unwrap();
    let start = Instant::now();
    let lost = (0..64)
        .filter(|_| chardev.write(&[b'x'; 65536]).is_err())
        .count();
    assert!(lost >= 40, "only {lost} of 64 writes were refused");
    assert!(start.elapsed() < LIMIT);
    drop(client);
}

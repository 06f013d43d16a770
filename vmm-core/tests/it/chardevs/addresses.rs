//! Addresses of sockets, and what stands with them, beside QEMU's.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

use serde_json::{Value, json};
use vmm_core::char::{BackendConfig, Registry, SocketAddress, SocketConfig};

use super::beside_qemu::{add, compare, compare_with, socket, with_id};

type Request = (&'static str, Value);

/// Made, looked at, and removed again.
fn tried(add: Request) -> [Request; 3] {
    [
        add,
        ("query-chardev", json!({})),
        with_id("chardev-remove", "x"),
    ]
}

fn on(address: Value, rest: Value) -> [Request; 3] {
    tried(socket("x", address, rest))
}

fn inet(host: &str, port: &str, mut rest: Value) -> Value {
    rest["host"] = json!(host);
    rest["port"] = json!(port);
    json!({"type": "inet", "data": rest})
}

fn server() -> Value {
    json!({"server": true, "wait": false})
}

#[test]
fn hosts_and_ports_are_read_alike() {
    let mut script = Vec::new();
    let plain = [
        ("127.0.0.1", "0"),
        ("", "0"),
        ("", ""),
        ("localhost", "0"),
        ("::1", "0"),
        ("::", "0"),
        ("127.0.0.1", ""),
        ("127.0.0.1", " 0"),
        ("127.0.0.1", "-1"),
        ("127.0.0.1", "65536"),
        ("127.0.0.1", "nope"),
        ("nohost.invalid", "1"),
        ("256.1.1.1", "1"),
        ("8.8.8.8", "0"),
    ];
    for (host, port) in plain {
        script.extend(on(inet(host, port, json!({})), server()));
    }
    for (host, port) in [
        ("", "1"),
        ("127.0.0.1", ""),
        ("127.0.0.1", "http"),
        ("nohost.invalid", "1"),
    ] {
        script.extend(on(inet(host, port, json!({})), json!({"server": false})));
    }
    let limited = [
        json!({"ipv4": true}),
        json!({"ipv6": true}),
        json!({"ipv4": false}),
        json!({"ipv4": false, "ipv6": false}),
        json!({"ipv4": true, "ipv6": true}),
        json!({"ipv4": true, "ipv6": false}),
        json!({"numeric": true}),
        json!({"to": 10}),
    ];
    for limit in limited {
        for host in ["127.0.0.1", "::1", "localhost"] {
            script.extend(on(inet(host, "0", limit.clone()), server()));
        }
        script.extend(on(inet("127.0.0.1", "1", limit), json!({"server": false})));
    }
    let udp = |remote: Value, local: Value| {
        tried(add("x", "udp", json!({"remote": remote, "local": local})))
    };
    let peer = inet("127.0.0.1", "5", json!({}));
    for local in [
        ("127.0.0.1", "0"),
        ("", ""),
        ("::1", "0"),
        ("8.8.8.8", "0"),
        ("nohost.invalid", "0"),
    ] {
        script.extend(udp(peer.clone(), inet(local.0, local.1, json!({}))));
    }
    script.extend(udp(inet("", "5", json!({})), inet("", "", json!({}))));
    compare(script);
}

#[test]
fn options_of_sockets_are_refused_alike() {
    let mut script = Vec::new();
    let unix = |path: &str| json!({"type": "unix", "data": {"path": path}});
    let options = [
        json!({"server": true, "wait": false, "reconnect": 0}),
        json!({"server": true, "wait": false, "reconnect-ms": 0}),
        json!({"server": true, "wait": false, "tls-authz": "a"}),
        json!({"server": false, "tls-authz": "a"}),
        json!({"server": false, "tls-authz": "a", "tls-creds": "b"}),
        json!({"server": false, "websocket": true, "wait": true}),
    ];
    for rest in options {
        script.extend(on(unix("{dir}/sock"), rest.clone()));
        script.extend(on(json!({"type": "fd", "data": {"str": "nope"}}), rest));
    }
    let fd = json!({"type": "fd", "data": {"str": "nope"}});
    script.extend(on(fd.clone(), json!({"server": false, "reconnect": 0})));
    script.extend(on(
        fd,
        json!({"server": false, "reconnect": 0, "reconnect-ms": 0}),
    ));
    for tight in [true, false] {
        for name in ["{dir}/abstract".to_owned(), "x".repeat(108)] {
            let address =
                json!({"type": "unix", "data": {"path": name, "abstract": true, "tight": tight}});
            script.extend(on(address.clone(), server()));
            script.extend(on(address, json!({"server": false})));
        }
    }
    compare(script);
}

#[test]
fn back_ends_that_nobody_uses_are_replaced_as_a_whole() {
    let change = |kind: &str, data: Value| {
        let change = json!({"id": "x", "backend": {"type": kind, "data": data}});
        [("chardev-change", change), ("query-chardev", json!({}))]
    };
    let object = (
        "qom-get",
        json!({"path": "/chardevs/x", "property": "type"}),
    );
    let mut script = vec![add("x", "memory", json!({"size": 8})), object.clone()];
    script.push(("query-chardev", json!({})));
    script.extend(change("ringbuf", json!({"size": 16})));
    script.push(object);
    script.extend(change("null", json!({"logfile": "/dev/fdset/77"})));
    script.push(add("x", "null", json!({"logfile": "/dev/fdset/x"})));
    script.push(add("x", "ringbuf", json!({})));
    script.extend(change("ringbuf", json!({"size": 3})));
    script.extend(change("null", json!({})));
    script.push(("qom-list-types", json!({"implements": "chardev-ringbuf"})));
    compare(script);
}

#[test]
fn monitors_are_character_devices_that_stay() {
    let mut script = vec![
        ("query-chardev", json!({})),
        ("qom-list", json!({"path": "/chardevs"})),
    ];
    for id in [
        "named",
        "short",
        "calling",
        "compat_monitor1",
        "compat_monitor3",
    ] {
        let change = json!({"id": id, "backend": {"type": "null", "data": {}}});
        script.push(with_id("chardev-remove", id));
        script.push(("chardev-change", change));
        script.push(add(id, "null", json!({})));
        script.push(with_id("chardev-send-break", id));
    }
    script.push(("query-chardev", json!({})));
    let options = [
        "-chardev",
        "socket,id=named,path={dir}/named,server=on,wait=off",
        "-mon",
        "chardev=named,mode=control",
        "-qmp",
        "unix:{dir}/second,server=on,wait=off",
        "-chardev",
        "socket,id=short,path={dir}/short,abstract=on,server=on,wait=off",
        "-qmp",
        "chardev:short",
        "-chardev",
        "socket,id=calling,path={dir}/nobody,reconnect-ms=100000",
        "-mon",
        "chardev=calling,mode=control",
        "-qmp",
        "unix:{dir}/third,server=on,wait=off",
    ];
    compare_with(&options, script);
}

#[test]
fn server_that_is_removed_takes_nobody_any_more() {
    let chardevs = Registry::new();
    for round in 0..200 {
        // Children of other tests may have the socket of the last round, and its name, for a moment.
        let name = format!("vmm-test-{}-{round}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let config = BackendConfig::Socket(SocketConfig {
            address: SocketAddress::Abstract { name, tight: true },
            server: true,
            wait: false,
            nodelay: false,
            telnet: false,
            reconnect: None,
        });
        chardevs.add("server", &config).unwrap();
        chardevs.remove("server").unwrap();
        let late = UnixStream::connect_addr(&address);
        assert!(late.is_err(), "in round {round}");
    }
}

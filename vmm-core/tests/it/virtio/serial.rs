//! Serial ports.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use vmm_core::guests;

use super::MODERN;
use crate::differential::peer::{Board, QEMU, both_work, peers_beside};
use crate::differential::script::{CONT, Step, play};
use crate::fixture::LIMIT;

use Step::{Do, Event, Output};

/// Ports of both kinds, and a socket behind each; what both guests print, and
/// what comes back over the sockets.
#[test]
fn guest_sees_the_same_as_under_qemu() {
    if !both_work() {
        return;
    }
    let guest = guests::console().unwrap();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let path = |dir: &tempfile::TempDir, name: &str| dir.path().join(name).display().to_string();
    let listeners = dirs
        .each_ref()
        .map(|dir| ["console", "port"].map(|name| UnixListener::bind(path(dir, name)).unwrap()));
    let options = dirs.each_ref().map(|dir| {
        let socket = |name: &str| format!("socket,id={name},path={}", path(dir, name));
        let mut options: Vec<String> = MODERN.map(str::to_owned).to_vec();
        for (key, value) in [
            ("-chardev", socket("console")),
            ("-chardev", socket("port")),
            ("-device", "virtio-serial-device,id=s".to_owned()),
            ("-device", "virtconsole,chardev=console,id=k".to_owned()),
            (
                "-device",
                "virtserialport,chardev=port,id=p,name=org.example.port".to_owned(),
            ),
        ] {
            options.extend([key.to_owned(), value]);
        }
        options
    });
    let options = options.each_ref();
    let options = options.map(|options| options.iter().map(String::as_str).collect::<Vec<_>>());
    let peers = peers_beside(Board::Microvm, &guest, [&options[0], &options[1]]);
    let mut listeners = listeners.into_iter();
    let [theirs, ours] = peers.map(|mut peer| {
        let mut sockets = listeners.next().unwrap().map(|listener| {
            let (socket, _) = listener.accept().unwrap();
            socket.set_read_timeout(Some(LIMIT)).unwrap();
            socket
        });
        peer.send(r#"{"execute": "query-chardev"}"#);
        peer.send(r#"{"execute": "cont"}"#);
        peer.await_event("VSERPORT_CHANGE");
        // each port was added, is open, and has said who it is
        peer.await_output("ctl: 0100000006000100\n", 1);
        peer.await_output("ctl: 0000000006000100\n", 1);
        let mut said = Vec::new();
        for (socket, text) in sockets.iter_mut().zip(["ab", "xyz"]) {
            let mut expected = text.as_bytes().to_vec();
            if text == "ab" {
                expected.insert(0, b'!'); // sent before anything else
            }
            socket.write_all(text.as_bytes()).unwrap();
            let mut bytes = vec![0; expected.len()];
            socket.read_exact(&mut bytes).unwrap();
            assert_eq!(bytes, expected);
            said.push(bytes);
        }
        peer.await_output("in: 78797a\n", 1);
        peer.send(r#"{"execute": "query-chardev"}"#);
        let events: Vec<_> = peer.events.clone();
        // without the monitors that are listed, too
        let chardevs: Vec<_> = [1, peer.replies.len() - 1]
            .iter()
            .flat_map(|&reply| peer.replies[reply]["return"].as_array().unwrap().clone())
            .filter(|one| ["console", "port"].iter().any(|name| one["label"] == *name))
            .map(|one| (one["label"].clone(), one["frontend-open"].clone()))
            .map(|one| format!("{one:?}"))
            .collect();
        let mut lines: Vec<String> = peer.output().lines().map(str::to_owned).collect();
        lines.sort();
        let mut chardevs = chardevs;
        chardevs.sort();
        (lines, said, events, chardevs)
    });
    assert_eq!(ours.0, theirs.0);
    assert_eq!(ours.1, theirs.1);
    assert_eq!(ours.2, theirs.2);
    assert_eq!(ours.3, theirs.3);
}

#[test]
fn guest_hears_of_ports_that_come_and_go() {
    if !both_work() {
        return;
    }
    let guest = guests::console().unwrap();
    let options = ["-device", "virtio-serial-device"];
    let options = [&MODERN[..], &options].concat();
    let script = [
        CONT,
        Do("{'execute': 'device_add', 'arguments': {'driver': 'virtserialport', 'id': 'p'}}"),
        Output("ctl: 0100000001000100\n"),
        Event("VSERPORT_CHANGE"),
        Do("{'execute': 'device_del', 'arguments': {'id': 'p'}}"),
        Event("DEVICE_DELETED"),
        Output("ctl: 0100000002000100\n"),
    ];
    play(&guest, &options, &script);
}

#[test]
fn ports_come_go_and_are_refused_alike() {
    if !both_work() {
        return;
    }
    let script = [
        Do("{'execute': 'qom-get', 'arguments': {'path': 'k', 'property': 'nr'}}"),
        Do("{'execute': 'qom-get', 'arguments': {'path': 'p', 'property': 'nr'}}"),
        Do("{'execute': 'qom-get', 'arguments': {'path': 'p', 'property': 'parent_bus'}}"),
        Do("{'execute': 'qom-get', 'arguments': {'path': 'k', 'property': 'chardev'}}"),
        Do("{'execute': 'chardev-remove', 'arguments': {'id': 'c'}}"),
        Do(
            "{'execute': 'device_add', 'arguments': {'driver': 'virtserialport', 'id': 'z', 'chardev': 'd', 'name': 'n'}}",
        ),
        Do("{'execute': 'qom-get', 'arguments': {'path': 'z', 'property': 'nr'}}"),
        Do(
            "{'execute': 'device_add', 'arguments': {'driver': 'virtserialport', 'id': 'y', 'chardev': 'd'}}",
        ),
        Do(
            "{'execute': 'device_add', 'arguments': {'driver': 'virtserialport', 'id': 'y', 'chardev': 'no'}}",
        ),
        Do(
            "{'execute': 'device_add', 'arguments': {'driver': 'virtserialport', 'id': 'y', 'name': 'n'}}",
        ),
        Do(
            "{'execute': 'device_add', 'arguments': {'driver': 'virtserialport', 'id': 'y', 'nr': 1}}",
        ),
        Do("{'execute': 'device_add', 'arguments': {'driver': 'virtconsole', 'id': 'y', 'nr': 0}}"),
        Do(
            "{'execute': 'device_add', 'arguments': {'driver': 'virtserialport', 'id': 'y', 'nr': 77}}",
        ),
        Do("{'execute': 'device_del', 'arguments': {'id': 'z'}}"),
        Event("DEVICE_DELETED"),
        Do(
            "{'execute': 'device_add', 'arguments': {'driver': 'virtserialport', 'id': 'y', 'chardev': 'd'}}",
        ),
        Do("{'execute': 'qom-get', 'arguments': {'path': 'y', 'property': 'nr'}}"),
        Do("{'execute': 'device_del', 'arguments': {'id': 's'}}"),
    ];
    let guest = guests::spin().unwrap();
    let options = [
        "-chardev",
        "null,id=c",
        "-chardev",
        "null,id=d",
        "-device",
        "virtio-serial-device,id=s,max_ports=5",
        "-device",
        "virtconsole,chardev=c,id=k",
        "-device",
        "virtserialport,id=p",
    ];
    play(&guest, &[&MODERN[..], &options].concat(), &script);
}

#[test]
fn ports_without_room_are_refused_alike() {
    if !both_work() {
        return;
    }
    let bus = ["-device", "virtio-serial-device"];
    for options in [
        &["-device", "virtconsole"][..],
        &["-device", "virtio-serial-device,max_ports=0"],
        &["-device", "virtio-serial-device,max_ports=999"],
        &[bus[0], bus[1], "-device", "virtserialport,nr=0"],
        &[bus[0], bus[1], "-device", "virtserialport,nr=40"],
        &[bus[0], bus[1], "-device", "virtserialport,chardev=no"],
    ] {
        let [theirs, ours] =
            [(QEMU, "tcg"), (env!("CARGO_BIN_EXE_vmm"), "kvm")].map(|(program, accel)| {
                let output = Command::new(program)
                    .args(["-M", "microvm", "-accel", accel, "-S"])
                    .args(["-nodefaults", "-display", "none"])
                    .args(options)
                    .stdin(Stdio::null())
                    .output()
                    .unwrap();
                assert!(!output.status.success(), "{program} {options:?}");
                String::from_utf8(output.stderr).unwrap()
            });
        let said = theirs.trim().splitn(3, ": ").nth(2).unwrap();
        assert!(ours.contains(said), "{ours} {theirs}");
    }
}

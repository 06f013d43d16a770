//! The balloon.

use std::fs;
use std::time::Instant;

use vmm_core::guests::{self, BALLOON_PAGES, BALLOON_TOTAL};
use vmm_core::machine::{MachineError, MachineEvent};

use super::{MODERN, spec};
use crate::differential::peer::{both_work, peers};
use crate::differential::script::{CONT, Step, play};
use crate::fixture::{Fixture, LIMIT, kvm_works};
use crate::process::Vmm;

use Step::{Do, Event, Output};

const PAGE: u64 = 4096;
const RAM: u64 = 16 << 20;

fn given(pages: u32) -> String {
    format!("balloon: {pages:04x}\n")
}

// proves: balloon, query-balloon
#[test]
fn guest_gives_and_takes_what_it_is_asked_for() {
    let boot = guests::balloon().unwrap().boot();
    let Some(fixture) = Fixture::guest(boot, |config| {
        config.ram_size = RAM;
        config.devices.push(spec("virtio-balloon-device", "b", &[]));
        config.confined = true;
    }) else {
        return;
    };
    let machine = &fixture.machine;
    fixture.expect("balloon: ready\n");
    assert_eq!(machine.balloon().unwrap(), RAM);
    // the rest of a page, and more than one request
    for pages in [700, 3, 1000, 0] {
        fixture.console();
        let left = RAM - u64::from(pages) * PAGE;
        machine.set_balloon(left + 1).unwrap();
        let said = given(if pages == 0 { 0 } else { pages - 1 });
        fixture.expect(&said);
        machine.set_balloon(left).unwrap();
        if pages > 0 {
            fixture.expect(&given(pages));
        }
        fixture.await_event(MachineEvent::BalloonChange { actual: left });
        assert_eq!(machine.balloon().unwrap(), left);
    }
    assert!(!fixture.console().contains("kept"));
    // all that this guest has for it
    machine.set_balloon(PAGE).unwrap();
    fixture.expect(&given(BALLOON_PAGES));
    let bytes = machine.read_physical(4 << 20, 4096).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0));
    let left = RAM - u64::from(BALLOON_PAGES) * PAGE;
    assert_eq!(machine.balloon().unwrap(), left);
}

/// Private memory of a process that is in use, in bytes.
fn in_use(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kib = line.unwrap().split_ascii_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() << 10
}

#[test]
fn host_gets_the_memory_back() {
    if !kvm_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("guest");
    fs::write(&path, guests::balloon().unwrap().elf()).unwrap();
    let mut vmm = Vmm::start(&[
        "-m",
        "16",
        "-kernel",
        path.to_str().unwrap(),
        "-serial",
        "file:{dir}/out",
        "-device",
        "virtio-balloon-device",
    ]);
    let mut client = vmm.connect();
    let out = vmm.path("out");
    let await_output = |text: &str| {
        let end = Instant::now() + LIMIT;
        while !fs::read_to_string(&out).unwrap_or_default().contains(text) {
            assert!(Instant::now() < end, "{text}");
            std::thread::yield_now();
        }
    };
    await_output("balloon: ready\n");
    let before = in_use(vmm.id());
    let size = u64::from(BALLOON_PAGES) * PAGE;
    assert!(before > size, "{before}");
    let target = i64::try_from(RAM - size).unwrap();
    let balloon = qmp_types::qmp::commands::Balloon { value: target };
    client.execute(&balloon).unwrap();
    await_output(&given(BALLOON_PAGES));
    // what else the process uses may have grown a little
    let after = in_use(vmm.id());
    assert!(before - after > size / 10 * 9, "{before} {after}");
}

#[test]
fn guest_sees_the_same_as_under_qemu() {
    if !both_work() {
        return;
    }
    let target =
        |bytes: u64| format!(r#"{{"execute": "balloon", "arguments": {{"value": {bytes}}}}}"#);
    let guest = guests::balloon().unwrap();
    let options = [&MODERN[..], &["-device", "virtio-balloon-device,id=b"]].concat();
    let [theirs, ours] = peers(&guest, &options).map(|mut peer| {
        peer.send(r#"{"execute": "cont"}"#);
        peer.await_output("ready\n", 1);
        for pages in [300, 20, 0] {
            peer.send(&target((64 << 20) - pages * PAGE));
            peer.await_output(&given(u32::try_from(pages).unwrap()), 1);
        }
        peer.send(r#"{"execute": "query-balloon"}"#);
        peer.send(
            r#"{"execute": "qom-set", "arguments":
               {"path": "b", "property": "guest-stats-polling-interval", "value": 1}}"#,
        );
        let end = Instant::now() + LIMIT;
        let statistics = loop {
            peer.send(
                r#"{"execute": "qom-get", "arguments": {"path": "b", "property": "guest-stats"}}"#,
            );
            let reply = peer.replies.pop().unwrap();
            let mut stats = reply["return"]["stats"].clone();
            // one was there before, one was asked for
            if stats["stat-free-memory"].as_u64() == Some(2) {
                assert_eq!(
                    stats["stat-total-memory"].as_u64(),
                    Some(u64::from(BALLOON_TOTAL))
                );
                assert!(reply["return"]["last-update"].as_u64() > Some(1_600_000_000));
                stats.as_object_mut().unwrap().remove("stat-free-memory");
                break stats;
            }
            assert!(Instant::now() < end, "{reply:?}");
        };
        (peer.output(), std::mem::take(&mut peer.replies), statistics)
    });
    assert_eq!(ours.0, theirs.0);
    assert!(!ours.0.contains("kept"));
    assert_eq!(ours.1, theirs.1);
    for (name, value) in theirs.2.as_object().unwrap() {
        assert_eq!(&ours.2[name], value, "{name}");
    }
}

#[test]
fn machine_without_balloon_says_so() {
    let fixture = Fixture::new(|_| ());
    let result = fixture.machine.set_balloon(1 << 20);
    assert!(matches!(result, Err(MachineError::NoBalloon)));
}

#[test]
fn requests_and_properties_are_answered_alike() {
    if !both_work() {
        return;
    }
    let script = [
        Do("{'execute': 'query-balloon'}"),
        Do("{'execute': 'balloon', 'arguments': {'value': 0}}"),
        Do("{'execute': 'balloon', 'arguments': {'value': -7}}"),
        Do("{'execute': 'balloon', 'arguments': {'value': 33554432}}"),
        Do("{'execute': 'query-balloon'}"),
        Do(
            "{'execute': 'qom-get', 'arguments': {'path': 'b', 'property': 'guest-stats-polling-interval'}}",
        ),
        Do(
            "{'execute': 'qom-set', 'arguments': {'path': 'b', 'property': 'guest-stats-polling-interval', 'value': -2}}",
        ),
        Do(
            "{'execute': 'qom-set', 'arguments': {'path': 'b', 'property': 'guest-stats-polling-interval', 'value': 4294967296}}",
        ),
        Do(
            "{'execute': 'qom-set', 'arguments': {'path': 'b', 'property': 'guest-stats-polling-interval', 'value': 1000}}",
        ),
        Do(
            "{'execute': 'qom-get', 'arguments': {'path': 'b', 'property': 'guest-stats-polling-interval'}}",
        ),
        Do(
            "{'execute': 'qom-set', 'arguments': {'path': 'b', 'property': 'guest-stats-polling-interval', 'value': 0}}",
        ),
        Do(
            "{'execute': 'qom-set', 'arguments': {'path': 'b', 'property': 'guest-stats', 'value': 0}}",
        ),
        Do("{'execute': 'device_del', 'arguments': {'id': 'b'}}"),
        Do("{'execute': 'balloon', 'arguments': {'value': 67108864}}"),
        CONT,
        Output("balloon: ready\n"),
        Do("{'execute': 'balloon', 'arguments': {'value': 66060288}}"),
        Event("BALLOON_CHANGE"),
        Output("balloon: 0100\n"),
        Do("{'execute': 'query-balloon'}"),
        Do("{'execute': 'balloon', 'arguments': {'value': 1000000000000}}"),
        Output("balloon: 0000\n"),
        Do("{'execute': 'query-balloon'}"),
    ];
    let guest = guests::balloon().unwrap();
    let options = [&MODERN[..], &["-device", "virtio-balloon-device,id=b"]].concat();
    play(&guest, &options, &script);
    let absent = [
        Do("{'execute': 'query-balloon'}"),
        Do("{'execute': 'balloon', 'arguments': {'value': 0}}"),
        Do("{'execute': 'balloon', 'arguments': {'value': 33554432}}"),
    ];
    play(&guest, &[], &absent);
}

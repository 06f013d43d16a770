//! Entropy.

use std::fs;
use std::process::Command;

use vmm_core::guests::{self, RNG_BYTES, Wait};

use super::{MODERN, spec};
use crate::differential::peer::{both_work, peers};
use crate::differential::script::{CONT, Step, play};
use crate::fixture::Fixture;

use Step::Do;

const BOTH: [Wait; 2] = [Wait::Poll, Wait::Interrupt];

/// A source that is known: two lines of the guest, and what it prints.
fn source(bytes: &[u8]) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let lines = bytes.chunks(RNG_BYTES as usize);
    let said = lines.map(|line| format!("rng: {}\n", hex(line))).collect();
    (file, said)
}

#[test]
fn guest_gets_the_bytes_of_the_source() {
    for wait in BOTH {
        let bytes: Vec<u8> = (0..32).map(|byte| byte * 7 + 3).collect();
        let (file, said) = source(&bytes);
        let name = file.path().to_str().unwrap();
        let boot = guests::rng(wait).unwrap().boot();
        let Some(fixture) = Fixture::guest(boot, |config| {
            let source = spec("rng-random", "source", &[("filename", name)]);
            config.objects.push(source);
            let device = spec("virtio-rng-device", "r", &[("rng", "source")]);
            config.devices.push(device);
            config.confined = true;
        }) else {
            return;
        };
        fixture.machine.wait();
        assert_eq!(fixture.console(), said, "{wait:?}");
        assert_eq!(fixture.diagnostics(), [""; 0]);
    }
}

#[test]
fn host_gives_other_bytes_each_time() {
    let boot = guests::rng(Wait::Poll).unwrap().boot();
    let Some(fixture) = Fixture::guest(boot, |config| {
        config.devices.push(spec("virtio-rng-device", "r", &[]));
    }) else {
        return;
    };
    fixture.machine.wait();
    let console = fixture.console();
    let lines: Vec<_> = console.lines().collect();
    assert_eq!(lines.len(), 2, "{console}");
    assert_eq!(lines[0].len(), "rng: ".len() + 2 * RNG_BYTES as usize);
    assert_ne!(lines[0], lines[1]);
}

#[test]
fn guest_waits_for_a_source_that_has_nothing_yet() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    let made = Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: there is no mkfifo");
        return;
    }
    let pipe = fs::OpenOptions::new().read(true).write(true).open(&path);
    let mut pipe = pipe.unwrap(); // with a writer it has no end
    let boot = guests::rng(Wait::Interrupt).unwrap().boot();
    let Some(fixture) = Fixture::guest(boot, |config| {
        let name = path.to_str().unwrap();
        config
            .objects
            .push(spec("rng-random", "source", &[("filename", name)]));
        let device = spec("virtio-rng-device", "r", &[("rng", "source")]);
        config.devices.push(device);
    }) else {
        return;
    };
    std::io::Write::write_all(&mut pipe, &[0xab; 16]).unwrap();
    fixture.expect(&format!("rng: {}\n", "ab".repeat(16)));
    std::io::Write::write_all(&mut pipe, &[0xcd; 5]).unwrap();
    fixture.expect(&format!("rng: {}\n", "cd".repeat(5)));
}

#[test]
fn quota_is_for_a_period() {
    let boot = guests::rng(Wait::Poll).unwrap().boot();
    let Some(fixture) = Fixture::guest(boot, |config| {
        let limits = [("max-bytes", "20"), ("period", "50")];
        config.devices.push(spec("virtio-rng-device", "r", &limits));
    }) else {
        return;
    };
    fixture.machine.wait();
    let console = fixture.console();
    let lengths: Vec<_> = console.lines().map(|line| (line.len() - 5) / 2).collect();
    // what is left of twenty bytes, or what the next period has
    assert_eq!(lengths[0], 16, "{console}");
    assert!(matches!(lengths[1], 4 | 16), "{console}");
}

#[test]
fn guest_sees_the_same_as_under_qemu() {
    if !both_work() {
        return;
    }
    let (file, said) = source(&(1..33).collect::<Vec<u8>>());
    let object = format!("rng-random,id=s,filename={}", file.path().display());
    let options = ["-object", &object, "-device", "virtio-rng-device,rng=s"];
    for wait in BOTH {
        let guest = guests::rng(wait).unwrap();
        for mut peer in peers(&guest, &[&MODERN[..], &options].concat()) {
            peer.send(r#"{"execute": "cont"}"#);
            peer.await_output("\n", 2);
            assert_eq!(peer.output(), said, "{wait:?}");
        }
    }
}

#[test]
fn objects_and_devices_are_told_and_refused_alike() {
    if !both_work() {
        return;
    }
    let script = [
        Do("{'execute': 'qom-get', 'arguments': {'path': 'r', 'property': 'rng'}}"),
        Do("{'execute': 'qom-get', 'arguments': {'path': 'r', 'property': 'max-bytes'}}"),
        Do("{'execute': 'qom-get', 'arguments': {'path': 'r', 'property': 'period'}}"),
        Do("{'execute': 'qom-get', 'arguments': {'path': 'r', 'property': 'event_idx'}}"),
        Do("{'execute': 'qom-set', 'arguments': {'path': 'r', 'property': 'period', 'value': 1}}"),
        Do(
            "{'execute': 'device_add', 'arguments': {'driver': 'virtio-rng-device', 'id': 'x', 'bus': 'virtio-mmio-bus.0'}}",
        ),
        Do(
            "{'execute': 'device_add', 'arguments': {'driver': 'virtio-rng-device', 'id': 'x', 'bus': 'virtio-mmio-bus.7'}}",
        ),
        Do("{'execute': 'device_add', 'arguments': {'driver': 'virtio-rng-device', 'id': 'x'}}"),
        Do("{'execute': 'device_add', 'arguments': {'driver': 'virtio-mmio', 'id': 'x'}}"),
        Do("{'execute': 'device_add', 'arguments': {'driver': 'virtio-device', 'id': 'x'}}"),
        Do("{'execute': 'device_del', 'arguments': {'id': 'r'}}"),
        Do(
            "{'execute': 'object-add', 'arguments': {'qom-type': 'rng-random', 'id': 'a', 'filename': '/no/such'}}",
        ),
        Do("{'execute': 'object-add', 'arguments': {'qom-type': 'rng-random', 'id': 'a'}}"),
        Do("{'execute': 'object-add', 'arguments': {'qom-type': 'rng-builtin', 'id': 'b'}}"),
        Do(
            "{'execute': 'object-add', 'arguments': {'qom-type': 'rng-builtin', 'id': 'c', 'filename': 'x'}}",
        ),
        Do("{'execute': 'qom-get', 'arguments': {'path': '/objects/a', 'property': 'filename'}}"),
        Do("{'execute': 'qom-get', 'arguments': {'path': '/objects/b', 'property': 'opened'}}"),
        Do(
            "{'execute': 'qom-set', 'arguments': {'path': '/objects/a', 'property': 'filename', 'value': 'x'}}",
        ),
        Do("{'execute': 'object-del', 'arguments': {'id': 'a'}}"),
        CONT,
    ];
    let guest = guests::spin().unwrap();
    let options = [
        "-object",
        "rng-builtin,id=u",
        "-device",
        "virtio-rng-device,id=r",
        "-device",
        "virtio-rng-device,rng=u,period=7,max-bytes=9",
    ];
    play(&guest, &[&MODERN[..], &options].concat(), &script);
}

//! Character devices with several front ends, and front ends with several back ends.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::{Value, json};
use vmm_core::guests;

use super::beside_qemu::{add, compare, with_id};
use crate::fixture::{Ended, LIMIT, kvm_works};
use crate::process::Vmm;

/// Reads until this has come; all of it.
fn read_until(line: &mut impl Read, end: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end.as_bytes()) {
        let count = line.read(&mut byte).unwrap();
        assert_eq!(count, 1, "{:?}", String::from_utf8_lossy(&text));
        text.extend(byte);
    }
    String::from_utf8(text).unwrap()
}

fn connect(vmm: &Vmm) -> UnixStream {
    let line = UnixStream::connect(vmm.path("line")).unwrap();
    line.set_read_timeout(Some(LIMIT)).unwrap();
    line
}

/// The echo guest with a monitor at the same place as its serial port.
fn echo(options: &[&str]) -> Option<Vmm> {
    if !kvm_works() {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("echo");
    std::fs::write(&kernel, guests::echo().unwrap().elf()).unwrap();
    let machine = ["-m", "4", "-S", "-kernel", kernel.to_str().unwrap()];
    let mut vmm = Vmm::start(&[&machine[..], options].concat());
    drop(vmm.connect()); // the kernel has been read
    Some(vmm)
}

const PLACE: &str = "unix:{dir}/line,server=on,wait=off";
const PROMPT: &str = "(qemu) ";

// proves: chardev-add
#[test]
fn keys_go_to_the_guest_or_to_the_monitor() {
    let Some(mut vmm) = echo(&["-serial", &format!("mon:{PLACE}")]) else {
        return;
    };
    let mut line = connect(&vmm);
    line.write_all(b"\x01c").unwrap();
    let greeting = read_until(&mut line, PROMPT);
    assert!(greeting.contains(" monitor - type 'help'"), "{greeting:?}");
    // The guest writes although it has not got the keys.
    let mut client = vmm.connect();
    client.execute(&qmp_types::qmp::commands::Cont {}).unwrap();
    read_until(&mut line, "echo\n");
    line.write_all(b"info sta\x01c").unwrap();
    read_until(&mut line, "info sta\r\n");
    line.write_all(b"for the guest\n").unwrap();
    read_until(&mut line, "for the guest\n");
    // The escape character itself, twice.
    line.write_all(b"a\x01\x01b\n").unwrap();
    assert_eq!(read_until(&mut line, "\n"), "a\x01b\n");
    // What had been typed half is gone.
    line.write_all(b"\x01cinfo status\r").unwrap();
    let text = read_until(&mut line, "VM status: running\r\n(qemu) ");
    assert!(text.starts_with("(qemu) info status\r\n"), "{text:?}");
    line.write_all(b"\x01h").unwrap();
    let help = read_until(&mut line, "C-a C-a  sends C-a\n\r");
    assert_eq!(help.matches("C-a ").count(), 8, "{help}");
    assert!(help.contains("\n\rC-a x    exit emulator\n\r"), "{help}");
    line.write_all(b"\x01x").unwrap();
    read_until(&mut line, "QEMU: Terminated\n\r");
    assert_eq!(vmm.exit_code(), 0);
}

#[test]
fn lines_have_the_time_in_front_if_asked() {
    let Some(mut vmm) = echo(&["-serial", &format!("mon:{PLACE}"), "-echr", "0x14"]) else {
        return;
    };
    let mut line = connect(&vmm);
    line.write_all(b"\x14t\x14h").unwrap();
    read_until(&mut line, "sends C-t\n"); // so somebody reads there, and the time is on
    let mut client = vmm.connect();
    client.execute(&qmp_types::qmp::commands::Cont {}).unwrap();
    read_until(&mut line, "echo\n");
    // Ctrl-A is a key as any other now.
    line.write_all(b"\x01one\n").unwrap();
    let text = read_until(&mut line, "\x01one\n");
    let stamp = text.strip_prefix('[').and_then(|text| text.get(..12));
    let digits = stamp.unwrap_or_default().split([':', '.']);
    let lengths: Vec<_> = digits.map(str::len).collect();
    assert_eq!(lengths, [2, 2, 2, 3], "{text:?}");
    line.write_all(b"\x14ttwo\n").unwrap();
    assert_eq!(read_until(&mut line, "two\n"), "two\n");
}

/// A QMP monitor is served on any character device, and answers each new client.
#[test]
fn qmp_and_human_monitor_share_a_place() {
    let place = "socket,id=c,path={dir}/line,server=on,wait=off,mux=on";
    let mut vmm = Vmm::start(&[
        "-accel",
        "none",
        "-name",
        "guest",
        "-chardev",
        place,
        "-mon",
        "chardev=c,mode=control",
        "-mon",
        "chardev=c",
    ]);
    let mut client = vmm.connect();
    let info = client
        .execute(&qmp_types::qmp::commands::QueryChardev {})
        .unwrap();
    let mut info: Vec<_> = info
        .iter()
        .map(|one| (one.label.as_str(), one.filename.as_str(), one.frontend_open))
        .collect();
    info.sort_unstable();
    assert_eq!(info[0], ("c", "mux", true));
    assert_eq!((info[1].0, info[1].2), ("c-base", true));
    for _ in 0..2 {
        let mut line = connect(&vmm);
        read_until(&mut line, "\"capabilities\": [\"oob\"]}}\r\n");
        line.write_all(b"{'execute': 'qmp_capabilities'}\n{'execute': 'query-name'}\n")
            .unwrap();
        let text = read_until(&mut line, "{\"return\": {\"name\": \"guest\"}}\r\n");
        assert_eq!(text.lines().next(), Some("{\"return\": {}}"), "{text}");
        line.write_all(b"\x01c").unwrap();
        read_until(&mut line, PROMPT);
        line.write_all(b"info name\r").unwrap();
        read_until(&mut line, "info name\r\nguest\r\n(qemu) ");
        line.write_all(b"\x01c").unwrap();
        read_until(&mut line, "\r\n");
    }
}

#[test]
fn hub_writes_to_all_and_hears_from_each() {
    let Some(mut vmm) = echo(&[
        "-chardev",
        "socket,id=a,path={dir}/line,server=on,wait=off",
        "-chardev",
        "socket,id=b,path={dir}/other,server=on,wait=off",
        "-chardev",
        "ringbuf,id=r",
        "-chardev",
        "hub,id=h,chardevs.0=r,chardevs.1=a,chardevs.2=b",
        "-serial",
        "chardev:h",
    ]) else {
        return;
    };
    let mut first = connect(&vmm);
    let mut second = UnixStream::connect(vmm.path("other")).unwrap();
    second.set_read_timeout(Some(LIMIT)).unwrap();
    let mut client = vmm.connect();
    let connected = |client: &mut qmp_runtime::client::Client| {
        let all = client.execute(&qmp_types::qmp::commands::QueryChardev {});
        let all = all.unwrap();
        !all.iter().any(|one| {
            one.filename.starts_with("disconnected:unix") && one.label != "compat_monitor0"
        })
    };
    while !connected(&mut client) {
        std::thread::yield_now();
    }
    client.execute(&qmp_types::qmp::commands::Cont {}).unwrap();
    first.write_all(b"from the first\n").unwrap();
    read_until(&mut first, "from the first\n");
    read_until(&mut second, "from the first\n");
    second.write_all(b"from the second\n").unwrap();
    read_until(&mut first, "from the second\n");
    read_until(&mut second, "from the second\n");
    let args = qmp_types::qmp::commands::RingbufRead::new("r", 100);
    let kept = client.execute(&args).unwrap();
    assert_eq!(kept, "echo\nfrom the first\nfrom the second\n");
}

/// `-nographic` on a terminal: it is raw as long as the process runs.
#[test]
fn terminal_is_the_serial_port_and_the_monitor() {
    if !kvm_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("echo");
    std::fs::write(&kernel, guests::echo().unwrap().elf()).unwrap();
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let stdio = || Stdio::from(terminal.try_clone().unwrap());
    let echoes = || {
        let modes = tcgetattr(&terminal).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    };
    assert!(echoes());
    let process = Command::new(env!("CARGO_BIN_EXE_vmm"))
        .args(["-nographic", "-m", "4", "-kernel"])
        .arg(&kernel)
        .stdin(stdio())
        .stdout(stdio())
        .spawn()
        .unwrap();
    let mut process = Ended(process);
    let mut line = File::from(master);
    read_until(&mut line, "echo\r\n"); // the terminal still ends lines its way
    assert!(!echoes());
    // Ctrl-C is for the guest, not a signal.
    line.write_all(b"\x03typed\n").unwrap();
    read_until(&mut line, "\x03typed\r\n");
    line.write_all(b"\x01c").unwrap();
    read_until(&mut line, PROMPT);
    line.write_all(b"quit\r").unwrap();
    let deadline = std::time::Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = process.0.try_wait().unwrap() {
            break status;
        }
        assert!(std::time::Instant::now() < deadline, "it goes on");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(0));
    assert!(echoes(), "the terminal stays raw");
}

fn change(id: &str, kind: &str, data: Value) -> (&'static str, Value) {
    let (_, arguments) = add(id, kind, data);
    ("chardev-change", arguments)
}

// proves: chardev-add, chardev-change, chardev-remove, query-chardev
#[test]
fn replies_are_those_of_qemu() {
    let hub = |id, names: &[&str]| add(id, "hub", json!({ "chardevs": names }));
    let mux = |id, base: &str| add(id, "mux", json!({ "chardev": base }));
    let mut script = vec![
        add("r", "ringbuf", json!({})),
        mux("m", "r"),
        mux("m2", "r"),
        mux("m3", "nope"),
        mux("m4", "m"),
        mux("m", "r"),
        ("query-chardev", json!({})),
        with_id("chardev-remove", "r"),
        change("m", "null", json!({})),
        add("n", "null", json!({})),
        change("n", "mux", json!({"chardev": "r"})),
        with_id("chardev-send-break", "m"),
        with_id("chardev-remove", "m"),
        with_id("chardev-remove", "m4"),
        with_id("chardev-remove", "m"),
        ("query-chardev", json!({})),
        with_id("chardev-remove", "r"),
        hub("h0", &[]),
        hub("h0", &["nope"]),
    ];
    for id in ["a", "b", "c", "d", "e", "f"] {
        script.push(add(id, "ringbuf", json!({})));
    }
    script.extend([
        hub("h1", &["a", "b"]),
        hub("h2", &["a"]),
        hub("h3", &["h1"]),
        hub("h4", &["b", "c", "d", "e", "f"]),
        hub("h4", &["c", "d", "e", "f", "b"]),
        mux("m5", "c"),
        hub("h5", &["m5"]),
        mux("m6", "h1"),
        change("h1", "null", json!({})),
        ("query-chardev", json!({})),
        with_id("chardev-remove", "a"),
        with_id("chardev-remove", "m6"),
        with_id("chardev-remove", "h1"),
        with_id("chardev-remove", "a"),
        ("query-chardev", json!({})),
        ("qom-list", json!({"path": "/chardevs"})),
        (
            "qom-get",
            json!({"path": "/chardevs/m5", "property": "type"}),
        ),
    ]);
    compare(script);
}

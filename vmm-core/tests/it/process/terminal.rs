//! A human monitor on a character device.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::Vmm;
use crate::fixture::LIMIT;

fn read_until(socket: &mut UnixStream, end: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end.as_bytes()) {
        let count = socket.read(&mut byte).unwrap();
        assert_eq!(count, 1, "{}", String::from_utf8_lossy(&text));
        text.extend(byte);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn monitor_on_a_socket_greets_each_client_and_runs_lines() {
    let socket = "unix:{dir}/hmp,server=on,wait=off";
    let name = ["-accel", "none", "-name", "guest", "-S"];
    let mut vmm = Vmm::start(&[&name[..], &["-monitor", socket]].concat());
    let mut client = vmm.connect();
    let in_use = client.execute(&qmp_types::qmp::commands::ChardevRemove {
        id: "compat_monitor0".into(),
    });
    let error = in_use.unwrap_err().to_string();
    assert!(
        error.contains("Chardev 'compat_monitor0' is busy"),
        "{error}"
    );
    for _ in 0..2 {
        let mut terminal = UnixStream::connect(vmm.path("hmp")).unwrap();
        terminal.set_read_timeout(Some(LIMIT)).unwrap();
        let greeting = read_until(&mut terminal, "(qemu) ");
        assert!(
            greeting.contains(" monitor - type 'help' for more information\r\n"),
            "{greeting}"
        );
        terminal.write_all(b"junk\x15info name\r").unwrap();
        let text = read_until(&mut terminal, "(qemu) ");
        assert!(text.ends_with("info name\r\nguest\r\n(qemu) "), "{text:?}");
        terminal.write_all(b"nonsense\n").unwrap();
        let text = read_until(&mut terminal, "(qemu) ");
        assert!(
            text.ends_with("\r\nunknown command: 'nonsense'\r\n(qemu) "),
            "{text:?}"
        );
    }
}

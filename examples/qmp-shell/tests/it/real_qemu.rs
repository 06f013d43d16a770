//! With QEMU itself.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::run;

struct Qemu(Child);

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn qemu_is_driven() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qmp");
    let monitor = format!("unix:{},server=on,wait=off", path.display());
    let arguments = [
        "-nodefaults",
        "-display",
        "none",
        "-M",
        "none",
        "-qmp",
        &monitor,
    ];
    let spawned = Command::new("qemu-system-x86_64")
        .args(arguments)
        .stdin(Stdio::null())
        .spawn();
    let Ok(process) = spawned else {
        println!("skipped: no qemu-system-x86_64");
        return;
    };
    let _qemu = Qemu(process);
    let path = path.to_str().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while run(&[path, "query-status"], "").code == 3 {
        assert!(Instant::now() < deadline);
    }
    let input = "blockdev-add driver=raw node-name=top file.driver=null-co file.size=0x100000\n\
        query-named-block-nodes\n\
        object-add qom-type=iothread id=t\n\
        query-iothreads\n\
        getfd fdname=null </dev/null\n\
        !query-yank\n\
        hmp info version\n\
        qom-get path=/objects/t property=poll-max-ns\n";
    let outcome = run(&["--json", path], input);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(outcome.out.lines().count(), 8);
    assert!(outcome.out.contains("\"node-name\":\"top\""), "{outcome:?}");
    let outcome = run(&[path, "help", "blockdev-add", "driver=qcow2"], "");
    assert!(outcome.out.contains("lazy-refcounts=<bool>"), "{outcome:?}");
    let outcome = run(&[path, "device_del", "id=x"], "");
    assert_eq!(
        (outcome.code, outcome.err.as_str()),
        (1, "DeviceNotFound: Device 'x' not found\n")
    );
    let outcome = run(&[path, "quit"], "");
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

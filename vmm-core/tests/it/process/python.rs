//! A conversation with a client that this project did not write: Python's `qemu.qmp`.

use std::path::PathBuf;
use std::process::Command;

use super::Vmm;

/// The Python of the virtual environment that CI makes, if `qemu.qmp` is in it.
fn python() -> Option<PathBuf> {
    let python = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/bin/python"));
    let imported = Command::new(&python)
        .args(["-c", "import qemu.qmp"])
        .output();
    if imported.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    println!(
        "skipped: no qemu.qmp in .venv (python3 -m venv .venv && .venv/bin/pip install qemu.qmp)"
    );
    None
}

#[test]
fn qemu_qmp_talks_to_the_machine() {
    let Some(python) = python() else { return };
    let mut vmm = Vmm::start(&["-accel", "none", "-m", "8", "-name", "py"]);
    drop(vmm.connect());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/conversation.py");
    let output = Command::new(python)
        .arg(script)
        .arg(vmm.path("qmp"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok");
    assert_eq!(vmm.exit_code(), 0);
}

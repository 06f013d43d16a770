//! The commands of QMP, and two processes of which one goes on where the other was.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::time::Instant;

use qmp_runtime::client::Client;
use qmp_runtime::json::Value;
use qmp_types::qmp::commands::AddFd;
use vmm_core::guests::{self, GO};

use crate::differential::peer::both_work;
use crate::differential::script::{CONT, STATUS, STOP, Step, play};
use crate::fixture::{LIMIT, kvm_works};
use crate::process::{Vmm, write_guest};

use Step::Do;

fn run(client: &mut Client, command: &str, arguments: &str) -> Result<Value, String> {
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    let reply = client.execute_value(command, arguments.as_object().unwrap());
    reply.map_err(|error| error.to_string())
}

fn file(vmm: &Vmm, name: &str) -> String {
    let path = vmm.path(name);
    format!(r#"{{"filename": "{}"}}"#, path.display())
}

/// Has the guest behind the file of its memory count once; what it prints.
fn count(client: &mut Client, memory: &std::path::Path) -> String {
    let ram = OpenOptions::new().write(true).open(memory).unwrap();
    ram.write_all_at(&[1], GO).unwrap();
    read_line(client)
}

fn read_line(client: &mut Client) -> String {
    let deadline = Instant::now() + LIMIT;
    let mut line = String::new();
    while !line.ends_with('\n') {
        assert!(Instant::now() < deadline, "printed {line:?}");
        let arguments = r#"{"device": "console", "size": 64}"#;
        let read = run(client, "ringbuf-read", arguments).unwrap();
        line.push_str(read.as_str().unwrap());
    }
    line
}

// proves: xen-save-devices-state, xen-load-devices-state
#[test]
fn another_process_goes_on_with_the_same_memory() {
    if !kvm_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (memory, kernel) = (dir.path().join("ram"), dir.path().join("kernel"));
    write_guest(&kernel, &guests::count().unwrap());
    let backend = format!(
        "memory-backend-file,id=mem,size=4M,share=on,mem-path={}",
        memory.display()
    );
    let common = [
        "-m",
        "4",
        "-object",
        &backend,
        "-machine",
        "q-min,memory-backend=mem",
        "-accel",
        "kvm",
        "-chardev",
        "ringbuf,id=console,size=4096",
        "-serial",
        "chardev:console",
    ];
    let mut first = Vmm::start(&[&common[..], &["-kernel", kernel.to_str().unwrap()]].concat());
    let mut client = first.connect();
    assert_eq!(read_line(&mut client), "count\n");
    assert_eq!(count(&mut client, &memory), "01 01\n");
    assert_eq!(count(&mut client, &memory), "02 02\n");
    run(&mut client, "stop", "{}").unwrap();
    let state = dir.path().join("state");
    let arguments = format!(r#"{{"filename": "{}", "live": false}}"#, state.display());
    run(&mut client, "xen-save-devices-state", &arguments).unwrap();
    let mode = fs::metadata(&state).unwrap().permissions().mode();
    assert_eq!(mode & 0o777 & !0o660, 0, "{mode:o}");
    run(&mut client, "quit", "{}").unwrap();
    first.exit_code();

    let mut second = Vmm::start(&[&common[..], &["-S"]].concat());
    let mut client = second.connect();
    let arguments = format!(r#"{{"filename": "{}"}}"#, state.display());
    run(&mut client, "xen-load-devices-state", &arguments).unwrap();
    run(&mut client, "cont", "{}").unwrap();
    assert_eq!(count(&mut client, &memory), "03 03\n");
}

#[test]
fn files_that_cannot_be_had_or_used_are_told() {
    let mut vmm = Vmm::start(&["-accel", "none", "-S", "-m", "4"]);
    let mut client = vmm.connect();
    let good = file(&vmm, "good");
    run(&mut client, "xen-save-devices-state", &good).unwrap();
    let state = fs::read(vmm.path("good")).unwrap();
    fs::write(vmm.path("cut"), &state[..state.len() / 2]).unwrap();
    fs::write(vmm.path("foreign"), b"\x7fELF, or something else").unwrap();
    fs::create_dir(vmm.path("folder")).unwrap();
    let failed = "loading Xen device state failed: ";
    for (name, words) in [
        ("cut", format!("{failed}it is incomplete")),
        (
            "foreign",
            format!("{failed}it is not a file of device state"),
        ),
        (
            "folder",
            format!(
                "Could not read '{}': Is a directory",
                vmm.path("folder").display()
            ),
        ),
    ] {
        let arguments = file(&vmm, name);
        let error = run(&mut client, "xen-load-devices-state", &arguments).unwrap_err();
        assert!(error.contains(&words), "{error}");
    }
    // one that cannot be written to the end is no state
    let full = run(
        &mut client,
        "xen-save-devices-state",
        r#"{"filename": "/dev/full"}"#,
    );
    let full = full.unwrap_err();
    assert!(
        full.contains("Could not write '/dev/full': No space left on device"),
        "{full}"
    );
    // one that is there is written anew
    fs::write(vmm.path("good"), vec![0; state.len() * 2]).unwrap();
    run(&mut client, "xen-save-devices-state", &good).unwrap();
    assert_eq!(fs::read(vmm.path("good")).unwrap().len(), state.len());
    run(&mut client, "xen-load-devices-state", &good).unwrap();
    run(&mut client, "cont", "{}").unwrap();
    let error = run(&mut client, "xen-load-devices-state", &good).unwrap_err();
    assert!(
        error.contains("Cannot update device state while vm is running"),
        "{error}"
    );
}

#[test]
fn state_goes_through_descriptors_of_sets() {
    let mut vmm = Vmm::start(&["-accel", "none", "-S", "-m", "4"]);
    let mut client = vmm.connect();
    let path = vmm.path("state");
    fs::write(&path, vec![0; 1 << 20]).unwrap(); // what was there is gone afterwards
    let add = AddFd {
        fdset_id: Some(4),
        opaque: None,
    };
    let set = r#"{"filename": "/dev/fdset/4"}"#;
    let error = run(&mut client, "xen-save-devices-state", set).unwrap_err();
    assert!(error.contains("/dev/fdset/4"), "{error}");
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    client.execute_with_fds(&add, &[&writer]).unwrap();
    run(&mut client, "xen-save-devices-state", set).unwrap();
    let error = run(&mut client, "xen-load-devices-state", set).unwrap_err();
    assert!(error.contains("matching flags"), "{error}");
    let plain = file(&vmm, "plain");
    run(&mut client, "xen-save-devices-state", &plain).unwrap();
    assert!(fs::read(&path).unwrap() == fs::read(vmm.path("plain")).unwrap());
    let reader = fs::File::open(&path).unwrap();
    client.execute_with_fds(&add, &[&reader]).unwrap();
    run(&mut client, "xen-load-devices-state", set).unwrap();
}

// proves: xen-save-devices-state
#[test]
fn replies_events_and_run_states_are_those_of_qemu() {
    if !both_work() {
        return;
    }
    let script = [
        Do("{'execute': 'xen-load-devices-state', 'arguments': {'filename': '/nowhere/state'}}"),
        Do("{'execute': 'xen-save-devices-state', 'arguments': {'filename': '{dir}/state'}}"),
        STATUS,
        CONT,
        Do("{'execute': 'xen-save-devices-state', 'arguments': {'filename': '{dir}/state'}}"),
        STATUS,
        Do(
            "{'execute': 'xen-save-devices-state', 'arguments': {'filename': '{dir}/state', 'live': true}}",
        ),
        Do(
            "{'execute': 'xen-save-devices-state', 'arguments': {'filename': '{dir}/state', 'live': false}}",
        ),
        Do("{'execute': 'xen-save-devices-state', 'arguments': {'filename': '/nowhere/state'}}"),
        Do("{'execute': 'xen-save-devices-state', 'arguments': {'filename': '/tmp'}}"),
        Do("{'execute': 'xen-save-devices-state', 'arguments': {'filename': ''}}"),
        Do("{'execute': 'xen-save-devices-state'}"),
        STATUS,
        Do("{'execute': 'xen-load-devices-state', 'arguments': {'filename': '{dir}/state'}}"),
        Do("{'execute': 'xen-load-devices-state', 'arguments': {'filename': '/nowhere/state'}}"),
        Do("{'execute': 'xen-set-global-dirty-log', 'arguments': {'enable': true}}"),
        Do("{'execute': 'xen-set-global-dirty-log', 'arguments': {'enable': true}}"),
        Do("{'execute': 'xen-set-global-dirty-log', 'arguments': {'enable': false}}"),
        Do("{'execute': 'xen-set-global-dirty-log', 'arguments': {'enable': false}}"),
        Do("{'execute': 'xen-set-global-dirty-log'}"),
        STOP,
        Do(
            "{'execute': 'xen-save-devices-state', 'arguments': {'filename': '{dir}/state', 'live': false}}",
        ),
        Do("{'execute': 'xen-save-devices-state', 'arguments': {'filename': '/nowhere/state'}}"),
        STATUS,
        Do("{'execute': 'xen-load-devices-state', 'arguments': {'filename': ''}}"),
        STATUS,
        CONT,
    ];
    play(&guests::spin().unwrap(), &["-S"], &script);
}

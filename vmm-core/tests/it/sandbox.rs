//! What a confined process and its threads are refused.

use std::fs::{File, read_dir, read_to_string};
use std::io::{ErrorKind, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Instant;

use qmp_types::qmp::commands;
use vmm_core::sandbox::{Access, Role, Sandbox, confine_process, confine_thread};

use crate::fixture::LIMIT;
use crate::process::Vmm;

const SIGSYS: i32 = 31;
const CHILD: &str = "VMM_TEST_SANDBOX";

/// Runs a test of this file in a process of its own, which is told to be the child.
fn child(test: &str) -> ExitStatus {
    let program = std::env::current_exe().unwrap();
    Command::new(program)
        .args(["--exact", test])
        .env(CHILD, "1")
        .output()
        .unwrap()
        .status
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

#[test]
fn starting_a_program_ends_a_confined_process() {
    if is_child() {
        confine_process(Sandbox::default()).unwrap();
        thread::spawn(|| ()).join().unwrap(); // threads stay possible
        let _ = Command::new("true").status();
        return;
    }
    let status = child("sandbox::starting_a_program_ends_a_confined_process");
    assert_eq!(status.signal(), Some(SIGSYS), "{status}");
}

#[test]
fn group_that_is_allowed_stays() {
    if is_child() {
        let sandbox = Sandbox {
            spawn: Access::Allow,
            ..Sandbox::default()
        };
        confine_process(sandbox).unwrap();
        assert!(Command::new("true").status().unwrap().success());
        return;
    }
    let status = child("sandbox::group_that_is_allowed_stays");
    assert!(status.success(), "{status}");
}

#[test]
fn confined_thread_keeps_its_files_and_opens_no_others() {
    for role in [Role::Vcpu, Role::Device, Role::Measure] {
        let mut file = tempfile::tempfile().unwrap();
        let refused = thread::spawn(move || {
            confine_thread(role).unwrap();
            file.write_all(b"kept").unwrap();
            let opened = File::open("/etc/passwd").map(drop);
            let connected = std::net::TcpStream::connect("127.0.0.1:9").map(drop);
            [opened, connected]
        });
        for result in refused.join().unwrap() {
            let error = result.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::PermissionDenied,
                "{role:?}: {error}"
            );
        }
    }
}

/// How many filters each thread of a process has, by the thread's name.
fn filters(pid: u32) -> Vec<(String, u32)> {
    let tasks = read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = tasks.filter_map(|task| read_to_string(task.unwrap().path().join("status")).ok());
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    status
        .map(|text| {
            let filters = field(&text, "Seccomp_filters:").parse().unwrap_or(0);
            (field(&text, "Name:"), filters)
        })
        .collect()
}

#[test]
fn thread_that_measures_is_confined() {
    let mut vmm = Vmm::start(&["-accel", "none", "-M", "q-min"]);
    let mut client = vmm.connect();
    client.execute(&commands::CalcDirtyRate::new(60)).unwrap();
    let deadline = Instant::now() + LIMIT;
    loop {
        let threads = filters(vmm.id());
        if threads.contains(&("dirty-rate".to_owned(), 2)) {
            return;
        }
        assert!(Instant::now() < deadline, "{threads:?}");
        thread::yield_now(); // it confines itself
    }
}

#[test]
fn threads_are_confined_unless_told_otherwise() {
    for (options, confined) in [(&[][..], true), (&["-sandbox", "off"], false)] {
        let arguments = [&["-accel", "none", "-M", "q-min", "-smp", "2"], options].concat();
        let mut vmm = Vmm::start(&arguments);
        vmm.connect(); // by then all threads are there
        let threads = filters(vmm.id());
        let all = threads.iter().all(|(_, filters)| *filters >= 1);
        let none = threads.iter().all(|(_, filters)| *filters == 0);
        assert_eq!((all, none), (confined, !confined), "{threads:?}");
        let vcpus = || threads.iter().filter(|(name, _)| name.starts_with("CPU "));
        assert_eq!(vcpus().count(), 2, "{threads:?}");
        assert!(
            !confined || vcpus().all(|(_, filters)| *filters == 2),
            "{threads:?}"
        );
    }
}

//! A process in the background, and what it inherits.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Instant;

use qmp_runtime::client::Client;
use qmp_types::qmp::commands;
use rustix::io::{FdFlags, fcntl_setfd};

use super::{command, run};
use crate::fixture::LIMIT;

/// The process that a file names, and its state; none once it has gone.
fn state(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    (state != 'Z').then(|| state.to_string())
}

fn await_end(pid: &str, pidfile: &Path) {
    let end = Instant::now() + LIMIT;
    while state(pid).is_some() || pidfile.exists() {
        assert!(Instant::now() < end, "{pid} goes on");
        std::thread::yield_now();
    }
}

#[test]
fn command_ends_once_the_machine_in_the_background_answers() {
    let dir = tempfile::tempdir().unwrap();
    // As libvirt starts it to see what it can do; the files are named from the folder that it starts in.
    let output = command()
        .current_dir(dir.path())
        .args(["-S", "-no-user-config", "-nodefaults", "-nographic"])
        .args(["-machine", "none,accel=none", "-daemonize"])
        .args(["-qmp", "unix:qmp,server=on,wait=off", "-pidfile", "pid"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
    let pidfile = dir.path().join("pid");
    let pid = fs::read_to_string(&pidfile).unwrap().trim().to_owned();
    // No waiting: it is there.
    let mut client = Client::connect_unix(dir.path().join("qmp")).unwrap();
    client.set_timeout(Some(LIMIT));
    client.execute(&commands::QueryStatus {}).unwrap();
    for number in 0..=2 {
        let target = fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
        assert_eq!(target, Path::new("/dev/null"));
    }
    assert_eq!(
        fs::read_link(format!("/proc/{pid}/cwd")).unwrap(),
        Path::new("/")
    );
    client.execute(&commands::Quit {}).unwrap();
    await_end(&pid, &pidfile);
}

#[test]
fn failure_in_the_background_is_told_in_front() {
    let cases: [(&[&str], &str); 5] = [
        (
            &[
                "-M",
                "none",
                "-qmp",
                "unix:/nonexistent/qmp,server=on,wait=off",
            ],
            "/nonexistent/qmp",
        ),
        (
            &["-accel", "none", "-kernel", "/nonexistent/kernel"],
            "/nonexistent/kernel",
        ),
        (
            &["-M", "none", "-preconfig"],
            "'preconfig' and 'daemonize' options are mutually exclusive",
        ),
        (
            &["-M", "none", "-nographic"],
            "-nographic cannot be used with -daemonize",
        ),
        (
            &["-M", "none", "-qmp", "stdio"],
            "cannot use stdio with -daemonize",
        ),
    ];
    for (options, expected) in cases {
        let output = run(&[&["-daemonize"], options].concat());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{options:?}: {text}");
        assert!(
            text.contains(expected) && text.lines().count() == 1,
            "{options:?}: {text}"
        );
    }
}

#[test]
fn messages_have_time_and_name_where_wanted() {
    let options = [
        "-name",
        "web",
        "-M",
        "q-min",
        "-accel",
        "none",
        "-kernel",
        "/nonexistent",
    ];
    let output = run(&[&["-msg", "timestamp=on,guest-name=on"], &options[..]].concat());
    let text = String::from_utf8(output.stderr).unwrap();
    let (time, rest) = text.split_once(' ').unwrap();
    assert!(
        time.ends_with('Z') && time.len() == "2026-01-01T00:00:00.000000Z".len(),
        "{text}"
    );
    assert!(rest.starts_with("web vmm: "), "{text}");
}

#[test]
fn inherited_descriptors_are_in_their_sets() {
    let file = tempfile::tempfile().unwrap();
    fcntl_setfd(&file, FdFlags::empty()).unwrap();
    let add = format!("fd={},set=7,opaque=log", file.as_raw_fd());
    let mut vmm = super::Vmm::start(&["-M", "none", "-add-fd", &add]);
    let sets = vmm.connect().execute(&commands::QueryFdsets {}).unwrap();
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0].fdset_id, 7);
    assert_eq!(sets[0].fds[0].opaque.as_deref(), Some("log"));
    let number = sets[0].fds[0].fd;
    let theirs = fs::metadata(format!("/proc/{}/fd/{number}", vmm.id())).unwrap();
    use std::os::unix::fs::MetadataExt;
    assert_eq!(theirs.ino(), file.metadata().unwrap().ino());
}

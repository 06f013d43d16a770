//! Ways to the host: a serial line, standard input and output, and the process around them.

use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use qmp_runtime::client::Client;
use qmp_types::qga::commands;

use crate::process::{Agent, Kind, LONG, Line};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guest-agent"));
    command.args(["--dry-run", "-c", "/dev/null"]);
    command
}

/// A serial line: the host's end, and the name of the guest's, which stays there as long as the holder lives.
fn serial_line() -> (OwnedFd, PathBuf, File) {
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let host = rustix::pty::openpt(flags).unwrap();
    rustix::pty::grantpt(&host).unwrap();
    rustix::pty::unlockpt(&host).unwrap();
    let name = rustix::pty::ptsname(&host, Vec::new()).unwrap();
    let path = PathBuf::from(name.into_string().unwrap());
    let holder = File::options().read(true).write(true).open(&path).unwrap();
    let mut attributes = rustix::termios::tcgetattr(&holder).unwrap();
    attributes.make_raw();
    let now = rustix::termios::OptionalActions::Now;
    rustix::termios::tcsetattr(&holder, now, &attributes).unwrap();
    (host, path, holder)
}

#[test]
fn serial_line_with_noise_and_a_restart_carries_a_whole_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let (host, path, mut holder) = serial_line();
    holder
        .write_all(b"{\"return\": {\"version\": \"stale\"}}\n{\"return\": [")
        .unwrap();
    rustix::io::write(&host, b"{\"execute\": \"guest-").unwrap();
    let first = Agent::start(Kind::Ours, folder.path(), "isa-serial", &path).unwrap();
    let mut agent = Client::builder().agent().timeout(LONG).over(host).unwrap();
    let info = agent.execute(&commands::GuestInfo {}).unwrap();
    assert_eq!(info.supported_commands.len(), 19);
    let open = commands::GuestFileOpen::new("/dev/zero");
    let handle = agent.execute(&open).unwrap();
    let read = commands::GuestFileRead {
        count: Some(100_000),
        ..commands::GuestFileRead::new(handle)
    };
    assert_eq!(agent.execute(&read).unwrap().count, 100_000);
    drop(first);
    let _second = Agent::start(Kind::Ours, folder.path(), "isa-serial", &path).unwrap();
    assert_eq!(agent.execute(&commands::GuestSync::new(42)).unwrap(), 42);
    let error = agent
        .execute(&commands::GuestFileClose::new(handle))
        .unwrap_err();
    assert!(error.to_string().contains("has not been found"), "{error}");
    assert_eq!(
        agent.execute(&open).unwrap(),
        handle + 1,
        "handles count on"
    );
}

#[test]
fn device_that_comes_later_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("port");
    let mut agent = program()
        .args(["-r", "-m", "virtio-serial", "-p"])
        .arg(&place)
        .arg("-t")
        .arg(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .map(Agent)
        .unwrap();
    let mut log = BufReader::new(agent.0.stderr.take().unwrap());
    until(&mut log, "serves");
    let (host, path, _holder) = serial_line();
    std::os::unix::fs::symlink(path, place).unwrap();
    let mut client = Client::builder().agent().timeout(LONG).over(host).unwrap();
    client.execute(&commands::GuestPing {}).unwrap();
}

#[test]
fn device_that_is_not_there_is_an_error_with_its_path() {
    let output = program()
        .args(["-p", "/nonexistent/port"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("/nonexistent/port"), "{text}");
}

#[test]
fn standard_input_is_answered_on_standard_output_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = program()
        .args(["-m", "stdio", "-v", "-t"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    input
        .write_all(b"{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":5}}\n{\"execute\":\"guest-ping\",\"id\":1}\n")
        .unwrap();
    drop(input);
    let mut output = Vec::new();
    process
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut output)
        .unwrap();
    assert_eq!(
        output,
        b"\xFF{\"return\": 5}\n{\"return\": {}, \"id\": 1}\n"
    );
    assert!(process.wait().unwrap().success());
}

/// Reads a log up to a line with this in it.
fn until(log: &mut impl std::io::BufRead, text: &str) {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(
            log.read_line(&mut line).unwrap() > 0,
            "the log ended without '{text}'"
        );
    }
}

fn gone(path: &Path) {
    let deadline = Instant::now() + LONG;
    while path.exists() {
        assert!(
            Instant::now() < deadline,
            "{} is still there",
            path.display()
        );
        std::thread::yield_now();
    }
}

#[test]
fn daemon_writes_its_number_serves_and_cleans_up_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let run = || -> Child {
        let mut command = program();
        command
            .args(["-d", "-v", "-m", "unix-listen", "-p"])
            .arg(file("socket"));
        command
            .arg("-f")
            .arg(file("pid"))
            .arg("-l")
            .arg(file("log"))
            .arg("-t")
            .arg(folder.path());
        command.spawn().unwrap()
    };
    assert!(run().wait().unwrap().success());
    let mut line = Line::connect(&file("socket"));
    line.ask(b"{\"execute\":\"guest-ping\"}");
    let number = std::fs::read_to_string(file("pid")).unwrap();
    let pid = rustix::process::Pid::from_raw(number.trim().parse().unwrap()).unwrap();
    let log = std::fs::read_to_string(file("log")).unwrap();
    assert!(log.contains("guest-ping"), "{log}");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    gone(&file("pid"));
    gone(&file("socket"));
}

#[test]
fn second_agent_with_the_same_process_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_first, path) = Agent::listen(Kind::Ours, folder.path()).unwrap();
    Line::connect(&path).ask(b"");
    let mut second = program();
    second
        .args(["-m", "unix-listen", "-p"])
        .arg(folder.path().join("other"));
    second.arg("-f").arg(folder.path().join("pid"));
    let output = second.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && text.contains("another agent has locked it"),
        "{text}"
    );
}

#[test]
fn socket_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (_agent, path) = Agent::listen(Kind::Ours, folder.path()).unwrap();
    Line::connect(&path).ask(b"");
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

//! The typed clients and the bindings against QEMU's guest agent itself.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use qmp_runtime::client::{Client, ClientError, Endpoint, Reconnect};
use qmp_runtime::json::Map;
use qmp_types::qga::commands;

/// Long enough for anything that is to happen.
const LONG: Duration = Duration::from_secs(20);
/// Long enough to see that something does not happen.
const SHORT: Duration = Duration::from_millis(100);

/// An agent, which ends with the test.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Agent {
    fn start(dir: &Path, method: &str, path: &Path) -> Option<Agent> {
        let mut spawned = Command::new("qemu-ga");
        // Where Debian has it, which is not on everybody's path.
        let paths = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        spawned
            .env("PATH", paths)
            .args(["-m", method, "-p"])
            .arg(path)
            .arg("-t")
            .arg(dir);
        spawned.arg("-f").arg(dir.join("pid"));
        spawned.stdin(Stdio::null()).stderr(Stdio::null());
        match spawned.spawn() {
            Ok(process) => Some(Agent(process)),
            Err(_) => {
                println!("skipped: no qemu-ga");
                None
            }
        }
    }
}

/// Connects to an agent that may not listen yet.
fn connect(endpoint: &Endpoint) -> Client {
    let deadline = Instant::now() + LONG;
    loop {
        let options = Client::builder()
            .agent()
            .timeout(LONG)
            .reconnect(Reconnect::default());
        match options.connect(endpoint) {
            Ok(client) => return client,
            Err(ClientError::Io(_)) if Instant::now() < deadline => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A call that the agent has got and will never answer.
fn call_in_vain(client: &mut Client, agent: &Agent) {
    let pid = rustix::process::Pid::from_child(&agent.0);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    client.set_timeout(Some(SHORT));
    let result = client.execute(&commands::GuestInfo {});
    assert!(matches!(result, Err(ClientError::TimedOut)), "{result:?}");
    client.set_timeout(Some(LONG));
}

#[test]
fn client_drives_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qga");
    let Some(_agent) = Agent::start(dir.path(), "unix-listen", &path) else {
        return;
    };
    let mut agent = connect(&Endpoint::Unix(path));
    let info = agent.execute(&commands::GuestInfo {}).unwrap();
    assert!(info.supported_commands.len() > 20, "{info:?}");
    agent.execute(&commands::GuestPing {}).unwrap();
    let path = dir.path().join("file");
    let open = commands::GuestFileOpen {
        mode: Some("w+".into()),
        ..commands::GuestFileOpen::new(path.to_str().unwrap())
    };
    let handle = agent.execute(&open).unwrap();
    let written = agent
        .execute(&commands::GuestFileWrite::new(handle, "aGVsbG8="))
        .unwrap();
    assert_eq!(written.count, 5);
    agent
        .execute(&commands::GuestFileClose::new(handle))
        .unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), "hello");
    let error = agent
        .execute(&commands::GuestFileClose::new(handle))
        .unwrap_err();
    assert!(
        error
            .as_command_error()
            .unwrap()
            .desc()
            .contains("has not been found"),
        "{error}"
    );
    let error = agent
        .execute_value("guest-frobnicate", &Map::new())
        .unwrap_err();
    assert!(error.is_command_not_found());
    let pending = agent
        .submit_all(&vec![commands::GuestSync::new(7); 100])
        .unwrap();
    for answer in pending {
        assert_eq!(agent.wait(answer).unwrap(), 7);
    }
}

#[test]
fn command_without_answer_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qga");
    let Some(_agent) = Agent::start(dir.path(), "unix-listen", &path) else {
        return;
    };
    let mut agent = connect(&Endpoint::Unix(path));
    let shutdown = commands::GuestShutdown {
        mode: Some("sideways".into()),
    };
    let error = agent.execute(&shutdown).unwrap_err();
    assert!(
        error.as_command_error().unwrap().desc().contains("mode"),
        "{error}"
    );
    agent.execute(&commands::GuestPing {}).unwrap();
}

#[test]
fn agent_that_is_killed_in_a_call_and_started_again_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qga");
    let Some(first) = Agent::start(dir.path(), "unix-listen", &path) else {
        return;
    };
    let mut agent = connect(&Endpoint::Unix(path.clone()));
    call_in_vain(&mut agent, &first);
    drop(first);
    let _second = Agent::start(dir.path(), "unix-listen", &path).unwrap();
    // The connection is gone with the first one; whoever notices it is told.
    let deadline = Instant::now() + LONG;
    while let Err(error) = agent.execute(&commands::GuestPing {}) {
        assert!(error.is_closed() && Instant::now() < deadline, "{error}");
    }
}

/// A serial line: the end of this side, and a name and a holder of the other, as a machine's port has.
fn serial_line() -> (OwnedFd, std::path::PathBuf, File) {
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let ours = rustix::pty::openpt(flags).unwrap();
    rustix::pty::grantpt(&ours).unwrap();
    rustix::pty::unlockpt(&ours).unwrap();
    let name = rustix::pty::ptsname(&ours, Vec::new()).unwrap();
    let path = std::path::PathBuf::from(name.into_string().unwrap());
    let holder = File::options().read(true).write(true).open(&path).unwrap();
    let mut attributes = rustix::termios::tcgetattr(&holder).unwrap();
    attributes.make_raw();
    rustix::termios::tcsetattr(&holder, rustix::termios::OptionalActions::Now, &attributes)
        .unwrap();
    (ours, path, holder)
}

#[test]
fn agent_behind_a_serial_line_survives_noise_and_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, path, mut holder) = serial_line();
    // What somebody has left in the line, in both directions.
    holder
        .write_all(b"{\"return\": {\"version\": \"stale\"}}\n{\"return\": [")
        .unwrap();
    rustix::io::write(&ours, b"{\"execute\": \"guest-").unwrap();
    let Some(first) = Agent::start(dir.path(), "isa-serial", &path) else {
        return;
    };
    let options = Client::builder().agent().timeout(LONG);
    let mut agent = options.over(ours).unwrap();
    assert!(
        !agent
            .execute(&commands::GuestInfo {})
            .unwrap()
            .supported_commands
            .is_empty()
    );
    call_in_vain(&mut agent, &first);
    drop(first);
    let _second = Agent::start(dir.path(), "isa-serial", &path).unwrap();
    assert_eq!(agent.execute(&commands::GuestSync::new(42)).unwrap(), 42);
    agent.execute(&commands::GuestPing {}).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn client_on_tokio_drives_the_agent_through_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qga");
    let Some(first) = Agent::start(dir.path(), "unix-listen", &path) else {
        return;
    };
    drop(connect(&Endpoint::Unix(path.clone())));
    let options = Client::builder()
        .agent()
        .timeout(LONG)
        .reconnect(Reconnect::default());
    let (agent, mut events) = options
        .connect_tokio(&Endpoint::Unix(path.clone()))
        .await
        .unwrap();
    let calls: Vec<_> = (0..50)
        .map(|id| {
            let agent = agent.clone();
            tokio::spawn(async move { agent.execute(&commands::GuestSync::new(id)).await })
        })
        .collect();
    for (id, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), id as i64);
    }
    drop(first);
    let _second = Agent::start(dir.path(), "unix-listen", &path).unwrap();
    // Who calls before it is noticed that the first one has gone is told so.
    let deadline = Instant::now() + LONG;
    while let Err(error) = agent.execute(&commands::GuestPing {}).await {
        assert!(error.is_closed() && Instant::now() < deadline, "{error}");
    }
    let gap = events.next().await.unwrap();
    assert!(matches!(gap, Err(ClientError::Gap(_))), "{gap:?}");
}

//! Our clients, blocking and on tokio, drive both agents.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use qmp_runtime::client::{Builder, Client, ClientError, Endpoint, Reconnect};
use qmp_types::qga::commands;
use qmp_types::qga::types::{GuestFileWhence, QgaSeek};

use crate::process::{Agent, Kind, LONG};

const BOTH: [Kind; 2] = [Kind::Ours, Kind::Qemu];
/// Long enough to see that something does not happen.
const SHORT: Duration = Duration::from_millis(100);

fn options() -> Builder {
    let options = Client::builder().agent().timeout(LONG);
    options.reconnect(Reconnect::default())
}

/// Connects to an agent that may not listen yet.
fn connect(path: &Path) -> Client {
    let deadline = Instant::now() + LONG;
    loop {
        match options().connect(&Endpoint::Unix(path.into())) {
            Ok(client) => return client,
            Err(ClientError::Io(_)) if Instant::now() < deadline => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Stops an agent, so that it gets requests and never answers.
fn stop(agent: &Agent) {
    let pid = rustix::process::Pid::from_child(&agent.0);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    // Only when all of its threads have stopped.
    let stopped = rustix::process::WaitOptions::UNTRACED;
    rustix::process::waitpid(Some(pid), stopped).unwrap();
}

#[test]
fn blocking_client_works_on_a_file_through_both() {
    for kind in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let Some((_agent, path)) = Agent::listen(kind, folder.path()) else {
            continue;
        };
        let mut agent = connect(&path);
        agent.execute(&commands::GuestPing {}).unwrap();
        let info = agent.execute(&commands::GuestInfo {}).unwrap();
        assert!(info.supported_commands.len() >= 19, "{kind:?}");
        let file = folder.path().join("file");
        let open = commands::GuestFileOpen {
            mode: Some("w+".into()),
            ..commands::GuestFileOpen::new(file.to_str().unwrap())
        };
        let handle = agent.execute(&open).unwrap();
        let write = commands::GuestFileWrite::new(handle, "aGVsbG8=");
        assert_eq!(agent.execute(&write).unwrap().count, 5);
        agent
            .execute(&commands::GuestFileFlush::new(handle))
            .unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "hello");
        // As the oldest clients say it, and as today's do.
        for whence in [
            GuestFileWhence::Value(2),
            GuestFileWhence::Name(QgaSeek::End),
        ] {
            let seek = commands::GuestFileSeek::new(handle, -2, whence);
            assert_eq!(agent.execute(&seek).unwrap().position, 3);
            let read = agent
                .execute(&commands::GuestFileRead::new(handle))
                .unwrap();
            assert_eq!((read.count, &*read.buf_b64, read.eof), (2, "bG8=", true));
        }
        agent
            .execute(&commands::GuestFileClose::new(handle))
            .unwrap();
        let interfaces = agent
            .execute(&commands::GuestNetworkGetInterfaces {})
            .unwrap();
        assert!(interfaces.iter().any(|interface| interface.name == "lo"));
        let error = agent.execute(&commands::GuestSuspendRam {}).unwrap_err();
        assert!(error.is_command_not_found(), "{kind:?}: {error}");
    }
}

/// What an earlier client has left in the channel: answers that nobody has read, and half a request.
const STALE: &[u8] = b"{\"execute\":\"guest-info\"}{\"execute\":\"guest-sync\",\"arguments\":{\"id\":3}}{\"execute\": \"gu";

/// A channel to an agent with [`STALE`] in it.
fn stale_channel(path: &Path) -> OwnedFd {
    drop(connect(path)); // by then it listens
    let mut socket = UnixStream::connect(path).unwrap();
    socket.write_all(STALE).unwrap();
    socket.into()
}

#[test]
fn channel_with_stale_bytes_is_brought_into_step() {
    for kind in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let Some((_agent, path)) = Agent::listen(kind, folder.path()) else {
            continue;
        };
        let options = Client::builder().agent().timeout(LONG);
        let mut agent = options.over(stale_channel(&path)).unwrap();
        let id = agent.execute(&commands::GuestSync::new(17)).unwrap();
        assert_eq!(id, 17, "{kind:?}");
        agent.execute(&commands::GuestPing {}).unwrap();
    }
}

#[tokio::test]
async fn channel_with_stale_bytes_is_brought_into_step_on_tokio() {
    for kind in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let Some((_agent, path)) = Agent::listen(kind, folder.path()) else {
            continue;
        };
        let options = Client::builder().agent().timeout(LONG);
        let stale = options.over_tokio(stale_channel(&path)).await;
        let (agent, _events) = stale.unwrap();
        let id = agent.execute(&commands::GuestSync::new(17)).await.unwrap();
        assert_eq!(id, 17, "{kind:?}");
        agent.execute(&commands::GuestPing {}).await.unwrap();
    }
}

#[test]
fn agent_that_dies_in_a_call_and_comes_back_goes_on() {
    for kind in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let Some((first, path)) = Agent::listen(kind, folder.path()) else {
            continue;
        };
        let mut agent = connect(&path);
        stop(&first);
        agent.set_timeout(Some(SHORT));
        let result = agent.execute(&commands::GuestInfo {});
        assert!(
            matches!(result, Err(ClientError::TimedOut)),
            "{kind:?}: {result:?}"
        );
        agent.set_timeout(Some(LONG));
        drop(first);
        let _second = Agent::listen(kind, folder.path()).unwrap();
        let deadline = Instant::now() + LONG;
        while let Err(error) = agent.execute(&commands::GuestPing {}) {
            assert!(
                error.is_closed() && Instant::now() < deadline,
                "{kind:?}: {error}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn client_on_tokio_drives_both_through_a_restart() {
    for kind in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let Some((first, path)) = Agent::listen(kind, folder.path()) else {
            continue;
        };
        drop(connect(&path));
        let endpoint = Endpoint::Unix(path);
        let (agent, _events) = options().connect_tokio(&endpoint).await.unwrap();
        let calls: Vec<_> = (0..50)
            .map(|id| {
                let agent = agent.clone();
                tokio::spawn(async move { agent.execute(&commands::GuestSync::new(id)).await })
            })
            .collect();
        for (id, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap().unwrap(), id as i64, "{kind:?}");
        }
        stop(&first);
        let info = commands::GuestInfo {};
        let late = tokio::time::timeout(SHORT, agent.execute(&info)).await;
        assert!(late.is_err(), "{kind:?}: {late:?}");
        drop(first);
        let _second = Agent::listen(kind, folder.path()).unwrap();
        let deadline = Instant::now() + LONG;
        while let Err(error) = agent.execute(&commands::GuestPing {}).await {
            assert!(
                error.is_closed() && Instant::now() < deadline,
                "{kind:?}: {error}"
            );
        }
    }
}

//! Agents as processes, ours and QEMU's, and a plain way to talk to them.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Long enough for anything that is to happen.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// What nobody may do to the machine that runs the tests; QEMU's agent gets this list.
pub(crate) const DANGEROUS: &str = "guest-shutdown,guest-fsfreeze-freeze,guest-fsfreeze-freeze-list,\
    guest-fsfreeze-thaw,guest-fstrim,guest-suspend-disk,guest-suspend-ram,guest-suspend-hybrid,guest-exec,\
    guest-set-time,guest-set-user-password,guest-set-vcpus,guest-set-memory-blocks";

/// The part of that list that our agent has.
pub(crate) fn dangerous_of_ours() -> String {
    let known = guest_agent::command_names();
    let names = DANGEROUS.split(',').filter(|name| known.contains(name));
    names.collect::<Vec<_>>().join(",")
}

/// Which agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Qemu,
}

/// An agent, which ends with the test.
pub(crate) struct Agent(pub(crate) Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Agent {
    /// Starts an agent; nothing if the machine has not got it.
    pub(crate) fn start(kind: Kind, folder: &Path, method: &str, path: &Path) -> Option<Agent> {
        let mut command = match kind {
            Kind::Ours => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_guest-agent"));
                command.args(["--dry-run", "-c", "/dev/null", "-b"]);
                command.arg(dangerous_of_ours());
                command
            }
            Kind::Qemu => {
                let mut command = Command::new("qemu-ga");
                // Where Debian has it, which is not on everybody's path.
                let paths = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
                command.env("PATH", paths).args(["-b", DANGEROUS]);
                command
            }
        };
        command.args(["-m", method, "-p"]).arg(path);
        command
            .arg("-t")
            .arg(folder)
            .arg("-f")
            .arg(folder.join("pid"));
        command.stdin(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(process) => Some(Agent(process)),
            Err(_) => {
                println!("skipped: no qemu-ga");
                None
            }
        }
    }

    /// Starts one at a unix socket in `folder`.
    pub(crate) fn listen(kind: Kind, folder: &Path) -> Option<(Agent, PathBuf)> {
        let path = folder.join("agent");
        let agent = Agent::start(kind, folder, "unix-listen", &path)?;
        Some((agent, path))
    }
}

/// A connection without any knowledge of the protocol but how to get into step.
pub(crate) struct Line {
    socket: UnixStream,
    next: u32,
}

impl Line {
    /// Connects to an agent that may not listen yet.
    pub(crate) fn connect(path: &Path) -> Line {
        let deadline = Instant::now() + LONG;
        let socket = loop {
            match UnixStream::connect(path) {
                Ok(socket) => break socket,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::yield_now();
        };
        socket.set_read_timeout(Some(LONG)).unwrap();
        Line { socket, next: 1 }
    }

    /// Sends bytes, gets into step behind them, and returns all that came before that.
    pub(crate) fn ask(&mut self, bytes: &[u8]) -> Vec<Value> {
        let id = self.next;
        self.next += 1;
        let mark =
            format!("{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{id}}}}}\n");
        let all = [bytes, b"\n\xFF", mark.as_bytes()].concat();
        self.socket.write_all(&all).unwrap();
        let end = format!("\u{0}{{\"return\": {id}}}\n").into_bytes();
        let end = [b"\xFF", &end[1..]].concat();
        let mut came = Vec::new();
        while !came.ends_with(&end) {
            let mut buffer = [0; 4096];
            let count = self.socket.read(&mut buffer).unwrap();
            assert!(
                count > 0,
                "hung up behind {:?}",
                String::from_utf8_lossy(&came)
            );
            came.extend_from_slice(&buffer[..count]);
        }
        came.truncate(came.len() - end.len());
        let text = String::from_utf8(came).unwrap();
        let lines = text.split_terminator('\n');
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Calls a command; its only reply, less the complaint that 0xFF brings.
    pub(crate) fn call(&mut self, request: &Value) -> Value {
        let mut replies = self.ask(request.to_string().as_bytes());
        assert_eq!(replies.len(), 2, "{replies:?}");
        replies.remove(0)
    }
}

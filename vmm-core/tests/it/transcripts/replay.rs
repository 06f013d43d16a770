//! A client that says what was recorded.

use std::collections::BTreeMap;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rustix::fs::{Mode, OFlags};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::case::{Case, op, payload};
use super::server::{Running, null};
use crate::fixture::LIMIT;

struct Connection {
    socket: UnixStream,
    rest: Vec<u8>,
}

impl Connection {
    /// Connects as soon as somebody listens.
    fn open(path: &str) -> Self {
        let deadline = Instant::now() + LIMIT;
        loop {
            match UnixStream::connect(path) {
                Ok(socket) => {
                    socket.set_read_timeout(Some(LIMIT)).unwrap();
                    let rest = Vec::new();
                    return Connection { socket, rest };
                }
                Err(error) => assert!(Instant::now() < deadline, "{path}: {error}"),
            }
            std::thread::yield_now();
        }
    }

    fn send(&mut self, mut bytes: &[u8], fds: &[OwnedFd], bytewise: bool) {
        if !fds.is_empty() {
            let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
            let slices = [IoSlice::new(bytes)];
            let flags = SendFlags::empty();
            let sent = sendmsg(&self.socket, &slices, &mut ancillary, flags).unwrap();
            bytes = &bytes[sent..];
        }
        for chunk in bytes.chunks(if bytewise { 1 } else { usize::MAX >> 1 }) {
            // The server may have hung up, as the case wants it.
            let _ = self.socket.write_all(chunk);
        }
    }

    /// The next line; none at the end.
    fn line(&mut self) -> Result<Option<String>, String> {
        let mut looked_at = 0;
        loop {
            let fresh = &self.rest[looked_at..];
            if let Some(end) = fresh.windows(2).position(|pair| pair == b"\r\n") {
                let end = looked_at + end;
                let line = self.rest.drain(..end + 2).take(end).collect();
                return Ok(Some(String::from_utf8(line).unwrap()));
            }
            looked_at = self.rest.len().saturating_sub(1);
            let mut buffer = vec![0; 1 << 16];
            match self.socket.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(count) => self.rest.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(format!("nothing came: {error}")),
            }
        }
    }
}

/// The other end of a fifo, once a command reads it; it reads until this is dropped.
fn wait_for_reader(path: &str) -> OwnedFd {
    let deadline = Instant::now() + LIMIT;
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    loop {
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => return fd,
            Err(error) => assert!(Instant::now() < deadline, "nobody reads: {error}"),
        }
        std::thread::yield_now();
    }
}

/// Holds the conversation with a server; what is different.
pub(super) fn replay(case: &Case, dir: &str, server: &mut Running) -> Result<(), String> {
    let mut connections: BTreeMap<u64, Connection> = BTreeMap::new();
    let mut held = None;
    for (index, step) in case.steps.iter().enumerate() {
        let client = step["c"].as_u64().unwrap_or(0);
        let fifo = || format!("{dir}/{}", step["name"].as_str().unwrap());
        match op(step) {
            "open" => {
                let monitor = step["mon"].as_u64().unwrap_or(0);
                connections.insert(client, Connection::open(&format!("{dir}/{monitor}")));
            }
            "close" => drop(connections.remove(&client)),
            "shutdown_wr" => {
                let socket = &connections[&client].socket;
                socket.shutdown(std::net::Shutdown::Write).unwrap();
            }
            "send" => {
                let fds: Vec<OwnedFd> = (0..step["fds"].as_u64().unwrap_or(0))
                    .map(|_| null())
                    .collect();
                let bytes = payload(step, dir);
                let connection = connections.get_mut(&client).unwrap();
                connection.send(&bytes, &fds, step["bytewise"] == true);
                let fifo = format!("{dir}/fifo");
                if String::from_utf8_lossy(&bytes).contains(&fifo) {
                    held = Some(wait_for_reader(&fifo));
                }
            }
            "mkfifo" => {
                let made = std::process::Command::new("mkfifo").arg(fifo()).status();
                assert!(made.unwrap().success());
            }
            // The reader sees the end.
            "unblock" => drop(held.take().unwrap()),
            "signal" => server.signal(step["sig"].as_str().unwrap().trim_start_matches("SIG")),
            "waitexit" | "sleep" => {}
            other => panic!("{}: unknown step {other}", case.name),
        }
        for (&(_, client), entries) in case.expected.range((index, 0)..(index + 1, 0)) {
            let (exits, lines): (Vec<_>, Vec<_>) = entries
                .iter()
                .cloned()
                .partition(|entry| entry.get("exit").is_some());
            let got: Result<Vec<_>, _> = lines
                .iter()
                .map(|_| connections.get_mut(&client).unwrap().line())
                .collect();
            case.compare(&lines, &got?)?;
            for entry in exits {
                let code = server.exit();
                if entry["exit"] != code {
                    return Err(format!("{}: exit code {code}", case.name));
                }
            }
        }
    }
    Ok(())
}

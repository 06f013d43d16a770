//! The clients, against peers that follow a script.

mod agent;
mod blocking;
mod conversation;
mod hostile;
mod reconnect;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tokio")]
mod tokio;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

use qmp_runtime::json::{Map, Value};
use serde_json::json;

use crate::toy::commands;

/// Long enough for anything that is to happen.
const LONG: Duration = Duration::from_secs(20);
/// Long enough to see that something does not happen.
const SHORT: Duration = Duration::from_millis(50);

/// The other side, as a test scripts it.
struct Peer {
    input: BufReader<UnixStream>,
}

impl Peer {
    fn new(socket: UnixStream) -> Self {
        socket.set_read_timeout(Some(LONG)).unwrap();
        Peer {
            input: BufReader::new(socket),
        }
    }

    /// A peer that runs `script` on a thread, and the socket that leads to it.
    fn run<T: Send + 'static>(
        script: impl FnOnce(Peer) -> T + Send + 'static,
    ) -> (OwnedFd, JoinHandle<T>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || script(Peer::new(theirs)));
        (ours.into(), thread)
    }

    /// One that has negotiated already.
    fn run_ready<T: Send + 'static>(
        script: impl FnOnce(Peer) -> T + Send + 'static,
    ) -> (OwnedFd, JoinHandle<T>) {
        Peer::run(|mut peer| {
            peer.negotiate(r#"["oob"]"#);
            script(peer)
        })
    }

    fn send(&mut self, text: impl AsRef<[u8]>) {
        self.input.get_mut().write_all(text.as_ref()).unwrap();
    }

    fn negotiate(&mut self, capabilities: &str) -> Value {
        self.send(greeting(capabilities));
        let request = self.request();
        self.answer(&request, "{}");
        request
    }

    /// The next request; `null` at the end.
    fn request(&mut self) -> Value {
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line).unwrap();
        let line: Vec<u8> = line.into_iter().filter(|&byte| byte != 0xFF).collect();
        if line.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&line).unwrap()
    }

    /// Answers a request with a result.
    fn answer(&mut self, request: &Value, result: &str) {
        let id = &request["id"];
        self.send(format!("{{\"return\": {result}, \"id\": {id}}}\r\n"));
    }

    /// Does what a guest agent does when it is asked to start anew.
    fn sync(&mut self) {
        self.sync_behind("");
    }

    /// The same, behind something that it had still to say.
    fn sync_behind(&mut self, late: &str) {
        let request = self.request();
        self.send(late);
        assert_eq!(request["execute"], "guest-sync-delimited");
        let id = &request["arguments"]["id"];
        self.send([b"\xFF", format!("{{\"return\": {id}}}\n").as_bytes()].concat());
    }
}

fn greeting(capabilities: &str) -> String {
    format!(
        "{{\"QMP\": {{\"version\": {{\"qemu\": {{\"micro\": 2, \"minor\": 0, \"major\": 10}}, \"package\": \"\"}}, \"capabilities\": {capabilities}}}}}\r\n"
    )
}

fn no_arguments() -> Map<String, Value> {
    Map::new()
}

fn event(name: &str) -> String {
    format!("{{\"timestamp\": {{\"seconds\": 1, \"microseconds\": 2}}, \"event\": \"{name}\"}}\r\n")
}

fn leaf(id: &str) -> commands::QueryLeaf {
    commands::QueryLeaf {
        id: id.into(),
        limit: None,
    }
}

/// Answers all requests until the end, each with the leaf that it asks for.
fn serve_leaves(mut peer: Peer) {
    loop {
        let request = peer.request();
        if request.is_null() {
            return;
        }
        let result = json!({"id": request["arguments"]["id"], "colors": []}).to_string();
        peer.answer(&request, &result);
    }
}

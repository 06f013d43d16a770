//! A small server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;

use serde_json::{Value, json};

/// What the server tells of itself: a command with arguments of many types, and an event.
fn schema() -> Value {
    json!([
        {"name": "echo", "meta-type": "command", "arg-type": "0", "ret-type": "any"},
        {"name": "stop-now", "meta-type": "command", "arg-type": "1", "ret-type": "1", "allow-oob": true,
         "features": ["unstable"]},
        {"name": "quit", "meta-type": "command", "arg-type": "1", "ret-type": "1"},
        {"name": "hang", "meta-type": "command", "arg-type": "1", "ret-type": "1"},
        {"name": "TICK", "meta-type": "event", "arg-type": "2"},
        {"name": "0", "meta-type": "object", "tag": "kind", "members": [
            {"name": "kind", "type": "3"},
            {"name": "name", "type": "str", "default": null},
            {"name": "flag", "type": "bool", "default": null},
            {"name": "colors", "type": "[3]", "default": null},
            {"name": "nested", "type": "2", "default": null},
            {"name": "many", "type": "[2]", "default": null},
            {"name": "either", "type": "6", "default": null},
        ], "variants": [{"case": "red", "type": "4"}, {"case": "dark-blue", "type": "5"}]},
        {"name": "1", "meta-type": "object", "members": []},
        {"name": "2", "meta-type": "object", "members": [{"name": "count", "type": "int"}]},
        {"name": "3", "meta-type": "enum", "members": [{"name": "red"}, {"name": "dark-blue"}],
         "values": ["red", "dark-blue"]},
        {"name": "4", "meta-type": "object", "members": [{"name": "heat", "type": "number", "default": null}]},
        {"name": "5", "meta-type": "object", "members": [{"name": "depth", "type": "int", "default": null}]},
        {"name": "6", "meta-type": "alternate", "members": [{"type": "str"}, {"type": "bool"}, {"type": "2"}]},
        {"name": "mad", "meta-type": "command", "arg-type": "7", "ret-type": "8"},
        {"name": "7", "meta-type": "object", "members": [
            {"name": "list", "type": "8"}, {"name": "choice", "type": "9"}, {"name": "self", "type": "7"}]},
        {"name": "8", "meta-type": "array", "element-type": "8"},
        {"name": "9", "meta-type": "alternate", "members": [{"type": "9"}, {"type": "9"}]},
        {"name": "[3]", "meta-type": "array", "element-type": "3"},
        {"name": "[2]", "meta-type": "array", "element-type": "2"},
        {"name": "str", "meta-type": "builtin", "json-type": "string"},
        {"name": "int", "meta-type": "builtin", "json-type": "int"},
        {"name": "number", "meta-type": "builtin", "json-type": "number"},
        {"name": "bool", "meta-type": "builtin", "json-type": "boolean"},
        {"name": "any", "meta-type": "builtin", "json-type": "value"},
    ])
}

/// A server for one client: `echo` returns its arguments, `stop-now` sends an event first, `hang` never
/// answers, `quit` ends it.
pub(crate) struct Stub {
    pub(crate) path: PathBuf,
    server: JoinHandle<()>,
    socket: Receiver<UnixStream>,
    requests: Receiver<String>,
    _dir: tempfile::TempDir,
}

impl Stub {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qmp");
        let listener = UnixListener::bind(&path).unwrap();
        let (accepted, socket) = std::sync::mpsc::channel();
        let (seen, requests) = std::sync::mpsc::channel();
        let server = std::thread::spawn(move || {
            let socket = listener.accept().unwrap().0;
            accepted.send(socket.try_clone().unwrap()).unwrap();
            serve(&socket, &seen);
            // There is another handle of it.
            let _ = socket.shutdown(Shutdown::Both);
        });
        Stub {
            path,
            server,
            socket,
            requests,
            _dir: dir,
        }
    }

    pub(crate) fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Waits until a command has come in.
    pub(crate) fn wait_for(&self, name: &str) {
        while self.requests.recv().unwrap() != name {}
    }

    /// Hangs up on its client.
    pub(crate) fn hang_up(self) {
        self.socket
            .recv()
            .unwrap()
            .shutdown(Shutdown::Both)
            .unwrap();
        self.join();
    }

    /// Waits for its end, and passes on how it failed.
    pub(crate) fn join(self) {
        self.server.join().unwrap();
    }
}

fn serve(socket: &UnixStream, seen: &Sender<String>) {
    let mut output = socket;
    let mut say = |value: Value| writeln!(output, "{value}").is_ok();
    say(
        json!({"QMP": {"version": {"qemu": {"major": 9, "minor": 1, "micro": 0}, "package": "stub"},
        "capabilities": ["oob"]}}),
    );
    for line in BufReader::new(socket).lines() {
        let Ok(line) = line else { return };
        let request: Value = serde_json::from_str(&line).unwrap();
        let name = request["execute"]
            .as_str()
            .or(request["exec-oob"].as_str())
            .unwrap();
        // The test may not look.
        let _ = seen.send(name.to_owned());
        let (id, arguments) = (&request["id"], &request["arguments"]);
        let tick = json!({"event": "TICK", "timestamp": {"seconds": 3661, "microseconds": 5000},
            "data": {"count": 3}});
        match name {
            "query-qmp-schema" => say(json!({"return": schema(), "id": id})),
            "query-name" => say(json!({"return": {"name": "stub"}, "id": id})),
            "echo" if arguments.get("wrong").is_some() => say(json!({"id": id, "error": {
                "class": "GenericError", "desc": "Parameter 'wrong' is unexpected"}})),
            "echo" if arguments.get("nmae").is_some() => say(json!({"id": id, "error": {
                "class": "GenericError", "desc": "Parameter 'nmae' is unexpected"}})),
            "echo" if arguments.get("kind").is_none() => say(json!({"id": id, "error": {
                "class": "GenericError", "desc": "Parameter 'kind' is missing"}})),
            "echo" => say(json!({"return": arguments, "id": id})),
            "stop-now" => {
                say(tick);
                say(json!({"return": {"oob": request.get("exec-oob").is_some()}, "id": id}))
            }
            "hang" => true,
            "quit" => {
                say(json!({"return": {}, "id": id}));
                return;
            }
            _ => say(json!({"return": {}, "id": id})),
        };
    }
}

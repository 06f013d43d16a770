//! The same guest and the same commands, under QEMU 10.0.2 (`-M microvm`) and
//! under `vmm`: the same answers, events, run states and output.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use qmp_runtime::json::{Item, Stream, Value};
use vmm_core::devices::Key;
use vmm_core::guests::{self, Guest, ResetBy};

use crate::fixture::{LIMIT, kvm_works};

pub(crate) const QEMU: &str = "qemu-system-x86_64";
const POLL: Duration = Duration::from_millis(2);

/// Whether both can run here.
pub(crate) fn both_work() -> bool {
    let version = Command::new(QEMU).arg("--version").output();
    let is_known = version
        .is_ok_and(|version| String::from_utf8_lossy(&version.stdout).contains("version 10.0.2"));
    if !is_known {
        println!("skipped: there is no {QEMU} 10.0.2");
    }
    is_known && kvm_works()
}

/// A monitor process with a guest that has not started yet, and what was said.
pub(crate) struct Peer {
    process: Child,
    dir: tempfile::TempDir,
    socket: UnixStream,
    stream: Stream,
    pub(crate) replies: Vec<Value>,
    pub(crate) events: Vec<Value>,
}

/// The two of them.
pub(crate) fn peers(guest: &Guest, options: &[&str]) -> [Peer; 2] {
    peers_with(guest, [options, options])
}

/// The two of them, QEMU first, each with options of its own.
pub(crate) fn peers_with(guest: &Guest, options: [&[&str]; 2]) -> [Peer; 2] {
    let theirs = ["-M", "microvm", "-accel", "tcg", "-m", "64"];
    let ours = ["-M", "q-min", "-m", "64"];
    [
        Peer::start(QEMU, &theirs, guest, options[0]),
        Peer::start(env!("CARGO_BIN_EXE_vmm"), &ours, guest, options[1]),
    ]
}

impl Peer {
    fn start(program: &str, machine: &[&str], guest: &Guest, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        fs::write(path("guest"), guest.elf()).unwrap();
        let serial = format!("file:{}", path("out"));
        let qmp = format!("unix:{},server=on,wait=off", path("qmp"));
        let (kernel, socket) = (path("guest"), PathBuf::from(path("qmp")));
        let process = Command::new(program)
            .args(machine)
            .args(["-nodefaults", "-display", "none", "-S"])
            .args(["-kernel", &kernel, "-serial", &serial, "-qmp", &qmp])
            .args(options)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let socket = connect(&socket);
        let mut peer = Self {
            process,
            dir,
            socket,
            stream: Stream::new(),
            replies: Vec::new(),
            events: Vec::new(),
        };
        peer.send(r#"{"execute": "qmp_capabilities"}"#);
        peer
    }

    /// Sends a command and waits for its reply.
    pub(crate) fn send(&mut self, command: &str) {
        use std::io::Write;
        let count = self.replies.len();
        self.socket.write_all(command.as_bytes()).unwrap();
        while self.replies.len() == count {
            assert!(self.receive(), "hung up at {command}");
        }
    }

    /// Takes in what comes next; false at the end of the connection.
    fn receive(&mut self) -> bool {
        use std::io::Read;
        let mut buffer = [0; 4096];
        let count = match self.socket.read(&mut buffer) {
            Ok(count) => count,
            Err(error) => panic!("{error} after {:?}, {:?}", self.replies, self.events),
        };
        let mut bytes = &buffer[..count];
        while let Some(item) = self.stream.next_item(&mut bytes) {
            let Item::Message(document) = item else {
                panic!("{item:?}")
            };
            let mut message = document.value(document.root()).unwrap();
            let members = message.as_object_mut().unwrap();
            members.remove("timestamp");
            if members.contains_key("event") {
                self.events.push(message);
            } else if !members.contains_key("QMP") {
                self.replies.push(message);
            }
        }
        count > 0
    }

    pub(crate) fn await_event(&mut self, name: &str) {
        while !self.events.iter().any(|event| event["event"] == name) {
            assert!(self.receive(), "no {name} in {:?}", self.events);
        }
    }

    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.dir.path().join("out")).unwrap_or_default()
    }

    /// Waits until the guest has printed `text` that often.
    pub(crate) fn await_output(&self, text: &str, count: usize) {
        let end = Instant::now() + LIMIT;
        while self.output().matches(text).count() < count {
            assert!(Instant::now() < end, "{text:?} not in {:?}", self.output());
            sleep(POLL);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn connect(path: &Path) -> UnixStream {
    let end = Instant::now() + LIMIT;
    loop {
        match UnixStream::connect(path) {
            Ok(socket) => {
                socket.set_read_timeout(Some(LIMIT)).unwrap();
                return socket;
            }
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
        sleep(POLL);
    }
}

/// One step of a script.
pub(crate) enum Step {
    /// Sends a command; `'` stands for `"`.
    Do(&'static str),
    /// Waits for an event.
    Event(&'static str),
    /// Waits for output of the guest.
    Output(&'static str),
    /// Waits for the end of the connection.
    End,
}

use Step::{Do, End, Event, Output};

const STATUS: Step = Do("{'execute': 'query-status'}");
pub(crate) const CONT: Step = Do("{'execute': 'cont'}");
const STOP: Step = Do("{'execute': 'stop'}");
const RESET: Step = Do("{'execute': 'system_reset'}");

/// Plays a script with both.
#[track_caller]
pub(crate) fn play(guest: &Guest, options: &[&str], script: &[Step]) {
    let [theirs, ours] = peers(guest, options).map(|mut peer| {
        for step in script {
            match step {
                Do(command) => peer.send(&command.replace('\'', "\"")),
                Event(name) => peer.await_event(name),
                Output(text) => peer.await_output(text, 1),
                End => while peer.receive() {},
            }
        }
        (
            std::mem::take(&mut peer.replies),
            std::mem::take(&mut peer.events),
        )
    });
    assert_eq!(ours.0, theirs.0, "replies {options:?}");
    assert_eq!(ours.1, theirs.1, "events {options:?}");
}

#[test]
fn run_state_follows_commands_alike() {
    if !both_work() {
        return;
    }
    let script = [
        STATUS,
        STOP,
        STATUS,
        RESET,
        Event("RESET"),
        STATUS,
        CONT,
        Output("spin\n"),
        STATUS,
        CONT,
        STATUS,
        STOP,
        STOP,
        STATUS,
        CONT,
        STATUS,
        Do("{'execute': 'system_powerdown'}"),
        Event("POWERDOWN"),
        STATUS,
        STOP,
        Do("{'execute': 'x-exit-preconfig'}"),
        Do("{'execute': 'quit'}"),
        End,
    ];
    play(&guests::spin().unwrap(), &[], &script);
}

#[test]
fn resets_and_panics_follow_actions_alike() {
    if !both_work() {
        return;
    }
    let panic = guests::poke(0x505, 1).unwrap();
    let pause = [CONT, Event("STOP"), STATUS, CONT, STATUS, Output("alive\n")];
    let stay = [CONT, Output("alive\n"), STATUS, STOP, STATUS];
    let end = [CONT, End];
    let pvpanic = ["-device", "pvpanic"];
    let action = |action| [&pvpanic[..], &["-action", action]].concat();
    play(&panic, &action("panic=pause"), &pause);
    play(&panic, &action("panic=shutdown,shutdown=pause"), &pause);
    play(&panic, &action("panic=none"), &stay);
    play(&panic, &pvpanic, &end);
    play(&panic, &action("panic=exit-failure"), &end);
    let failed = [CONT, Event("STOP"), STATUS, CONT];
    play(
        &panic,
        &action("panic=exit-failure,shutdown=pause"),
        &failed,
    );
    play(&guests::poke(0x505, 2).unwrap(), &pvpanic, &stay);
    play(&guests::poke(0x505, 4).unwrap(), &pvpanic, &end);
    let stopped = [
        CONT,
        Event("STOP"),
        STATUS,
        CONT,
        Do("{'execute': 'set-action', 'arguments': {'reboot': 'reset'}}"),
        RESET,
        Event("RESET"),
        STATUS,
    ];
    let fault = guests::reset(ResetBy::TripleFault).unwrap();
    play(&fault, &["-no-reboot", "-no-shutdown"], &stopped);
    play(&fault, &["-no-reboot"], &end);
    let keyboard = guests::poke(0x64, 0xfe).unwrap();
    let options = ["-device", "i8042", "-no-reboot", "-no-shutdown"];
    play(&keyboard, &options, &stopped);
}

#[test]
fn watchdog_acts_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::poke(0x443, 0x0f).unwrap();
    let barked = [CONT, Event("WATCHDOG"), Output("alive\n"), STATUS];
    for action in ["none", "debug"] {
        let action = format!("watchdog={action}");
        play(&guest, &["-device", "ib700", "-action", &action], &barked);
    }
    let told = [CONT, Event("POWERDOWN"), Output("alive\n"), STATUS];
    let options = ["-device", "ib700", "-action", "watchdog=shutdown"];
    play(&guest, &options, &told);
    let stopped = [CONT, Event("STOP"), STATUS, CONT];
    let action = "watchdog=reset,reboot=shutdown,shutdown=pause";
    play(&guest, &["-device", "ib700", "-action", action], &stopped);
    let pause = [CONT, Event("STOP"), STATUS, CONT, STATUS, Output("alive\n")];
    let options = ["-device", "ib700", "-action", "watchdog=pause"];
    play(&guest, &options, &pause);
    let poweroff = [
        Do("{'execute': 'watchdog-set-action', 'arguments': {'action': 'poweroff'}}"),
        CONT,
        End,
    ];
    play(&guest, &["-device", "ib700"], &poweroff);
}

// as QEMU: set_password, expire_password, add_client
#[test]
fn displays_and_input_are_refused_alike() {
    if !both_work() {
        return;
    }
    let script = [
        Do("{'execute': 'screendump', 'arguments': {'filename': '/x'}}"),
        Do("{'execute': 'screendump', 'arguments': {'filename': '/x', 'device': 'no'}}"),
        Do("{'execute': 'screendump', 'arguments': {'filename': '/x', 'head': 1}}"),
        Do("{'execute': 'set_password', 'arguments': {'protocol': 'vnc', 'password': 'x'}}"),
        Do(
            "{'execute': 'set_password', 'arguments': {'protocol': 'vnc', 'password': 'x', 'connected': 'fail'}}",
        ),
        Do("{'execute': 'set_password', 'arguments': {'protocol': 'spice', 'password': 'x'}}"),
        Do("{'execute': 'expire_password', 'arguments': {'protocol': 'vnc', 'time': 'never'}}"),
        Do("{'execute': 'expire_password', 'arguments': {'protocol': 'vnc', 'time': '+5x'}}"),
        Do("{'execute': 'expire_password', 'arguments': {'protocol': 'spice', 'time': 'now'}}"),
        Do("{'execute': 'change-vnc-password', 'arguments': {'password': 'x'}}"),
        Do("{'execute': 'add_client', 'arguments': {'protocol': 'vnc', 'fdname': 'x'}}"),
        Do("{'execute': 'query-vnc'}"),
        Do("{'execute': 'query-vnc-servers'}"),
        Do("{'execute': 'query-spice'}"),
        Do("{'execute': 'query-mice'}"),
        Do("{'execute': 'rtc-reset-reinjection'}"),
        Do("{'execute': 'send-key', 'arguments': {'keys': [{'type': 'qcode', 'data': 'no'}]}}"),
        Do("{'execute': 'send-key', 'arguments': {'keys': []}}"),
        Do("{'execute': 'input-send-event', 'arguments': {'device': 'no', 'events': []}}"),
        Do("{'execute': 'input-send-event', 'arguments': {'events': []}}"),
        CONT,
        Do(
            "{'execute': 'input-send-event', 'arguments': {'events': [{'type': 'abs', 'data': {'axis': 'x', 'value': 1}}]}}",
        ),
        Do(
            "{'execute': 'input-send-event', 'arguments': {'events': [{'type': 'rel', 'data': {'axis': 'x', 'value': 1}}]}}",
        ),
        Do("{'execute': 'input-send-event', 'arguments': {'device': 'p', 'events': []}}"),
        Do("{'execute': 'screendump', 'arguments': {'filename': '/x', 'device': 'p', 'head': 3}}"),
    ];
    let guest = guests::spin().unwrap();
    let options = ["-device", "i8042", "-device", "pvpanic,id=p"];
    play(&guest, &options, &script);
}

#[test]
fn every_key_arrives_alike() {
    if !both_work() {
        return;
    }
    for translate in [true, false] {
        let sentinel = match translate {
            true => "k1e\nk9e\n",
            false => "k1c\nkf0\nk1c\n",
        };
        let guest = guests::kbd(translate).unwrap();
        let [theirs, ours] = peers(&guest, &["-device", "i8042"]).map(|mut peer| {
            peer.send(r#"{"execute": "cont"}"#);
            peer.await_output("kbd: ready\n", 1);
            let mut count = 0;
            for (name, _) in Key::all() {
                for key in [name, "a"] {
                    for down in [true, false] {
                        peer.send(&format!(
                            r#"{{"execute": "input-send-event", "arguments": {{"events": [{{"type": "key",
                            "data": {{"down": {down}, "key": {{"type": "qcode", "data": "{key}"}}}}}}]}}}}"#
                        ));
                    }
                }
                count += if name == "a" { 2 } else { 1 };
                peer.await_output(sentinel, count);
            }
            peer.output()
        });
        assert_eq!(ours, theirs);
    }
}

#[test]
fn clock_that_is_set_is_told_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::set_clock().unwrap();
    for base in ["2030-01-02T03:00:00", "2031-01-02"] {
        let base = format!("base={base}");
        let offsets = peers(&guest, &["-rtc", &base]).map(|mut peer| {
            peer.send(r#"{"execute": "cont"}"#);
            peer.await_event("RTC_CHANGE");
            peer.await_output("minute 04\n", 1);
            let event = peer
                .events
                .iter()
                .find(|event| event["event"] == "RTC_CHANGE");
            event.unwrap()["data"]["offset"].as_i64().unwrap()
        });
        // each process started at another moment
        assert!(offsets[0].abs_diff(offsets[1]) <= 20, "{offsets:?}");
    }
}

//! A monitor process, QEMU's or ours, with a guest.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use qmp_runtime::json::{Item, Stream, Value};
use vmm_core::guests::Guest;
use vmm_sys_util::sock_ctrl_msg::ScmSocket;

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

/// What stands beside our board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Board {
    /// QEMU's smallest board: it has no power management at fixed ports.
    Microvm,
    /// The same without what KVM emulates, under KVM.
    MicrovmUnderKvm,
    /// QEMU's PC: guests can power it off and put it to sleep.
    Pc,
}

impl Board {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Microvm => &["-M", "microvm", "-accel", "tcg"],
            Self::MicrovmUnderKvm => &["-M", "microvm,pit=off,pic=off,rtc=off", "-accel", "kvm"],
            Self::Pc => &["-M", "pc", "-accel", "tcg"],
        }
    }
}

/// QEMU as a microvm, and ours.
pub(crate) fn peers(guest: &Guest, options: &[&str]) -> [Peer; 2] {
    peers_beside(Board::Microvm, guest, [options, options])
}

/// QEMU with this board, and ours, each with options of its own: `{dir}` stands
/// for the peer's own directory, where the serial port's output is in `out`.
pub(crate) fn peers_beside(board: Board, guest: &Guest, options: [&[&str]; 2]) -> [Peer; 2] {
    [
        Peer::start(QEMU, board.options(), guest, options[0]),
        Peer::start(
            env!("CARGO_BIN_EXE_vmm"),
            &["-M", "q-min"],
            guest,
            options[1],
        ),
    ]
}

impl Peer {
    fn start(program: &str, machine: &[&str], guest: &Guest, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        fs::write(path("guest"), guest.elf()).unwrap();
        let options: Vec<_> = options
            .iter()
            .map(|option| option.replace("{dir}", &path("")))
            .collect();
        let serial = format!("file:{}", path("out"));
        let serial = match options.iter().any(|option| option == "-serial") {
            true => vec![],
            false => vec!["-serial", &serial],
        };
        let qmp = format!("unix:{},server=on,wait=off", path("qmp"));
        let (kernel, socket) = (path("guest"), PathBuf::from(path("qmp")));
        let process = Command::new(program)
            .args(machine)
            .args(["-m", "64", "-nodefaults", "-display", "none", "-S"])
            .args(["-kernel", &kernel, "-qmp", &qmp])
            .args(serial)
            .args(&options)
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

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a command and waits for its reply.
    pub(crate) fn send(&mut self, command: &str) -> Value {
        use std::io::Write;
        let count = self.replies.len();
        self.socket.write_all(command.as_bytes()).unwrap();
        while self.replies.len() == count {
            assert!(self.receive(), "hung up at {command}");
        }
        self.replies[count].clone()
    }

    /// Sends a step's command: `'` stands for `"`, `{dir}` for the own directory.
    pub(crate) fn execute(&mut self, command: &str) -> Value {
        let dir = self.dir.path().display().to_string();
        self.send(&command.replace('\'', "\"").replace("{dir}", &dir))
    }

    /// The same along with a descriptor.
    pub(crate) fn send_fd(&mut self, command: &str, fd: &impl AsRawFd) -> Value {
        let count = self.replies.len();
        let command = command.replace('\'', "\"");
        let sent = self.socket.send_with_fd(command.as_bytes(), fd.as_raw_fd());
        assert_eq!(sent.unwrap(), command.len());
        while self.replies.len() == count {
            assert!(self.receive(), "hung up at {command}");
        }
        self.replies[count].clone()
    }

    /// A file in the own directory.
    pub(crate) fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.dir.path().join(name)).unwrap()
    }

    /// So many bytes of guest memory.
    pub(crate) fn memory(&mut self, address: u64, size: u64) -> Vec<u8> {
        let reply = self.execute(&format!(
            "{{'execute': 'pmemsave', 'arguments': {{'val': {address}, 'size': {size}, 'filename': '{{dir}}/memory'}}}}"
        ));
        assert!(reply.get("return").is_some(), "{reply:?}");
        self.file("memory")
    }

    pub(crate) fn await_word(&mut self, address: u64, least: u32) {
        let end = Instant::now() + LIMIT;
        loop {
            let bytes = self.memory(address, 4).try_into().unwrap();
            if u32::from_le_bytes(bytes) >= least {
                return;
            }
            assert!(Instant::now() < end, "{address:#x} has {bytes:x?}");
            sleep(POLL);
        }
    }

    /// Waits for the end of the process; its exit code.
    pub(crate) fn await_end(&mut self) -> Option<i32> {
        while self.receive() {}
        self.process.wait().unwrap().code()
    }

    /// Takes in what comes next; false at the end of the connection.
    pub(crate) fn receive(&mut self) -> bool {
        use std::io::{ErrorKind, Read};
        let mut buffer = [0; 4096];
        let count = match self.socket.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(error) => panic!(
                "{error} with output {:?} after {:?}, {:?}",
                self.output(),
                self.replies,
                self.events
            ),
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

//! One of the two programs with a guest.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use qmp_runtime::client::Client;
use vmm_core::guests::Guest;

const QEMU: &str = "qemu-system-x86_64";
const LIMIT: Duration = Duration::from_secs(60);

/// Whose figures they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Vmm,
    Qemu,
}

impl Kind {
    /// Those that are here.
    pub(crate) fn present() -> Vec<Kind> {
        let version = Command::new(QEMU).arg("--version").output();
        match version.is_ok() {
            true => vec![Kind::Vmm, Kind::Qemu],
            false => vec![Kind::Vmm],
        }
    }
}

/// A running guest whose serial port is the program's standard output.
pub(crate) struct Peer {
    process: Child,
    dir: tempfile::TempDir,
    said: Vec<u8>,
}

/// In MB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) private: f64,
    pub(crate) dirty: f64,
}

impl Peer {
    pub(crate) fn start(kind: Kind, guest: &Guest, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kernel = dir.path().join("guest");
        std::fs::write(&kernel, guest.elf()).unwrap();
        let (program, board) = match kind {
            Kind::Vmm => (env!("CARGO_BIN_EXE_vmm"), "q-min"),
            // Without what the guests do not use, and this host's KVM emulates slowly.
            Kind::Qemu => (QEMU, "microvm,pit=off,pic=off,rtc=off,acpi=off"),
        };
        let qmp = format!(
            "unix:{},server=on,wait=off",
            dir.path().join("qmp").display()
        );
        let modern: &[&str] = match kind {
            Kind::Vmm => &[],
            Kind::Qemu => &["-global", "virtio-mmio.force-legacy=false"],
        };
        let process = Command::new(program)
            .args(modern)
            .args([
                "-M",
                board,
                "-accel",
                "kvm",
                "-nodefaults",
                "-display",
                "none",
            ])
            .args(["-serial", "stdio", "-qmp", &qmp])
            .arg("-kernel")
            .arg(kernel)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Peer {
            process,
            dir,
            said: Vec::new(),
        }
    }

    /// Waits until the guest has printed a text; what is behind it stays for the next one.
    pub(crate) fn await_text(&mut self, text: &str) {
        let output = self.process.stdout.as_mut().unwrap();
        let found = |said: &[u8]| said.windows(text.len()).any(|part| part == text.as_bytes());
        while !found(&self.said) {
            let mut buffer = [0; 4096];
            let count = output.read(&mut buffer).unwrap();
            assert!(count > 0, "it ended before {text:?}");
            self.said.extend_from_slice(&buffer[..count]);
        }
    }

    pub(crate) fn connect(&self) -> Client {
        let deadline = Instant::now() + LIMIT;
        loop {
            match Client::connect_unix(self.dir.path().join("qmp")) {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
        }
    }

    /// What the process takes, with what the guest has touched.
    pub(crate) fn memory(&self) -> Memory {
        let path = format!("/proc/{}/smaps_rollup", self.process.id());
        let text = std::fs::read_to_string(path).unwrap();
        let of = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            let number = line.split_ascii_whitespace().nth(1).unwrap();
            number.parse::<f64>().unwrap() * 1024.0 / 1e6
        };
        Memory {
            resident: of("Rss:"),
            private: of("Private_Clean:") + of("Private_Dirty:"),
            dirty: of("Private_Dirty:"),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! The command `vmm` as its users meet it: a process, its options, its sockets, its end.

mod command_lines;
mod conversation;
mod cpus;
mod daemon;
mod hostile;
mod memory;
mod options;
mod python;
mod terminal;
mod trace;
mod transports;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use qmp_runtime::client::{Client, ClientError};

use crate::fixture::LIMIT;

/// A running `vmm` with a QMP socket; it ends with the test.
pub(crate) struct Vmm {
    process: Child,
    dir: tempfile::TempDir,
}

impl Vmm {
    /// Starts `vmm` with these options beside a QMP socket; `{dir}` in them is the scratch folder.
    pub(crate) fn start(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_str().unwrap().to_owned();
        let qmp = format!("unix:{folder}/qmp,server=on,wait=off");
        let options = options
            .iter()
            .map(|option| option.replace("{dir}", &folder));
        let process = command()
            .args(["-nodefaults", "-display", "none", "-qmp", &qmp])
            .args(options)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Vmm { process, dir }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Connects as soon as the process listens.
    pub(crate) fn connect(&mut self) -> Client {
        let deadline = Instant::now() + LIMIT;
        loop {
            match Client::connect_unix(self.path("qmp")) {
                Ok(mut client) => {
                    client.set_timeout(Some(LIMIT));
                    return client;
                }
                Err(ClientError::Io(_)) if Instant::now() < deadline => {
                    assert!(self.process.try_wait().unwrap().is_none(), "vmm has ended");
                    std::thread::yield_now();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Waits until a file in the scratch folder has this text.
    pub(crate) fn await_text(&self, name: &str, text: &str) {
        let deadline = Instant::now() + LIMIT;
        let read = || std::fs::read_to_string(self.path(name)).unwrap_or_default();
        while !read().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in {:?}", read());
            std::thread::yield_now();
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.process.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn exit_code(&mut self) -> i32 {
        self.process.wait().unwrap().code().unwrap()
    }
}

impl Drop for Vmm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_vmm"))
}

/// Runs `vmm` to its end.
fn run(options: &[&str]) -> Output {
    command()
        .args(options)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Writes a built-in guest where `vmm` can load it.
pub(crate) fn write_guest(path: &Path, guest: &vmm_core::guests::Guest) {
    std::fs::write(path, guest.elf()).unwrap();
}

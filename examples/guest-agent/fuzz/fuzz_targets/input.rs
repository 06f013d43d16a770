//! Any bytes from the host: every answer is one line, the agent gets into step again, and nothing is done to
//! this machine. No other file than the one below is opened, for a path may be any.
#![no_main]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use guest_agent::{Agent, DryRun, Gate, State, System, Trimmed};
use libfuzzer_sys::fuzz_target;
use qmp_runtime::QmpError;
use qmp_runtime::__private::Solo;
use rustix::system::RebootCommand;

struct Nothing;

fn refuse<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl System for Nothing {
    fn mounts(&self) -> io::Result<String> {
        Ok("1 0 7:0 / /a rw - ext4 /dev/a rw\n2 1 7:1 / /a/b rw - ext4 /dev/b rw\n".into())
    }
    fn freeze(&self, _: &Path) -> io::Result<()> {
        refuse()
    }
    fn thaw(&self, _: &Path) -> io::Result<()> {
        refuse()
    }
    fn trim(&self, _: &Path, _: u64) -> io::Result<Trimmed> {
        refuse()
    }
    fn run(&self, _: &Path, _: &[&str]) -> io::Result<bool> {
        refuse()
    }
    fn sleep_states(&self) -> io::Result<String> {
        Ok("mem disk".into())
    }
    fn sleep(&self, _: &str) -> io::Result<()> {
        refuse()
    }
    fn end(&self, _: RebootCommand) -> io::Result<()> {
        refuse()
    }
}

fuzz_target!(|bytes: &[u8]| {
    let gate = Arc::new(Gate::default());
    let system = Arc::new(DryRun::new(Arc::new(Nothing)));
    let agent = Agent::new(system, Arc::clone(&gate), State::default());
    let closed = Arc::new(AtomicBool::new(false));
    let door = Arc::clone(&closed);
    let router = agent.router().unwrap().guard(move |name| {
        if name == "guest-file-open" && door.load(Ordering::Relaxed) {
            return Err(QmpError::generic("closed"));
        }
        gate.check(name)
    });
    let mut solo = Solo::agent(router);
    // One file for the other commands, which is always 1000.
    solo.receive(br#"{"execute":"guest-file-open","arguments":{"path":"/dev/zero","mode":"r+"}}"#);
    assert_eq!(solo.take(usize::MAX), b"{\"return\": 1000}\n");
    closed.store(true, Ordering::Relaxed);
    solo.receive(bytes);
    let answers = solo.take(usize::MAX);
    for line in answers.split(|&byte| byte == b'\n') {
        let text = line.strip_prefix(b"\xFF").unwrap_or(line);
        assert!(text.is_empty() || (text.starts_with(b"{") && text.ends_with(b"}")));
    }
    solo.receive(b"\xFF");
    solo.take(usize::MAX);
    solo.receive(br#"{"execute":"guest-sync-delimited","arguments":{"id":7}}"#);
    assert_eq!(solo.take(usize::MAX), b"\xFF{\"return\": 7}\n");
});

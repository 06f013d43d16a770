//! At a terminal, which here is a pseudo-terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::shell;
use crate::stub::Stub;

/// How long anything may take.
const LONG: Duration = Duration::from_secs(20);

struct Terminal {
    keys: File,
    process: Child,
    /// What has been shown and not been looked for yet.
    shown: String,
}

impl Terminal {
    fn open(stub: &Stub, home: &Path) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap().into_string().unwrap();
        let screen = File::options().read(true).write(true).open(name).unwrap();
        let size = rustix::termios::Winsize {
            ws_row: 40,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&screen, size).unwrap();
        let process = shell()
            .arg(stub.path())
            .env("TERM", "xterm")
            .env("XDG_STATE_HOME", home)
            .stdin(screen.try_clone().unwrap())
            .stdout(screen.try_clone().unwrap())
            .stderr(screen)
            .spawn()
            .unwrap();
        Terminal {
            keys: keys.into(),
            process,
            shown: String::new(),
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the prompt: before it, keys mean something else to the terminal.
    fn prompt(&mut self) {
        self.expect("stub> ");
    }

    /// Waits until a text is shown, and goes on behind it.
    fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + LONG;
        loop {
            if let Some(at) = self.shown.find(text) {
                self.shown.drain(..at + text.len());
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no '{text}' in {:?}", self.shown);
            let left = Timespec::try_from(left).unwrap();
            if poll(&mut [PollFd::new(&self.keys, PollFlags::IN)], Some(&left)).unwrap() == 0 {
                continue;
            }
            let mut bytes = [0; 4096];
            let count = self.keys.read(&mut bytes).unwrap_or(0);
            assert!(count > 0, "it ended without '{text}': {:?}", self.shown);
            self.shown
                .push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    fn end(mut self) -> i32 {
        let deadline = Instant::now() + LONG;
        loop {
            // What it still says has to go somewhere.
            let soon = Timespec {
                tv_sec: 0,
                tv_nsec: 10_000_000,
            };
            let mut keys = [PollFd::new(&self.keys, PollFlags::IN)];
            if poll(&mut keys, Some(&soon)).unwrap() > 0 {
                let mut bytes = [0; 4096];
                let count = self.keys.read(&mut bytes).unwrap_or(0);
                self.shown
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(
                Instant::now() < deadline,
                "it does not end: {:?}",
                self.shown
            );
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn line_is_completed_hinted_run_and_remembered() {
    let (stub, home) = (Stub::start(), tempfile::tempdir().unwrap());
    let mut terminal = Terminal::open(&stub, home.path());
    terminal.expect("Connected to QEMU 9.1.0 (stub): 5 commands.");
    terminal.prompt();
    terminal.press("ec\t");
    terminal.expect("kind=<red|dark-blue>");
    terminal.press("ki\tda\tde\t0x10\r");
    terminal.expect("\"kind\": \"dark-blue\"");
    terminal.expect("\"depth\": 16");
    terminal.prompt();
    terminal.press("echo kind=red na\t'a\r");
    terminal.press("b'\r");
    terminal.expect("\"name\": \"a\\nb\"");
    terminal.prompt();
    terminal.press("\x04");
    assert_eq!(terminal.end(), 0);
    stub.join();
    let history = std::fs::read_to_string(home.path().join("qmp-shell/history")).unwrap();
    assert!(
        history.contains("echo kind=dark-blue depth=0x10"),
        "{history}"
    );
    let stub = Stub::start();
    let mut terminal = Terminal::open(&stub, home.path());
    terminal.prompt();
    terminal.press("\x1b[A\x1b[A\x1b[A\r"); // the last one has two lines
    terminal.expect("\"depth\": 16");
    terminal.prompt();
    terminal.press("exit\r");
    assert_eq!(terminal.end(), 0);
    stub.join();
}

#[test]
fn events_are_shown_as_they_come() {
    let (stub, home) = (Stub::start(), tempfile::tempdir().unwrap());
    let mut terminal = Terminal::open(&stub, home.path());
    terminal.prompt();
    terminal.press("stop-now\r");
    terminal.expect("01:01:01.005 TICK {\"count\": 3}");
    terminal.expect("\"oob\": false");
    terminal.prompt();
    terminal.press("quit\r");
    terminal.expect("ok");
    assert_eq!(terminal.end(), 0);
    stub.join();
}

#[test]
fn interrupt_gives_up_a_command_and_not_the_shell() {
    let (stub, home) = (Stub::start(), tempfile::tempdir().unwrap());
    let mut terminal = Terminal::open(&stub, home.path());
    terminal.prompt();
    terminal.press("half a line\x03");
    terminal.prompt();
    terminal.press("hang\r");
    stub.wait_for("hang");
    // The terminal has no session whose process it could interrupt, so the signal is sent by hand.
    let pid = rustix::process::Pid::from_child(&terminal.process);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    terminal.expect("given up");
    terminal.prompt();
    terminal.press("echo kind=red\r");
    terminal.expect("\"kind\": \"red\"");
    terminal.prompt();
    terminal.press("\x04");
    assert_eq!(terminal.end(), 0);
    stub.join();
}

#[test]
fn hang_up_at_the_prompt_ends_the_shell() {
    let (stub, home) = (Stub::start(), tempfile::tempdir().unwrap());
    let mut terminal = Terminal::open(&stub, home.path());
    terminal.prompt();
    terminal.press("{'execute': 'echo'}\r");
    terminal.expect("is missing");
    terminal.prompt();
    // Leaves by another way than the shell's own `quit`.
    terminal.press("unfinished");
    stub.hang_up();
    terminal.expect("the server hung up");
    assert_eq!(terminal.end(), 3);
}

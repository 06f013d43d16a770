//! A human monitor on a character device: a prompt, a line that can be edited, and what the command prints.
//!
//! Each line goes to the server as `human-monitor-command` over a connection of its own, so that it runs in turn
//! with the requests of the other monitors, and a terminal at rest has no events to read.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use qmp_runtime::client::Client;
use qmp_runtime::server::Server;
use qmp_types::qmp::commands::HumanMonitorCommand;

use crate::char::{Chardev, Frontend};
use crate::qmp::QEMU_VERSION;

/// Clients look for it.
const PROMPT: &str = "(qemu) ";

/// Characters of a line, as with QEMU; what is behind them is dropped.
const LINE_LIMIT: usize = 4095;

/// Lines that the arrow keys find again.
const HISTORY_LIMIT: usize = 64;

/// Pieces of input that may wait for a command to end; what comes after them is dropped.
const INPUT_LIMIT: usize = 256;

/// Bytes that may wait for somebody to look at this terminal again.
const HELD_LIMIT: usize = 1 << 20;

/// Serves a human monitor on this device until the process ends.
pub(crate) fn serve(server: Arc<Server>, frontend: Frontend) -> io::Result<()> {
    let (sender, next) = Input::new();
    let chardev = frontend.chardev();
    let screen = Screen {
        // A multiplexer says so when it gives the keys.
        has_keys: chardev.backend().kind() != "mux",
        chardev: Arc::clone(&chardev),
        held: String::new(),
    };
    if !chardev.announces_clients() {
        sender.bytes(&[]);
    }
    let keys = sender.clone();
    frontend.on_focus(move |has_keys| keys.push(Piece::Keys(has_keys)));
    frontend.accept_with_clients(Arc::new(move |bytes| sender.bytes(bytes)));
    thread::Builder::new()
        .name("terminal".into())
        .spawn(move || {
            run(&server, &next, screen);
            drop(frontend);
        })
        .map(drop)
}

/// What comes to a terminal.
enum Piece {
    /// Keys; none at all when somebody has come.
    Bytes(Vec<u8>),
    /// The keys come here from now on, or do not.
    Keys(bool),
}

/// Pieces under way to a terminal's thread.
#[derive(Clone)]
struct Input {
    pieces: Sender<Piece>,
    waiting: Arc<AtomicUsize>,
}

impl Input {
    fn new() -> (Self, impl Fn() -> Option<Piece>) {
        let (pieces, receiver): (_, Receiver<Piece>) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let sender = Self {
            pieces,
            waiting: Arc::clone(&waiting),
        };
        let next = move || {
            let piece = receiver.recv().ok()?;
            waiting.fetch_sub(1, Ordering::Relaxed);
            Some(piece)
        };
        (sender, next)
    }

    fn bytes(&self, bytes: &[u8]) {
        if self.waiting.load(Ordering::Relaxed) < INPUT_LIMIT {
            self.push(Piece::Bytes(bytes.to_vec()));
        }
    }

    fn push(&self, piece: Piece) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.pieces.send(piece); // the terminal may have ended
    }
}

/// What somebody sees, unless another front end of the same device has the keys: then it waits.
struct Screen {
    chardev: Arc<Chardev>,
    has_keys: bool,
    held: String,
}

impl Screen {
    fn put(&mut self, text: &str) {
        self.held += text;
        if self.has_keys {
            let _ = self.chardev.write(self.held.as_bytes()); // nobody may be there to read it
            self.held.clear();
        } else if self.held.len() > HELD_LIMIT {
            self.held.clear(); // nobody has looked for long
        }
    }
}

fn run(server: &Server, next: &impl Fn() -> Option<Piece>, mut screen: Screen) {
    let mut cpu = None;
    let mut editor = Editor::default();
    let mut greeted = false;
    while let Some(piece) = next() {
        match piece {
            Piece::Bytes(bytes) if bytes.is_empty() => {
                editor.clear();
                greeted = true;
                let (major, minor, micro) = QEMU_VERSION;
                screen.put(&format!(
                    "vmm, as QEMU {major}.{minor}.{micro}, monitor - type 'help' for more information\r\n"
                ));
                if screen.has_keys {
                    screen.put(PROMPT);
                }
            }
            Piece::Bytes(bytes) => {
                let mut echo = String::new();
                for byte in bytes {
                    if let Some(line) = editor.key(byte, &mut echo) {
                        echo += "\r\n";
                        // What has been typed is to be seen while the command runs.
                        screen.put(&std::mem::take(&mut echo));
                        screen.put(&execute(server, &line, &mut cpu));
                        screen.put(PROMPT);
                    }
                }
                screen.put(&echo);
            }
            Piece::Keys(true) => {
                screen.has_keys = true;
                editor.clear();
                screen.put(if greeted { PROMPT } else { "" });
            }
            Piece::Keys(false) => {
                screen.put(if greeted { "\r\n" } else { "" });
                screen.has_keys = false;
            }
        }
    }
}

/// Runs a line; what it prints. `cpu` is the CPU that this monitor has chosen.
fn execute(server: &Server, line: &str, cpu: &mut Option<i64>) -> String {
    if line.trim().is_empty() {
        return String::new();
    }
    let command = HumanMonitorCommand {
        command_line: line.to_owned(),
        cpu_index: *cpu,
    };
    let answer = UnixStream::pair().and_then(|(ours, theirs)| {
        server.serve_socket(OwnedFd::from(theirs))?;
        let client = Client::over_socket(OwnedFd::from(ours));
        let answer = client.and_then(|mut client| client.execute(&command));
        answer.map_err(io::Error::other)
    });
    let text = match answer {
        Ok(text) => text,
        Err(error) => format!("Error: {error}\r\n"),
    };
    if text.is_empty()
        && let Some(index) = line.trim().strip_prefix("cpu ")
    {
        *cpu = index.trim().parse().ok().or(*cpu);
    }
    text
}

/// The line that is being typed.
#[derive(Debug, Default)]
struct Editor {
    line: String,
    history: Vec<String>,
    /// Which of the history is shown; its length when none is.
    shown: usize,
    /// What of an escape sequence has come.
    escape: Escape,
}

#[derive(Debug, Default, PartialEq)]
enum Escape {
    #[default]
    None,
    Started,
    Bracket,
}

impl Editor {
    /// Takes a key; a line that has been ended. `echo` is what the terminal is to show.
    fn key(&mut self, byte: u8, echo: &mut String) -> Option<String> {
        match (std::mem::take(&mut self.escape), byte) {
            (_, 0x1b) => self.escape = Escape::Started,
            (Escape::Started, b'[' | b'O') => self.escape = Escape::Bracket,
            (Escape::Started, _) => {}
            (Escape::Bracket, b'A') => self.show(self.shown.saturating_sub(1), echo),
            (Escape::Bracket, b'B') => self.show(self.shown.saturating_add(1), echo),
            (Escape::Bracket, b'0'..=b'9' | b';') => self.escape = Escape::Bracket,
            (Escape::Bracket, _) => {}
            (_, b'\r' | b'\n') => return Some(self.enter()),
            (_, 0x08 | 0x7f) => {
                let erased = self.line.pop().map_or("", |_| "\x08 \x08");
                *echo += erased;
            }
            (_, 0x03 | 0x15) => self.erase(echo), // Ctrl-C, Ctrl-U
            (_, b' '..=b'~') if self.line.len() < LINE_LIMIT => {
                self.line.push(char::from(byte));
                echo.push(char::from(byte));
            }
            _ => {}
        }
        None
    }

    fn enter(&mut self) -> String {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() && self.history.last() != Some(&line) {
            if self.history.len() == HISTORY_LIMIT {
                self.history.remove(0);
            }
            self.history.push(line.clone());
        }
        self.shown = self.history.len();
        line
    }

    /// Somebody else may type now.
    fn clear(&mut self) {
        self.line.clear();
        self.escape = Escape::None;
        self.shown = self.history.len();
    }

    fn erase(&mut self, echo: &mut String) {
        *echo += &"\x08 \x08".repeat(self.line.len());
        self.line.clear();
    }

    fn show(&mut self, index: usize, echo: &mut String) {
        self.erase(echo);
        self.shown = index.min(self.history.len());
        self.line = self.history.get(self.shown).cloned().unwrap_or_default();
        *echo += &self.line;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(editor: &mut Editor, keys: &str) -> (Vec<String>, String) {
        let mut echo = String::new();
        let lines = keys.bytes().filter_map(|byte| editor.key(byte, &mut echo));
        let lines = lines.collect();
        (lines, echo)
    }

    #[test]
    fn keys_edit_the_line() {
        let mut editor = Editor::default();
        let (lines, echo) = typed(&mut editor, "junk\x15infx\x7fo name\rinfo uuid\n\r");
        assert_eq!(lines, ["info name", "info uuid", ""]);
        assert!(echo.ends_with("x\x08 \x08o nameinfo uuid"), "{echo:?}");
        let (lines, _) = typed(
            &mut editor,
            "\x1b[A\x1b[A\r\x1b[A\x1b[B\x1b[Bstop\x08\x03cont\r",
        );
        assert_eq!(lines, ["info name", "cont"]);
    }
}

//! One character device for several front ends: all of them may write, one of them has the keys.
//!
//! Each front end holds an end of its own, a [`Chardev`] that is in no registry. A key that follows the escape
//! character (Ctrl-A unless said otherwise) is for the multiplexer itself.

use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use super::registry::{Chardev, Frontend};
use super::{Backend, CharError, InputSink};
use crate::sync::lock;

/// As many front ends as with QEMU.
const MAX_ENDS: usize = 4;

/// What all multiplexers of a process share.
#[derive(Default)]
pub(super) struct Keys {
    /// The escape character; 0 means Ctrl-A.
    escape: AtomicU8,
    /// Ends the process.
    quit: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
}

impl Keys {
    const CTRL_A: u8 = 1;

    pub(super) fn set_escape(&self, byte: u8) {
        self.escape.store(byte, Ordering::Relaxed);
    }

    pub(super) fn on_quit(&self, quit: impl Fn() + Send + Sync + 'static) {
        *lock(&self.quit) = Some(Arc::new(quit));
    }

    fn escape(&self) -> u8 {
        match self.escape.load(Ordering::Relaxed) {
            0 => Self::CTRL_A,
            byte => byte,
        }
    }

    /// The escape character as people write it.
    fn name(&self) -> String {
        match self.escape() {
            byte @ 1..27 => format!("C-{}", char::from(byte - 1 + b'a')),
            byte => format!("0x{byte:02x}"),
        }
    }
}

/// The multiplexer.
pub(crate) struct Mux {
    base: Frontend,
    keys: Arc<Keys>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ends: [Option<Weak<Chardev>>; MAX_ENDS],
    /// Who has the keys.
    focus: Option<usize>,
    /// Whether the escape character was the last one.
    escaped: bool,
    /// Whether a client has been announced.
    opened: bool,
    stamps: Option<Stamps>,
}

impl State {
    fn end(&self, slot: usize) -> Option<Arc<Chardev>> {
        self.ends.get(slot)?.as_ref()?.upgrade()
    }

    fn all(&self) -> Vec<Arc<Chardev>> {
        (0..MAX_ENDS).filter_map(|slot| self.end(slot)).collect()
    }

    fn focused(&self) -> Option<Arc<Chardev>> {
        self.end(self.focus?)
    }

    /// Gives the keys to another end; whom to tell, the one that loses them first.
    fn give(&mut self, slot: Option<usize>) -> (Option<Arc<Chardev>>, Option<Arc<Chardev>>) {
        let old = self.focused();
        self.focus = slot;
        (old, self.focused())
    }

    /// The end behind the one that has the keys.
    fn next(&self) -> Option<usize> {
        let from = self.focus.map_or(0, |slot| slot + 1);
        (from..from + MAX_ENDS)
            .map(|slot| slot % MAX_ENDS)
            .find(|&slot| self.end(slot).is_some())
    }
}

impl std::fmt::Debug for Mux {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mux")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// What a key means.
enum Key {
    Plain(u8),
    Swallowed,
    Help,
    Quit,
    Break,
    Switch,
}

impl Mux {
    /// A multiplexer on a device that nobody else uses.
    pub(super) fn new(base: Frontend, keys: Arc<Keys>) -> Arc<Self> {
        base.set_open(false);
        base.forbid_change();
        Arc::new(Self {
            base,
            keys,
            state: Mutex::default(),
        })
    }

    /// An end for one more front end; a monitor leaves the keys to who has them.
    pub(super) fn attach(
        self: &Arc<Self>,
        label: &str,
        is_monitor: bool,
    ) -> Result<Arc<Chardev>, CharError> {
        let mut state = lock(&self.state);
        let free = (0..MAX_ENDS).find(|&slot| state.end(slot).is_none());
        let slot = free.ok_or_else(|| CharError::Crowded(label.to_owned()))?;
        let end = Arc::new(End {
            mux: Arc::clone(self),
            slot,
            is_monitor,
        });
        let chardev = Chardev::held(label, end);
        if let Some(place) = state.ends.get_mut(slot) {
            *place = Some(Arc::downgrade(&chardev));
        }
        Ok(chardev)
    }

    /// Whether a front end uses it.
    pub(super) fn is_used(&self) -> bool {
        !lock(&self.state).all().is_empty()
    }

    /// Whether the front end that has the keys is ready for them.
    pub(super) fn frontend_open(&self) -> bool {
        let focused = lock(&self.state).focused();
        focused.is_some_and(|end| end.frontend_open())
    }

    /// Tells all front ends that somebody may be there, unless they have heard, or will hear, of each who comes.
    pub(super) fn open_first(&self) {
        if !lock(&self.state).opened && !self.base.chardev().announces_clients() {
            self.open();
        }
    }

    /// Tells all front ends that somebody is there.
    fn open(&self) {
        let mut state = lock(&self.state);
        state.opened = true;
        let ends = state.all();
        drop(state);
        for end in ends {
            end.receive(&[]);
        }
    }

    /// The break state of a serial line, for the front end that has the keys.
    pub(super) fn send_break(&self) {
        let focused = lock(&self.state).focused();
        if let Some(end) = focused {
            end.send_break();
        }
    }

    fn connect(self: &Arc<Self>, slot: usize, is_monitor: bool) {
        let mux = Arc::downgrade(self);
        if self.base.set_open(true) {
            self.base.accept_with_clients(Arc::new(move |bytes| {
                if let Some(mux) = mux.upgrade() {
                    mux.input(bytes);
                }
            }));
        }
        let mut state = lock(&self.state);
        if state.focus.is_none() || !is_monitor {
            let told = state.give(Some(slot));
            drop(state);
            tell(told);
        }
    }

    fn disconnect(&self, slot: usize) {
        let mut state = lock(&self.state);
        if let Some(place) = state.ends.get_mut(slot) {
            *place = None;
        }
        if state.focus == Some(slot) {
            let next = state.next();
            let told = state.give(next);
            drop(state);
            tell(told);
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let stamped = lock(&self.state)
            .stamps
            .as_mut()
            .map(|stamps| stamps.put(bytes, Instant::now()));
        let base = self.base.chardev();
        base.write(stamped.as_deref().unwrap_or(bytes))
    }

    /// Takes what comes from outside; nothing at all when a client has come.
    fn input(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.open();
        }
        let mut plain = Vec::new();
        for &byte in bytes {
            match self.key(byte) {
                Key::Plain(byte) => {
                    plain.push(byte);
                    continue;
                }
                Key::Swallowed => continue,
                Key::Help => {
                    let _ = self.write(help(&self.keys.name()).as_bytes());
                }
                Key::Quit => {
                    let _ = self.write(b"QEMU: Terminated\n\r"); // clients look for it
                    let quit = lock(&self.keys.quit).clone();
                    if let Some(quit) = quit {
                        quit();
                    }
                }
                Key::Break => {
                    self.pass(&mut plain);
                    self.send_break();
                }
                Key::Switch => {
                    self.pass(&mut plain);
                    let mut state = lock(&self.state);
                    let next = state.next();
                    let told = state.give(next);
                    drop(state);
                    tell(told);
                }
            }
        }
        self.pass(&mut plain);
    }

    fn pass(&self, bytes: &mut Vec<u8>) {
        let focused = lock(&self.state).focused();
        if let Some(end) = focused
            && !bytes.is_empty()
        {
            end.receive(bytes);
        }
        bytes.clear();
    }

    fn key(&self, byte: u8) -> Key {
        let escape = self.keys.escape();
        let mut state = lock(&self.state);
        if !state.escaped {
            state.escaped = byte == escape;
            return if state.escaped {
                Key::Swallowed
            } else {
                Key::Plain(byte)
            };
        }
        state.escaped = false;
        match byte {
            byte if byte == escape => Key::Plain(byte),
            b'h' | b'?' => Key::Help,
            b'x' => Key::Quit,
            b'b' => Key::Break,
            b'c' => Key::Switch,
            b't' => {
                state.stamps = match state.stamps {
                    None => Some(Stamps::default()),
                    Some(_) => None,
                };
                Key::Swallowed
            }
            _ => Key::Swallowed, // `s` too: there is no -snapshot
        }
    }
}

fn tell((old, new): (Option<Arc<Chardev>>, Option<Arc<Chardev>>)) {
    if let Some(old) = old {
        old.focus(false);
    }
    if let Some(new) = new {
        new.focus(true);
    }
}

/// What the keys do; its lines are what QEMU's users know.
fn help(escape: &str) -> String {
    let keys = [
        ("h", "  print this help"),
        ("x", "  exit emulator"),
        ("s", "  save disk data back to file (if -snapshot)"),
        ("t", "  toggle console timestamps"),
        ("b", "  send break (magic sysrq)"),
        ("c", "  switch between console and monitor"),
    ];
    let mut text = "\n\r".to_owned();
    for (key, what) in keys {
        let _ = write!(text, "{escape} {key}  {what}\n\r");
    }
    text + &format!("{escape} {escape}  sends {escape}\n\r")
}

/// The time in front of each line.
#[derive(Debug, Default)]
struct Stamps {
    /// When the first byte came.
    start: Option<Instant>,
    at_line_start: bool,
}

impl Stamps {
    fn put(&mut self, bytes: &[u8], now: Instant) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let start = *self.start.get_or_insert(now);
        for &byte in bytes {
            if self.at_line_start {
                let millis = now.duration_since(start).as_millis();
                let (seconds, millis) = (millis / 1000, millis % 1000);
                let (minutes, seconds) = (seconds / 60, seconds % 60);
                let (hours, minutes) = (minutes / 60, minutes % 60);
                let stamp = format!("[{hours:02}:{minutes:02}:{seconds:02}.{millis:03}] ");
                out.extend_from_slice(stamp.as_bytes());
            }
            self.at_line_start = byte == b'\n';
            out.push(byte);
        }
        out
    }
}

/// The multiplexer as the back end that its label names; its front ends have ends of their own.
#[derive(Debug)]
pub(super) struct MuxBackend(pub(super) Arc<Mux>);

impl Backend for MuxBackend {
    fn kind(&self) -> &'static str {
        "mux"
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.write(bytes)
    }

    fn flush(&self) {
        self.0.base.chardev().backend().flush();
    }
}

/// What one front end holds.
#[derive(Debug)]
struct End {
    mux: Arc<Mux>,
    slot: usize,
    is_monitor: bool,
}

impl Backend for End {
    fn kind(&self) -> &'static str {
        "mux"
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.mux.write(bytes)
    }

    fn connect(&self, input: Option<InputSink>) {
        match input {
            Some(_) => self.mux.connect(self.slot, self.is_monitor),
            None => self.mux.disconnect(self.slot),
        }
    }

    fn flush(&self) {
        self.mux.base.chardev().backend().flush();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_line_has_the_time_since_the_first_byte() {
        let mut stamps = Stamps::default();
        let now = Instant::now();
        assert_eq!(stamps.put(b"rest\na", now), b"rest\n[00:00:00.000] a");
        let later = now + Duration::from_millis(3_723_045);
        assert_eq!(stamps.put(b"b\n\n", later), b"b\n[01:02:03.045] \n");
        assert_eq!(stamps.put(b"c", later), b"[01:02:03.045] c");
    }

    #[test]
    fn escape_characters_have_names() {
        let keys = Keys::default();
        assert_eq!(keys.name(), "C-a");
        keys.set_escape(0x14);
        assert_eq!(keys.name(), "C-t");
        keys.set_escape(0x7e);
        assert_eq!(keys.name(), "0x7e");
    }
}

//! What is done to both, step by step, and what is seen meanwhile.

use std::fmt::Write;

use qmp_runtime::json::Value;
use vmm_core::guests::Guest;

use super::peer::{Board, Peer, peers_beside};

/// One step of a script.
pub(crate) enum Step {
    /// Sends a command; `'` stands for `"`, and `{dir}` for the peer's own directory.
    Do(&'static str),
    /// Waits for an event.
    Event(&'static str),
    /// Waits for output of the guest.
    Output(&'static str),
    /// Waits until the 32-bit word at an address is at least this.
    Word(u64, u32),
    /// Looks at so many bytes of memory.
    Memory(u64, u64),
    /// Looks at what a command has written into the peer's directory.
    Saved(&'static str),
    /// Waits for the end of the process.
    End,
}

use Step::{Do, End, Event, Memory, Output, Saved, Word};

pub(crate) const STATUS: Step = Do("{'execute': 'query-status'}");
pub(crate) const CONT: Step = Do("{'execute': 'cont'}");
pub(crate) const STOP: Step = Do("{'execute': 'stop'}");
pub(crate) const RESET: Step = Do("{'execute': 'system_reset'}");

/// What was seen of a peer.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    replies: Vec<Value>,
    events: Vec<Value>,
    output: String,
    /// What was looked at, and its bytes.
    bytes: Vec<(String, Vec<u8>)>,
    exit_code: Option<i32>,
}

impl Seen {
    fn by(peer: &mut Peer, script: &[Step]) -> Self {
        let mut seen = Self::default();
        for step in script {
            match step {
                Do(command) => {
                    let reply = peer.execute(command);
                    seen.replies.push(reply);
                }
                Event(name) => peer.await_event(name),
                Output(text) => peer.await_output(text, 1),
                Word(address, least) => peer.await_word(*address, *least),
                Memory(address, size) => {
                    let bytes = peer.memory(*address, *size);
                    seen.bytes.push((format!("memory {address:#x}"), bytes));
                }
                Saved(name) => seen.bytes.push(((*name).to_owned(), peer.file(name))),
                End => seen.exit_code = peer.await_end(),
            }
        }
        seen.output = peer.output();
        seen.events = std::mem::take(&mut peer.events);
        // QEMU lets a guest run on until its reset, and ask for it again.
        seen.events
            .dedup_by(|next, event| next["event"] == "RESET" && next == event);
        seen
    }
}

/// Plays a script with both, QEMU as a microvm.
#[track_caller]
pub(crate) fn play(guest: &Guest, options: &[&str], script: &[Step]) {
    play_beside(Board::Microvm, guest, options, script);
}

/// Plays a script with both, QEMU with this board.
#[track_caller]
pub(crate) fn play_beside(board: Board, guest: &Guest, options: &[&str], script: &[Step]) {
    let [theirs, ours] =
        peers_beside(board, guest, [options, options]).map(|mut peer| Seen::by(&mut peer, script));
    assert_eq!(ours.replies, theirs.replies, "replies {options:?}");
    assert_eq!(ours.events, theirs.events, "events {options:?}");
    // A guest that still runs at the end of the script gets as far as it gets.
    let common = ours.output.len().min(theirs.output.len());
    let cut = |output: &str| output.as_bytes()[..common].to_vec();
    assert_eq!(
        cut(&ours.output),
        cut(&theirs.output),
        "output {:?}, {:?} {options:?}",
        ours.output,
        theirs.output
    );
    assert_eq!(ours.exit_code, theirs.exit_code, "exit code {options:?}");
    for ((name, ours), (_, theirs)) in ours.bytes.iter().zip(&theirs.bytes) {
        assert_eq!(difference(ours, theirs), "", "{name} {options:?}");
    }
}

/// Where two pieces of memory differ, in words.
fn difference(ours: &[u8], theirs: &[u8]) -> String {
    let mut text = String::new();
    if ours.len() != theirs.len() {
        let _ = write!(text, "{} bytes, {} bytes", ours.len(), theirs.len());
    }
    let pairs = ours.iter().zip(theirs).enumerate();
    for (at, (ours, theirs)) in pairs.filter(|(_, (ours, theirs))| ours != theirs).take(8) {
        let _ = write!(text, " +{at:#x}: {ours:02x}, {theirs:02x};");
    }
    text
}

//! What waits to be sent to one client.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use crate::events::{EventLine, Subscriber};
use crate::fd::Channel;
use crate::json::Style;

/// With more than this waiting, the next reply waits for the client to read.
const REPLY_BACKLOG: usize = 256 << 10;
/// With more events than this waiting, another one ends the session: a client that has stopped reading
/// must neither cost more memory nor be left with a gap that it cannot see.
const EVENT_BACKLOG: usize = 4 << 20;

/// The outgoing side of a session; replies and events go through it in their order.
#[derive(Debug)]
pub(super) struct Outbox {
    pub(super) channel: Channel,
    /// Wakes the reading thread, which also sends what has been waiting.
    pub(super) wake: OwnedFd,
    style: Style,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<u8>,
    /// How many bytes of events were queued since nothing was waiting.
    events: usize,
    subscribed: bool,
    closed: bool,
}

impl Outbox {
    pub(super) fn new(channel: Channel, style: Style) -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Outbox {
            channel,
            wake,
            style,
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a reply; waits while the client has too much to read already.
    pub(super) fn reply(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.waiting.extend(bytes);
        self.send(&mut state);
        while state.waiting.len() > REPLY_BACKLOG && !state.closed {
            drop(state);
            let waited = self.channel.wait_writable();
            state = self.lock();
            state.closed |= waited.is_err();
            self.send(&mut state);
        }
        self.ask_for_rest(&state);
    }

    /// Lets events through from now on.
    pub(super) fn subscribe(&self) {
        self.lock().subscribed = true;
    }

    /// Sends what is waiting as far as the client takes it; says whether some is left.
    pub(super) fn flush(&self) -> bool {
        let mut state = self.lock();
        self.send(&mut state);
        !state.waiting.is_empty() && !state.closed
    }

    /// Sends the last of what is waiting and ends the conversation.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        self.send(&mut state);
        state.closed = true;
        self.channel.shut_down();
        self.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn send(&self, state: &mut State) {
        while !state.waiting.is_empty() && !state.closed {
            match self.channel.write_some(state.waiting.as_slices().0) {
                Ok(0) => return,
                Ok(sent) => drop(state.waiting.drain(..sent)),
                Err(_) => state.closed = true,
            }
        }
        if state.closed {
            state.waiting = VecDeque::new();
        }
        if state.waiting.is_empty() {
            state.events = 0;
        }
    }

    fn ask_for_rest(&self, state: &State) {
        if !state.waiting.is_empty() {
            self.wake();
        }
    }

    fn wake(&self) {
        // A full counter wakes as well.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Takes back a wake-up.
    pub(super) fn woken(&self) {
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }
}

impl Subscriber for Outbox {
    fn event(&self, line: &EventLine) {
        let mut state = self.lock();
        if !state.subscribed || state.closed {
            return;
        }
        let line = line.layout(self.style);
        state.waiting.extend(line);
        state.events += line.len();
        self.send(&mut state);
        if state.events > EVENT_BACKLOG {
            state.closed = true;
            state.waiting = VecDeque::new();
            self.channel.shut_down();
            self.wake();
        }
        self.ask_for_rest(&state);
    }
}

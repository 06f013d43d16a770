//! What waits to be sent to one client, on its channel.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{io, thread};

use rustix::event::{EventfdFlags, eventfd};
use rustix::net::RecvFlags;

use crate::events::{EventLine, Subscriber};
use crate::fd::Channel;
use crate::json::Style;
use crate::session::Outgoing;

/// The outgoing side of a session, and its channel.
#[derive(Debug)]
pub(super) struct Outbox {
    channel: Channel,
    /// Ends waiting for a channel that cannot be shut down.
    wake: Option<OwnedFd>,
    style: Style,
    /// For the thread that sends what a slow client has left.
    this: Weak<Outbox>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    outgoing: Outgoing,
    /// A thread waits for the client to read on.
    has_sender: bool,
}

impl Outbox {
    pub(super) fn new(channel: Channel, style: Style) -> io::Result<Arc<Self>> {
        let wake = (!channel.is_socket())
            .then(|| eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK))
            .transpose()?;
        Ok(Arc::new_cyclic(|this| Outbox {
            channel,
            wake,
            style,
            this: Weak::clone(this),
            state: Mutex::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Comes to an agreement about encryption, where there is some.
    pub(super) fn shake_hands(&self) -> io::Result<()> {
        self.channel.shake_hands(RecvFlags::empty())
    }

    /// Waits for input; 0 bytes at the end, and when the session is closed. Descriptors that came along are added
    /// to `fds`.
    pub(super) fn read(&self, buffer: &mut [u8], fds: &mut Vec<OwnedFd>) -> io::Result<usize> {
        if let Some(wake) = &self.wake {
            self.channel.wait_readable(Some(wake))?;
            if self.is_closed() {
                return Ok(0);
            }
        }
        self.channel.receive(buffer, fds, RecvFlags::empty())
    }

    /// Sends a reply, with descriptors; waits while the client has too much to read already.
    pub(super) fn reply(&self, bytes: &[u8], fds: Vec<OwnedFd>) {
        let mut state = self.lock();
        let mut rest = bytes;
        if fds.is_empty() && state.outgoing.is_empty() && !state.outgoing.is_closed() {
            // As a rule all of it goes at once, and nothing has to be kept.
            match self.channel.write_some(rest) {
                Ok(sent) => rest = &rest[sent..],
                Err(_) => state.outgoing.close(),
            }
        }
        state.outgoing.attach(fds);
        state.outgoing.reply(rest);
        self.send(&mut state);
        while state.outgoing.is_full() {
            drop(state);
            let waited = self.wait_writable();
            state = self.lock();
            if waited.is_err() {
                state.outgoing.close();
            }
            self.send(&mut state);
        }
        self.leave_rest(&mut state);
    }

    /// Lets events through from now on.
    pub(super) fn subscribe(&self) {
        self.lock().outgoing.subscribe();
    }

    /// Sends the last of what is waiting and ends the conversation.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        self.send(&mut state);
        self.end(&mut state);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().outgoing.is_closed()
    }

    fn end(&self, state: &mut State) {
        state.outgoing.close();
        self.channel.shut_down();
        if let Some(wake) = &self.wake {
            // A full counter wakes as well. It is never read: this is the end.
            let _ = rustix::io::write(wake, &1u64.to_ne_bytes());
        }
    }

    /// Sends what is waiting as far as the client takes it.
    fn send(&self, state: &mut State) {
        let outgoing = &mut state.outgoing;
        while !outgoing.is_empty() {
            let (bytes, fds) = outgoing.next();
            match self.channel.write_with(bytes, fds) {
                Ok(0) => return,
                Ok(sent) => outgoing.sent(sent),
                Err(_) => outgoing.close(),
            }
        }
    }

    fn wait_writable(&self) -> io::Result<()> {
        self.channel.wait_writable(self.wake.as_ref())
    }

    /// Leaves what the client does not take now to a thread that waits for it.
    fn leave_rest(&self, state: &mut State) {
        let is_done = state.outgoing.is_empty() && !self.channel.holds_back();
        if is_done || state.has_sender {
            return;
        }
        let sender = self.this.upgrade().and_then(|outbox| {
            let name = "monitor-out".to_owned();
            let run = move || outbox.send_rest();
            thread::Builder::new().name(name).spawn(run).ok()
        });
        match sender {
            Some(_) => state.has_sender = true,
            // Without a thread there is nobody to send it.
            None => self.end(state),
        }
    }

    /// Sends what is waiting until nothing is.
    fn send_rest(&self) {
        loop {
            let waited = self.wait_writable();
            let mut state = self.lock();
            self.send(&mut state);
            if waited.and_then(|()| self.channel.flush()).is_err() {
                state.outgoing.close();
            }
            if state.outgoing.is_closed()
                || (state.outgoing.is_empty() && !self.channel.holds_back())
            {
                state.has_sender = false;
                return;
            }
        }
    }
}

impl Subscriber for Outbox {
    fn event(&self, line: &EventLine) {
        let mut state = self.lock();
        if !state.outgoing.takes_events() {
            return;
        }
        state.outgoing.event(line.layout(self.style));
        self.send(&mut state);
        state.outgoing.check_events();
        if state.outgoing.is_closed() {
            self.end(&mut state);
        } else {
            self.leave_rest(&mut state);
        }
    }
}

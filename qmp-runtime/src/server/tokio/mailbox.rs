//! What waits to be sent to one client.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use super::watch::Watched;
use crate::events::{EventLine, Subscriber};
use crate::fd::Channel;
use crate::json::Style;
use crate::session::Outgoing;

/// The outgoing side of a session.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub(super) channel: Arc<Channel>,
    style: Style,
    outgoing: Mutex<Outgoing>,
    /// There is something to send that did not go at once, or the session is closed.
    left: Notify,
    /// The client has read on, or the session is closed.
    drained: Notify,
}

impl Mailbox {
    pub(super) fn new(channel: Arc<Channel>, style: Style) -> Self {
        Mailbox {
            channel,
            style,
            outgoing: Mutex::default(),
            left: Notify::new(),
            drained: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets events through from now on.
    pub(super) fn subscribe(&self) {
        self.lock().subscribe();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed()
    }

    /// Sends a reply, with descriptors; waits while the client has too much to read already.
    pub(super) async fn reply(&self, bytes: &[u8], fds: Vec<OwnedFd>) {
        self.put(bytes, fds);
        loop {
            let drained = self.drained.notified();
            if !self.lock().is_full() {
                return;
            }
            drained.await;
        }
    }

    fn put(&self, bytes: &[u8], fds: Vec<OwnedFd>) {
        let mut outgoing = self.lock();
        outgoing.attach(fds);
        outgoing.reply(bytes);
        self.send(&mut outgoing);
    }

    /// Sends the last of what is waiting and ends the conversation.
    pub(super) fn close(&self) {
        let mut outgoing = self.lock();
        self.send(&mut outgoing);
        self.end(&mut outgoing);
    }

    fn end(&self, outgoing: &mut Outgoing) {
        outgoing.close();
        self.channel.shut_down();
        self.left.notify_one();
        self.drained.notify_waiters();
    }

    /// Sends what is waiting as far as the client takes it.
    fn send(&self, outgoing: &mut Outgoing) {
        while !outgoing.is_empty() {
            let (bytes, fds) = outgoing.next();
            match self.channel.write_with(bytes, fds) {
                Ok(0) => break,
                Ok(sent) => outgoing.sent(sent),
                Err(_) => outgoing.close(),
            }
        }
        if !outgoing.is_empty() || self.channel.holds_back() {
            self.left.notify_one();
        }
    }

    /// Sends what does not go at once, until the session is closed.
    pub(super) async fn send_rest(&self, output: &AsyncFd<Watched>) -> io::Result<()> {
        while !self.is_closed() {
            self.left.notified().await;
            while !self.is_closed() {
                let mut ready = output.writable().await?;
                if self.send_more()? {
                    break;
                }
                ready.clear_ready();
            }
        }
        Ok(())
    }

    /// Sends on as far as the client takes it; says whether nothing is left.
    fn send_more(&self) -> io::Result<bool> {
        let mut outgoing = self.lock();
        self.channel.flush()?;
        while !outgoing.is_empty() {
            let (bytes, fds) = outgoing.next();
            match self.channel.write_with(bytes, fds)? {
                0 => break,
                sent => outgoing.sent(sent),
            }
        }
        if !outgoing.is_full() {
            self.drained.notify_waiters();
        }
        Ok(outgoing.is_empty() && !self.channel.holds_back())
    }
}

impl Subscriber for Mailbox {
    fn event(&self, line: &EventLine) {
        let mut outgoing = self.lock();
        if !outgoing.takes_events() {
            return;
        }
        outgoing.event(line.layout(self.style));
        self.send(&mut outgoing);
        outgoing.check_events();
        if outgoing.is_closed() {
            self.end(&mut outgoing);
        }
    }
}

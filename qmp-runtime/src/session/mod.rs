//! A session: negotiation, the envelope of requests, their order, replies. No I/O and no clock.
//!
//! What carries bytes (threads, tokio, a test) feeds a [`Session`] and runs the requests that it hands out
//! with [`answer`]; what is to go to the client waits in an [`Outgoing`].

mod capabilities;
mod outgoing;
mod reply;
mod request;
mod riders;
pub(crate) mod solo;

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

pub(crate) use outgoing::Outgoing;
pub(crate) use reply::greeting;
pub(crate) use request::answer;
#[cfg(feature = "tokio")]
pub(crate) use request::{Begun, begin, command_of, finish};
pub(crate) use riders::{Incoming, LeftFds};

use riders::Riders;

use crate::json::{Item, MAX_TOKEN_BYTES, Stream, Style, Writer};

/// How many in-band requests wait besides the running one when out-of-band commands are enabled.
const QUEUE_LIMIT: usize = 8;
/// With more bytes than this waiting, no more are read either: what a message may have.
const QUEUE_BYTES: usize = MAX_TOKEN_BYTES;

/// The version that a server greets with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Micro number.
    pub micro: u32,
    /// What the packager adds.
    pub package: String,
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Protocol {
    /// QMP: a greeting, then a negotiation, then requests.
    #[default]
    Monitor,
    /// What the guest agent speaks: requests from the start, no events, none of the protocol's own commands.
    Agent,
}

impl Protocol {
    /// What writes replies.
    pub(crate) fn writer(self, style: Style) -> Writer {
        let mut writer = Writer::new(style);
        writer.bare_line_feeds = self == Protocol::Agent;
        writer
    }
}

/// What a client has negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Negotiated {
    /// `qmp_capabilities` has succeeded.
    pub(crate) done: bool,
    /// With out-of-band commands.
    pub(crate) oob: bool,
    pub(crate) protocol: Protocol,
}

/// The incoming side of a session: cuts requests out of the stream and keeps their order.
#[derive(Debug, Default)]
pub(crate) struct Session {
    stream: Stream,
    pub(crate) negotiated: Negotiated,
    /// In-band requests that wait while out-of-band ones are let through.
    waiting: VecDeque<Incoming>,
    /// How much memory these take.
    waiting_bytes: usize,
    riders: Riders,
}

/// What is to be done with input.
#[derive(Debug)]
pub(crate) enum Received {
    /// Answer this at once, before anything else is read.
    Now(Incoming),
    /// There is one more request in the queue.
    Queued,
    /// Read more: the input is used up.
    Nothing,
    /// Read on when the queue is shorter: the rest of the input has to wait.
    Full,
}

impl Session {
    /// A session at its beginning.
    pub(crate) fn new(protocol: Protocol) -> Self {
        Session {
            negotiated: Negotiated {
                done: protocol == Protocol::Agent,
                oob: false,
                protocol,
            },
            ..Session::default()
        }
    }

    /// Descriptors come along with the input that is received next.
    pub(crate) fn receive_fds(&mut self, fds: Vec<OwnedFd>) {
        self.riders.come(fds);
    }

    /// Takes requests off the front of `input`, up to the next one that something is to be done about.
    pub(crate) fn receive(&mut self, input: &mut &[u8]) -> Received {
        if self.waiting.len() >= QUEUE_LIMIT || self.waiting_bytes > QUEUE_BYTES {
            return Received::Full;
        }
        let Some(item) = self.stream.next_item(input) else {
            self.riders.end_input();
            return Received::Nothing;
        };
        let fds = self.riders.of_request();
        if !self.negotiated.oob || is_out_of_band(&item) {
            return Received::Now(Incoming { item, fds });
        }
        self.waiting_bytes += memory(&item);
        self.waiting.push_back(Incoming { item, fds });
        Received::Queued
    }

    /// Takes the in-band request that has waited longest.
    pub(crate) fn next_in_band(&mut self) -> Option<Incoming> {
        let incoming = self.waiting.pop_front()?;
        self.waiting_bytes -= memory(&incoming.item);
        Some(incoming)
    }

    /// Drops what waits.
    pub(crate) fn clear(&mut self) {
        self.waiting = VecDeque::new();
        self.waiting_bytes = 0;
    }

    /// Takes back the memory of a request that was answered.
    pub(crate) fn recycle(&mut self, item: Item) {
        if let Item::Message(document) = item {
            self.stream.recycle(document);
        }
    }
}

fn memory(item: &Item) -> usize {
    match item {
        Item::Message(document) => document.memory(),
        Item::Error(text) => text.len(),
    }
}

/// Whether a message is to run at once, ahead of what waits.
fn is_out_of_band(item: &Item) -> bool {
    match item {
        Item::Message(document) => {
            let root = document.root();
            document.get(root, "exec-oob").is_some() && document.get(root, "execute").is_none()
        }
        Item::Error(_) => false,
    }
}

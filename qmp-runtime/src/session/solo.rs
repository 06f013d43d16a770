//! One client with a server of its own, without transport, threads and clock: for tests and fuzz targets.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    Incoming, LeftFds, Negotiated, Outgoing, Protocol, Received, Session, Version, answer, greeting,
};
use crate::context::{Context, MonitorId};
use crate::events::{EventLine, EventSink, Subscriber};
use crate::json::{Style, Writer};
use crate::router::{Dispatcher, Router};

/// A conversation.
#[derive(Debug)]
pub struct Solo {
    dispatcher: Dispatcher,
    events: EventSink,
    session: Session,
    client: Arc<Client>,
    fds: LeftFds,
    /// What the client has sent and nobody has read yet, as a socket keeps it.
    unread: Vec<u8>,
    out: Writer,
    has_quit: bool,
}

#[derive(Debug, Default)]
struct Client(Mutex<Outgoing>);

impl Client {
    fn lock(&self) -> MutexGuard<'_, Outgoing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber for Client {
    fn event(&self, line: &EventLine) {
        let mut outgoing = self.lock();
        outgoing.event(line.layout(Style::Line));
        outgoing.check_events();
    }
}

impl Solo {
    /// A client that has just connected to a server.
    pub fn new(router: Router, events: EventSink, preconfig: bool) -> Self {
        let solo = Solo::speaking(Protocol::Monitor, router, events);
        solo.dispatcher.catalog.set_preconfig(preconfig);
        let greeting = greeting(&Version::default(), Style::Line);
        solo.client.lock().reply(&greeting);
        solo
    }

    /// A client that has just connected to a guest agent.
    pub fn agent(router: Router) -> Self {
        Solo::speaking(Protocol::Agent, router, EventSink::new())
    }

    fn speaking(protocol: Protocol, router: Router, events: EventSink) -> Self {
        let dispatcher = Dispatcher::new(router, protocol);
        events.set_policy(dispatcher.catalog.policy);
        let client = Arc::new(Client::default());
        let subscriber: Arc<dyn Subscriber> = Arc::<Client>::clone(&client);
        events.subscribe(Arc::downgrade(&subscriber));
        Solo {
            dispatcher,
            events,
            session: Session::new(protocol),
            client,
            fds: LeftFds::default(),
            unread: Vec::new(),
            out: protocol.writer(Style::Line),
            has_quit: false,
        }
    }

    /// Where events come from.
    pub fn events(&self) -> &EventSink {
        &self.events
    }

    /// Descriptors come along with what is received next.
    pub fn give_fds(&mut self, fds: Vec<OwnedFd>) {
        self.session.receive_fds(fds);
    }

    /// The client sends something; it is read as far as the protocol reads on.
    pub fn receive(&mut self, mut bytes: &[u8]) {
        if self.unread.is_empty() {
            self.read(&mut bytes);
        }
        self.unread.extend_from_slice(bytes);
        self.go_on();
    }

    /// Reads on in what was not read before.
    fn go_on(&mut self) {
        if !self.unread.is_empty() {
            let unread = std::mem::take(&mut self.unread);
            let mut input = &unread[..];
            self.read(&mut input);
            self.unread = input.to_vec();
        }
    }

    fn read(&mut self, input: &mut &[u8]) {
        while !self.is_over() && !self.client.lock().is_full() {
            match self.session.receive(input) {
                Received::Now(incoming) => self.answer(incoming),
                Received::Queued => {}
                Received::Nothing | Received::Full => break,
            }
        }
    }

    /// Runs the in-band request that has waited longest; false if there is none, or the client has too
    /// much to read.
    pub fn work(&mut self) -> bool {
        if self.is_over() || self.client.lock().is_full() {
            return false;
        }
        let Some(incoming) = self.session.next_in_band() else {
            return false;
        };
        self.answer(incoming);
        self.go_on();
        true
    }

    fn answer(&mut self, incoming: Incoming) {
        let Incoming { item, fds } = incoming;
        let fds = self.fds.with(fds);
        let catalog = &self.dispatcher.catalog;
        let mut cx = Context::new(&self.events, catalog, MonitorId(0), fds);
        let Session { negotiated, .. } = &mut self.session;
        let before: Negotiated = *negotiated;
        let replies = answer(&item, negotiated, &self.dispatcher, &mut cx, &mut self.out);
        self.fds.leave(cx.left_fds());
        let mut outgoing = self.client.lock();
        if self.session.negotiated != before {
            outgoing.subscribe();
        }
        if replies {
            outgoing.attach(std::mem::take(&mut cx.sends));
            outgoing.reply(self.out.bytes());
        }
        self.has_quit |= cx.quit;
        drop(outgoing);
        self.session.recycle(item);
    }

    /// The client reads up to so many bytes.
    pub fn take(&mut self, limit: usize) -> Vec<u8> {
        let mut outgoing = self.client.lock();
        let mut taken = Vec::new();
        while taken.len() < limit && !outgoing.is_empty() {
            let (next, _) = outgoing.next();
            let count = next.len().min(limit - taken.len());
            taken.extend_from_slice(&next[..count]);
            outgoing.sent(count);
        }
        drop(outgoing);
        self.go_on();
        taken
    }

    /// The client reads all there is, and forgets it; how many bytes that was.
    pub fn skip(&mut self) -> usize {
        let mut outgoing = self.client.lock();
        let mut count = 0;
        while !outgoing.is_empty() {
            let next = outgoing.next().0.len();
            outgoing.sent(next);
            count += next;
        }
        drop(outgoing);
        self.go_on();
        count
    }

    /// How many bytes wait for the client to read them.
    pub fn backlog(&self) -> usize {
        self.client.lock().len()
    }

    /// Whether the server has ended the session.
    pub fn is_over(&self) -> bool {
        self.has_quit || self.client.lock().is_closed()
    }
}

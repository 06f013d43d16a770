//! The conversation as a state machine, without I/O and without a clock.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::OwnedFd;

use super::calls::{Call, Calls};
use super::outgoing::Outgoing;
use super::{Builder, ClientError, Greeting, RawEvent, Reply, Request};
use crate::json::{Document, Item, Stream};

/// The byte that no JSON text has: readers start anew behind it.
const DELIMITER: u8 = 0xFF;
/// Ids of `guest-sync-delimited` stay below this, so that every agent can read them.
const SYNC_IDS: u64 = 1 << 48;
/// How many requests to start anew the channel may hold at once; their answers are recognised.
const MAX_SYNCS: u64 = 1 << 16;

/// One side of a conversation with a QMP server or a guest agent: requests and received bytes in,
/// bytes to send, replies and events out.
///
/// [`Client`](super::Client) and the tokio client are this with I/O around it; a program with an event
/// loop of its own may do the same. Each call carries a `W`, which comes back with its reply.
///
/// ```
/// # use qmp_runtime::client::{Client, Conversation, Incoming, Request};
/// # use qmp_runtime::json::{Map, Value};
/// let mut conversation = Conversation::new(&Client::builder());
/// let mut input = &br#"{"QMP": {"version": {}, "capabilities": []}}{"return": {}, "id": 1}"#[..];
/// assert!(matches!(conversation.receive(&mut input)?, Some(Incoming::Ready)));
/// conversation.submit(Request::value("stop", &Map::new()), "the first")?;
/// let mut input = &br#"{"return": {}, "id": 2}"#[..];
/// let Some(Incoming::Reply { waiter, result }) = conversation.receive(&mut input)? else { panic!() };
/// assert_eq!((waiter, result?.decode::<()>()?), ("the first", ()));
/// # Ok::<(), qmp_runtime::client::ClientError>(())
/// ```
#[derive(Debug)]
pub struct Conversation<W> {
    agent: bool,
    wants_oob: bool,
    /// Out-of-band commands are enabled, or are about to be.
    oob: bool,
    max_message: usize,
    phase: Phase,
    greeting: Greeting,
    stream: Stream,
    /// How many bytes of the message being read have come.
    gathered: usize,
    /// They are more than blanks.
    is_partial: bool,
    /// What comes next answers a request to start anew.
    delimited: bool,
    /// How many more requests to start anew may be answered: they were repeated before the answer to the first came.
    owed: u64,
    calls: Calls<W>,
    last_id: u64,
    out: Outgoing,
    /// What has been found and not been taken.
    found: VecDeque<Incoming<W>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The server has not greeted yet.
    Greeting,
    /// It has, and was told what is wanted, under this id.
    Negotiating { id: u64 },
    /// The channel to the agent may hold anything.
    OutOfStep,
    /// The agent was asked to start anew, under these ids.
    Syncing { first: u64, count: u64 },
    /// Commands may be sent.
    Ready,
}

impl Phase {
    fn first(agent: bool) -> Phase {
        if agent {
            Phase::OutOfStep
        } else {
            Phase::Greeting
        }
    }
}

/// What comes out of received bytes.
#[derive(Debug)]
pub enum Incoming<W> {
    /// From now on commands can be sent.
    Ready,
    /// A reply, to the call that carried `waiter`.
    Reply {
        /// What the call carried.
        waiter: W,
        /// The reply, or what became of the call.
        result: Result<Reply, ClientError>,
    },
    /// An event.
    Event {
        /// The event.
        event: RawEvent,
        /// About how much memory it takes, in bytes.
        size: usize,
    },
}

/// Names a call in its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallId(u64);

impl<W> Conversation<W> {
    /// A conversation at its beginning. Of the options count those that are not about time.
    pub fn new(options: &Builder) -> Self {
        Conversation {
            agent: options.agent,
            wants_oob: options.oob,
            oob: false,
            max_message: options.max_message,
            phase: Phase::first(options.agent),
            greeting: Greeting::default(),
            stream: Stream::new(),
            gathered: 0,
            is_partial: false,
            delimited: false,
            owed: 0,
            calls: Calls::default(),
            last_id: 0,
            out: Outgoing::default(),
            found: VecDeque::new(),
        }
    }

    /// What the server said when it was connected to; empty before that, and from a guest agent.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Whether commands can be sent.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// Whether out-of-band commands are enabled.
    pub fn has_oob(&self) -> bool {
        self.is_ready() && self.oob
    }

    /// Whether [`start_anew`](Conversation::start_anew) is what has to come next.
    pub fn is_out_of_step(&self) -> bool {
        self.phase == Phase::OutOfStep
    }

    /// How many calls have not been answered, those that were given up included.
    pub fn unanswered(&self) -> usize {
        self.calls.len()
    }

    /// Puts a command among the bytes to send.
    ///
    /// # Errors
    /// No command can be sent now, or not this way.
    pub fn submit(&mut self, request: Request, waiter: W) -> Result<CallId, ClientError> {
        if !self.is_ready() {
            return Err(ClientError::Unsupported(
                "no command can be sent before the conversation is ready",
            ));
        }
        if request.oob && !self.oob {
            return Err(ClientError::Unsupported(
                "out-of-band commands are not enabled: the server does not offer them, or the client was told not to",
            ));
        }
        let (oob, silent) = (request.oob, request.silent);
        let call = self.send(request, Some(waiter), silent, oob);
        if silent {
            // The answer to something else shows that there will be none to this.
            let question = if self.agent {
                sync("guest-sync", self.last_id)
            } else {
                Request::own("query-version", |_| {})
            };
            self.send(question, None, false, false);
        }
        Ok(call)
    }

    fn send(&mut self, mut request: Request, waiter: Option<W>, silent: bool, oob: bool) -> CallId {
        self.last_id += 1;
        let id = self.last_id;
        let fds = std::mem::take(&mut request.fds);
        // Agents before 2.12 refuse an id, and all of them answer in order.
        request.write((!self.agent).then_some(id), self.out.append(fds));
        self.calls.push(Call { id, silent, waiter }, oob);
        CallId(id)
    }

    /// Nobody waits for the answer to a call any more; it will be dropped. With a guest agent, the
    /// channel is then out of step, and other calls that wait are lost.
    pub fn give_up(&mut self, call: CallId) {
        let somebody_waited = self.calls.give_up(call.0);
        if somebody_waited && self.agent && self.phase == Phase::Ready {
            self.phase = Phase::OutOfStep;
            self.lose(&ClientError::Lost);
        }
    }

    /// Asks the guest agent to start anew; again, if it was asked before and has not answered. The calls
    /// that wait are lost. With a server, which is always in step, nothing happens.
    pub fn start_anew(&mut self) {
        let (first, count) = match self.phase {
            Phase::Syncing { first, count } if count < MAX_SYNCS => (first, count),
            Phase::Syncing { .. } | Phase::OutOfStep | Phase::Ready if self.agent => {
                self.lose(&ClientError::Lost);
                // What another client left behind must not be taken for an answer to this one.
                (RandomState::new().hash_one(self.last_id) % SYNC_IDS, 0)
            }
            _ => return,
        };
        self.out.clear();
        let buffer = self.out.append(Vec::new());
        buffer.push(DELIMITER);
        sync("guest-sync-delimited", first + count).write(None, buffer);
        self.phase = Phase::Syncing {
            first,
            count: count + 1,
        };
    }

    /// What to send next: bytes, and the descriptors that ride on the first of them.
    pub fn transmit(&self) -> (&[u8], &[OwnedFd]) {
        self.out.next()
    }

    /// Takes note that so many of the bytes were sent.
    pub fn transmitted(&mut self, bytes: usize) {
        self.out.sent(bytes);
    }

    /// Whether there is something to send.
    pub fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Reads up to the end of the next thing found, and takes what it read off the front of `input`;
    /// `None` when there is no more in it.
    ///
    /// # Errors
    /// What came is no QMP, too large, or the server refuses to negotiate; the conversation is over.
    pub fn receive(&mut self, input: &mut &[u8]) -> Result<Option<Incoming<W>>, ClientError> {
        while self.found.is_empty() && !input.is_empty() {
            let before = *input;
            if self.agent && self.starts_anew(input)? {
                continue;
            }
            let item = self.next_item(input);
            let read = &before[..before.len() - input.len()];
            self.gathered += read.len();
            self.is_partial |= self.agent && !read.trim_ascii().is_empty();
            if self.gathered > self.max_message {
                self.broken(ClientError::TooLarge {
                    limit: self.max_message,
                })?;
            }
            match item {
                None => {}
                Some(Item::Message(document)) => self.message(document)?,
                Some(Item::Error(error)) => self.broken(ClientError::Protocol(error.into()))?,
            }
        }
        Ok(self.found.pop_front())
    }

    /// Takes a delimiter off the front of the input; says whether there was one.
    fn starts_anew(&mut self, input: &mut &[u8]) -> Result<bool, ClientError> {
        let Some((&DELIMITER, rest)) = input.split_first() else {
            return Ok(false);
        };
        *input = rest;
        if self.is_partial {
            self.broken(ClientError::Protocol("an answer was cut off".into()))?;
        }
        self.stream = Stream::new();
        self.gathered = 0;
        self.delimited = true;
        Ok(true)
    }

    /// The next item; in front of a delimiter, where there may be one.
    fn next_item(&mut self, input: &mut &[u8]) -> Option<Item> {
        if !self.agent {
            return self.stream.next_item(input);
        }
        let length = input.iter().position(|&byte| byte == DELIMITER);
        let (mut head, _) = input.split_at(length.unwrap_or(input.len()));
        let before = head.len();
        let item = self.stream.next_item(&mut head);
        *input = &input[before - head.len()..];
        item
    }

    /// What came makes no sense: the end of a conversation with a server. An agent can be asked to
    /// start anew; until then, anything may come.
    fn broken(&mut self, error: ClientError) -> Result<(), ClientError> {
        self.gathered = 0;
        self.is_partial = false;
        self.delimited = false;
        if !self.agent {
            return Err(error);
        }
        self.stream = Stream::new();
        if self.phase == Phase::Ready {
            self.phase = Phase::OutOfStep;
            self.lose(&error);
        }
        Ok(())
    }

    fn message(&mut self, document: Document) -> Result<(), ClientError> {
        self.gathered = 0;
        self.is_partial = false;
        let delimited = std::mem::take(&mut self.delimited);
        match self.phase {
            Phase::Greeting => self.greeted(document)?,
            Phase::Syncing { first, count } => {
                let id = document.get(document.root(), "return");
                let id = id.and_then(|at| document.u64(at));
                let place = id.and_then(|id| id.checked_sub(first));
                if let Some(place) = place.filter(|place| delimited && *place < count) {
                    self.phase = Phase::Ready;
                    self.owed = count - 1 - place;
                    self.found.push_back(Incoming::Ready);
                }
            }
            // Of an older request to start anew.
            _ if delimited => self.owed = self.owed.saturating_sub(1),
            // Of the delimiter in front of one.
            Phase::Ready if self.owed > 0 && is_complaint(&document) => {}
            // Whose answer it is can no longer be told.
            Phase::OutOfStep => {}
            Phase::Negotiating { .. } | Phase::Ready => {
                self.owed = 0; // agents answer in turn
                self.event_or_reply(document)?;
            }
        }
        Ok(())
    }

    fn greeted(&mut self, document: Document) -> Result<(), ClientError> {
        // QEMU may send an event first to whoever connects while it makes its monitor.
        let Some(document) = self.event(document) else {
            return Ok(());
        };
        self.greeting = Greeting::parse(&document).ok_or_else(|| {
            let said: String = document.source().chars().take(80).collect();
            let what = "it does not greet (a guest agent does not: say that it is one), but says";
            ClientError::Protocol(format!("{what} {said}").into())
        })?;
        self.oob = self.wants_oob && self.greeting.offers("oob");
        self.negotiate();
        Ok(())
    }

    fn negotiate(&mut self) {
        let oob = self.oob;
        let request = Request::own("qmp_capabilities", |out| {
            if oob {
                out.key("enable");
                out.raw("[\"oob\"]");
            }
        });
        let CallId(id) = self.send(request, None, false, false);
        self.phase = Phase::Negotiating { id };
    }

    /// Takes an event; gives back what is none.
    fn event(&mut self, document: Document) -> Option<Document> {
        let event = match RawEvent::parse(document) {
            Ok(event) => event,
            Err(document) => return Some(document),
        };
        let size = event.memory();
        self.found.push_back(Incoming::Event { event, size });
        None
    }

    fn event_or_reply(&mut self, document: Document) -> Result<(), ClientError> {
        let Some(document) = self.event(document) else {
            return Ok(());
        };
        let root = document.root();
        let id = document.get(root, "id").filter(|_| !self.agent);
        let number = id.map(|at| document.u64(at));
        let success = document.get(root, "return").is_some();
        let answers = success || document.get(root, "error").is_some();
        if !answers && document.get(root, "QMP").is_some() {
            // QEMU may greet twice whoever connects while it makes its monitor, and expects
            // negotiation once.
            if matches!(self.phase, Phase::Negotiating { .. }) {
                return Ok(());
            }
            let what = "it greets in the middle of the conversation; it must have been restarted";
            return Err(ClientError::Protocol(what.into()));
        }
        let found = &mut self.found;
        let succeeded = |waiter| {
            found.push_back(Incoming::Reply {
                waiter,
                result: Ok(Reply::SILENCE),
            });
        };
        let call = match number {
            Some(Some(id)) => self.calls.answered(id, succeeded),
            // Nobody here has asked that.
            Some(None) => None,
            // What is neither event nor reply is something new, and for nobody here.
            None if !answers => None,
            None => self.calls.next(success, succeeded),
        };
        let Some(call) = call else { return Ok(()) };
        let result = Reply::parse(document).unwrap_or(Err(ClientError::Protocol(
            "a reply brings neither result nor error".into(),
        )));
        if (Phase::Negotiating { id: call.id }) == self.phase {
            return self.negotiated(result);
        }
        if let Some(waiter) = call.waiter {
            self.found.push_back(Incoming::Reply { waiter, result });
        }
        Ok(())
    }

    fn negotiated(&mut self, result: Result<Reply, ClientError>) -> Result<(), ClientError> {
        match result {
            Ok(_) => {
                self.phase = Phase::Ready;
                self.found.push_back(Incoming::Ready);
            }
            // It offers what it does not give; the rest may work.
            Err(ClientError::Command(_)) if self.oob => {
                self.oob = false;
                self.negotiate();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The connection is over: tells so all who wait. Commands of which only failure is answered have
    /// succeeded if the server hung up: they are there to make it do so.
    ///
    /// The conversation is then ready to begin anew over another connection.
    pub fn hang_up(&mut self, cause: &ClientError) {
        self.phase = Phase::first(self.agent);
        self.stream = Stream::new();
        self.gathered = 0;
        self.is_partial = false;
        self.delimited = false;
        self.out.clear();
        self.lose(cause);
    }

    /// What is left to take without any more input.
    pub fn leftover(&mut self) -> Option<Incoming<W>> {
        self.found.pop_front()
    }

    fn lose(&mut self, cause: &ClientError) {
        for call in self.calls.take() {
            let Some(waiter) = call.waiter else { continue };
            let result = if call.silent && cause.is_closed() {
                Ok(Reply::SILENCE)
            } else {
                Err(cause.clone())
            };
            self.found.push_back(Incoming::Reply { waiter, result });
        }
    }
}

/// A request to an agent to say this number.
fn sync(name: &str, id: u64) -> Request {
    Request::own(name, |out| {
        out.key("id");
        out.u64(id);
    })
}

/// Whether an agent says that it got no JSON; before 2.12 in other words.
fn is_complaint(document: &Document) -> bool {
    let error = document.get(document.root(), "error");
    let text = error.and_then(|error| document.str(document.get(error, "desc")?));
    text.is_some_and(|text| {
        text.starts_with("JSON parse error") || text.starts_with("Invalid JSON syntax")
    })
}

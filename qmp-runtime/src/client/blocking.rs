//! The blocking client.

use std::fmt;
use std::marker::PhantomData;
use std::net::ToSocketAddrs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::error::says_hung_up;
use super::link::Link;
use super::queue::EventQueue;
use super::{
    Builder, CallId, ClientError, Conversation, Endpoint, Greeting, Incoming, RawEvent, Reply,
    Request,
};
use crate::codec::Json;
use crate::command::{Command, OobCommand};
use crate::json::{Map, Value};

/// How many bytes are read at once.
pub(super) const READ_BYTES: usize = 64 << 10;
/// How many descriptors are kept that came from the server.
pub(super) const MAX_RECEIVED_FDS: usize = 16;
/// How long a guest agent may take before it is asked once more to start anew.
pub(super) const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// A blocking client.
///
/// A call that fails by [`Command`](ClientError::Command), [`Decode`](ClientError::Decode) or
/// [`TimedOut`](ClientError::TimedOut) leaves the connection as good as before. After other errors it is
/// lost; then each call fails with the cause, unless the client was told to [reconnect](Builder::reconnect).
#[derive(Debug)]
pub struct Client {
    options: Builder,
    /// Where to connect anew.
    endpoint: Option<Endpoint>,
    conversation: Conversation<Waiter>,
    /// The connection, or why there is none.
    link: Result<Link, ClientError>,
    buffer: Vec<u8>,
    /// What of the buffer has not been looked at yet.
    unread: std::ops::Range<usize>,
    events: EventQueue,
    fds: Vec<OwnedFd>,
    /// The answer to the call that is being made.
    answer: Option<Result<Reply, ClientError>>,
}

type Answer = Mutex<Option<Result<Reply, ClientError>>>;

/// Who waits for a reply.
#[derive(Debug)]
enum Waiter {
    /// The call that is being made.
    Now,
    /// The holder of a [`Pending`], if there still is one.
    Later(Weak<Answer>),
}

/// A call that was sent, and whose result can be [taken](Client::wait) later. Dropping it gives the call
/// up; the answer is dropped when it comes.
pub struct Pending<T> {
    id: CallId,
    answer: Arc<Answer>,
    result: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Connects to a unix socket and negotiates.
    ///
    /// # Errors
    /// There is no server, or it does not speak QMP.
    pub fn connect_unix(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        Client::builder().connect(&Endpoint::Unix(path.as_ref().into()))
    }

    /// Connects to a TCP port and negotiates.
    ///
    /// # Errors
    /// There is no server, or it does not speak QMP.
    pub fn connect_tcp(address: impl ToSocketAddrs) -> Result<Self, ClientError> {
        let mut result = Err(std::io::Error::from(std::io::ErrorKind::AddrNotAvailable).into());
        for address in address.to_socket_addrs()? {
            result = Client::builder().connect(&Endpoint::Tcp(address.to_string()));
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Takes a socket that is connected already, and negotiates.
    ///
    /// # Errors
    /// The other side does not speak QMP.
    pub fn over_socket(socket: OwnedFd) -> Result<Self, ClientError> {
        Client::builder().over(socket)
    }

    /// Says how the client is to behave; then it is connected.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(super) fn make(options: Builder, endpoint: &Endpoint) -> Result<Self, ClientError> {
        let deadline = deadline(options.connect_timeout);
        let link = endpoint.link(options.connect_timeout)?;
        let mut client = Client::begin(options, link);
        client.endpoint = Some(endpoint.clone());
        client.become_ready(deadline)?;
        Ok(client)
    }

    pub(super) fn over_descriptor(options: Builder, fd: OwnedFd) -> Result<Self, ClientError> {
        let deadline = deadline(options.connect_timeout);
        let mut client = Client::begin(options, Link::new(fd)?);
        client.become_ready(deadline)?;
        Ok(client)
    }

    fn begin(options: Builder, link: Link) -> Self {
        Client {
            conversation: Conversation::new(&options),
            events: EventQueue::new(options.max_events),
            options,
            endpoint: None,
            link: Ok(link),
            buffer: vec![0; READ_BYTES],
            unread: 0..0,
            fds: Vec::new(),
            answer: None,
        }
    }

    /// How long to wait for a reply; without end at first.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.options.timeout = timeout;
    }

    /// What the server said when it was connected to; empty for a guest agent, which does not greet.
    pub fn greeting(&self) -> &Greeting {
        self.conversation.greeting()
    }

    /// Whether commands can be run out of band.
    pub fn has_oob(&self) -> bool {
        self.conversation.has_oob()
    }

    /// Runs a command.
    ///
    /// Of a command whose success is not answered (`guest-shutdown`), the result is known when the server
    /// answers a later request, which the client sends by itself, or hangs up.
    ///
    /// # Errors
    /// The server refuses it, its reply is not that of the command, or the connection fails.
    pub fn execute<C: Command>(&mut self, command: &C) -> Result<C::Return, ClientError> {
        self.call(Request::command(command))?.decode()
    }

    /// Runs a command out of band: beside and before those that run or wait.
    ///
    /// # Errors
    /// As for [`execute`](Client::execute); or the server does not offer this.
    pub fn execute_oob<C: OobCommand>(&mut self, command: &C) -> Result<C::Return, ClientError> {
        self.call(Request::out_of_band(command))?.decode()
    }

    /// Runs a command with copies of descriptors riding along, as for `getfd` and `add-fd`.
    ///
    /// # Errors
    /// As for [`execute`](Client::execute); or the connection is no unix socket.
    pub fn execute_with_fds<C: Command>(
        &mut self,
        command: &C,
        fds: &[impl AsFd],
    ) -> Result<C::Return, ClientError> {
        self.call(Request::command(command).with_fds(fds)?)?
            .decode()
    }

    /// Runs a command that the bindings need not know.
    ///
    /// # Errors
    /// The server refuses it, or the connection fails.
    pub fn execute_value(
        &mut self,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Result<Value, ClientError> {
        self.call(Request::value(name, arguments))?.decode()
    }

    /// Runs any request.
    ///
    /// # Errors
    /// The server refuses it, or the connection fails.
    pub fn call(&mut self, request: Request) -> Result<Reply, ClientError> {
        let deadline = deadline(self.options.timeout);
        self.revive(deadline)?;
        self.check(&request)?;
        self.answer = None;
        let id = self.conversation.submit(request, Waiter::Now)?;
        loop {
            let result = self.step_in_time(deadline);
            if let Some(answer) = self.answer.take() {
                return answer;
            }
            if let Err(error) = result {
                self.conversation.give_up(id);
                return Err(error);
            }
        }
    }

    /// Sends a command without waiting for its result, so that many can be on their way at once.
    ///
    /// # Errors
    /// The connection fails.
    pub fn submit<C: Command>(&mut self, command: &C) -> Result<Pending<C::Return>, ClientError> {
        let pending = self.enqueue(Request::command(command))?;
        self.flush()?;
        Ok(pending)
    }

    /// Sends commands, all of them before any result is waited for.
    ///
    /// # Errors
    /// The connection fails.
    pub fn submit_all<'c, C: Command + 'c>(
        &mut self,
        commands: impl IntoIterator<Item = &'c C>,
    ) -> Result<Vec<Pending<C::Return>>, ClientError> {
        let mut pending = Vec::new();
        for command in commands {
            pending.push(self.enqueue(Request::command(command))?);
        }
        self.flush()?;
        Ok(pending)
    }

    /// Sends any request without waiting for its result.
    ///
    /// # Errors
    /// The connection fails.
    pub fn submit_request<T: Json>(&mut self, request: Request) -> Result<Pending<T>, ClientError> {
        let pending = self.enqueue(request)?;
        self.flush()?;
        Ok(pending)
    }

    fn enqueue<T>(&mut self, request: Request) -> Result<Pending<T>, ClientError> {
        self.revive(deadline(self.options.timeout))?;
        self.check(&request)?;
        let answer = Arc::new(Answer::default());
        let waiter = Waiter::Later(Arc::downgrade(&answer));
        Ok(Pending {
            id: self.conversation.submit(request, waiter)?,
            answer,
            result: PhantomData,
        })
    }

    /// Waits for the result of a command that was sent before; in any order.
    ///
    /// # Errors
    /// As for [`execute`](Client::execute). After a time-out the call is given up.
    #[expect(clippy::needless_pass_by_value, reason = "a result is taken once")]
    pub fn wait<T: Json>(&mut self, pending: Pending<T>) -> Result<T, ClientError> {
        let deadline = deadline(self.options.timeout);
        loop {
            if let Some(answer) = lock(&pending.answer).take() {
                return answer?.decode();
            }
            if let Err(error) = self.step_in_time(deadline) {
                let answer = lock(&pending.answer).take();
                self.conversation.give_up(pending.id);
                return answer.unwrap_or(Err(error))?.decode();
            }
        }
    }

    /// The next event; waits for one at most this long, and without end for `None`.
    ///
    /// Returns `None` when the time is over.
    ///
    /// # Errors
    /// The connection fails; or [`Gap`](ClientError::Gap), after which there are more events.
    pub fn next_event(
        &mut self,
        timeout: Option<Duration>,
    ) -> Result<Option<RawEvent>, ClientError> {
        let deadline = deadline(timeout);
        loop {
            if let Some(event) = self.events.pop() {
                return event.map(Some);
            }
            match self.next_step(deadline) {
                Err(ClientError::TimedOut) => return Ok(None),
                result => result?,
            }
            if is_over(deadline) && self.events.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Goes on until something has come in; over a new connection, if there may be one.
    fn next_step(&mut self, deadline: Option<Instant>) -> Result<(), ClientError> {
        self.revive(deadline)?;
        if !self.events.is_empty() {
            return Ok(());
        }
        let reconnects = self.options.reconnect.is_some() && self.endpoint.is_some();
        match self.step(deadline) {
            Err(_) if reconnects && self.link.is_err() => Ok(()),
            result => result,
        }
    }

    /// The descriptors that have come from the server, the oldest first; of more than 16 the last ones.
    pub fn take_fds(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.fds)
    }

    /// Looks whether the connection is there and in step, and sees to it otherwise.
    fn revive(&mut self, deadline: Option<Instant>) -> Result<(), ClientError> {
        if let Err(cause) = &self.link {
            let cause = cause.clone();
            self.reconnect(cause, deadline)?;
        }
        if self.conversation.is_ready() {
            return Ok(());
        }
        self.become_ready(earlier(
            deadline,
            self::deadline(self.options.connect_timeout),
        ))
    }

    fn reconnect(
        &mut self,
        mut cause: ClientError,
        deadline: Option<Instant>,
    ) -> Result<(), ClientError> {
        let (Some(policy), Some(endpoint)) = (self.options.reconnect, self.endpoint.clone()) else {
            return Err(cause);
        };
        for attempt in 0.. {
            let until = earlier(deadline, self::deadline(self.options.connect_timeout));
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if is_over(deadline) {
                return Err(ClientError::TimedOut);
            }
            let result = match endpoint.link(left) {
                Ok(link) => {
                    self.link = Ok(link);
                    self.become_ready(until)
                }
                Err(error) => Err(error.into()),
            };
            match result {
                Ok(()) => return Ok(()),
                Err(error) => cause = error,
            }
            let Some(delay) = policy.delay(attempt) else {
                break;
            };
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            std::thread::sleep(left.map_or(delay, |left| delay.min(left)));
        }
        Err(cause)
    }

    /// Waits for the greeting and negotiates, or gets a guest agent into step.
    fn become_ready(&mut self, deadline: Option<Instant>) -> Result<(), ClientError> {
        let late = self.options.late();
        while !self.conversation.is_ready() {
            let mut until = deadline;
            if self.options.agent {
                self.conversation.start_anew();
                until = earlier(deadline, Some(Instant::now() + SYNC_INTERVAL));
            }
            while !self.conversation.is_ready() {
                match self.step_in_time(until) {
                    Err(ClientError::TimedOut) if until != deadline => break,
                    Err(ClientError::TimedOut) => {
                        // An agent may yet be started; a server that does not greet is another's.
                        if !self.options.agent {
                            self.fail(&late);
                        }
                        return Err(late);
                    }
                    result => result?,
                }
            }
        }
        Ok(())
    }

    fn check(&self, request: &Request) -> Result<(), ClientError> {
        let carries = self.link.as_ref().is_ok_and(Link::carries_fds);
        if !request.fds.is_empty() && !carries {
            return Err(ClientError::NO_DESCRIPTORS);
        }
        Ok(())
    }

    /// Sends all that is to be sent; takes in what comes meanwhile, lest both sides wait for each other.
    fn flush(&mut self) -> Result<(), ClientError> {
        let deadline = deadline(self.options.timeout);
        while !self.send()? {
            self.receive(true, deadline)?;
        }
        Ok(())
    }

    /// Goes on until something has come in; fails when the time is over, even if more comes in.
    fn step_in_time(&mut self, deadline: Option<Instant>) -> Result<(), ClientError> {
        if is_over(deadline) {
            return Err(ClientError::TimedOut);
        }
        self.step(deadline)
    }

    /// Goes on until something has come in.
    fn step(&mut self, deadline: Option<Instant>) -> Result<(), ClientError> {
        loop {
            if self.take_in()? {
                return Ok(());
            }
            let all_sent = self.send()?;
            self.receive(!all_sent, deadline)?;
        }
    }

    /// Sends what goes without waiting; says whether that was all.
    fn send(&mut self) -> Result<bool, ClientError> {
        let link = match &mut self.link {
            Ok(link) => link,
            Err(cause) => return Err(cause.clone()),
        };
        match link.send(&mut self.conversation) {
            Err(error) if says_hung_up(&error) => Err(self.hung_up()),
            Err(error) => Err(self.fail(&error.into())),
            Ok(all) => Ok(all),
        }
    }

    /// The server reads no more; what it said before comes first.
    fn hung_up(&mut self) -> ClientError {
        while self.unread.is_empty()
            && let Ok(link) = &mut self.link
            && let Ok(count @ 1..) = link.read(&mut self.buffer, &mut self.fds)
        {
            self.unread = 0..count;
            if let Err(error) = self.take_in() {
                return error;
            }
        }
        self.fail(&ClientError::Closed)
    }

    /// Waits for input and reads it; or until more can be sent.
    fn receive(&mut self, or_writable: bool, deadline: Option<Instant>) -> Result<(), ClientError> {
        if !self.unread.is_empty() {
            self.take_in()?;
        }
        let link = match &mut self.link {
            Ok(link) => link,
            Err(cause) => return Err(cause.clone()),
        };
        let result = link.wait_and_read(&mut self.buffer, &mut self.fds, or_writable, deadline);
        let excess = self.fds.len().saturating_sub(MAX_RECEIVED_FDS);
        self.fds.drain(..excess);
        match result {
            Ok(0) => Err(self.fail(&ClientError::Closed)),
            Ok(count) => {
                self.unread = 0..count;
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                Err(ClientError::TimedOut)
            }
            Err(error) => Err(self.fail(&error.into())),
        }
    }

    /// Looks at all that was read; says whether there was something in it.
    fn take_in(&mut self) -> Result<bool, ClientError> {
        let mut found = false;
        loop {
            let mut input = &self.buffer[self.unread.clone()];
            let result = self.conversation.receive(&mut input);
            self.unread.start = self.unread.end - input.len();
            match result {
                Ok(Some(incoming)) => self.deliver(incoming),
                Ok(None) => return Ok(found),
                Err(error) => return Err(self.fail(&error)),
            }
            found = true;
        }
    }

    fn deliver(&mut self, incoming: Incoming<Waiter>) {
        match incoming {
            Incoming::Ready => self.events.ready(),
            Incoming::Event { event, size } => self.events.push(event, size),
            Incoming::Reply { waiter, result } => match waiter {
                Waiter::Now => self.answer = Some(result),
                Waiter::Later(holder) => {
                    if let Some(answer) = holder.upgrade() {
                        *lock(&answer) = Some(result);
                    }
                }
            },
        }
    }

    /// Ends the connection, and tells so all who wait.
    fn fail(&mut self, cause: &ClientError) -> ClientError {
        self.link = Err(cause.clone());
        self.unread = 0..0;
        self.conversation.hang_up(cause);
        while let Some(incoming) = self.conversation.leftover() {
            self.deliver(incoming);
        }
        self.events.lost();
        cause.clone()
    }
}

fn lock(answer: &Answer) -> std::sync::MutexGuard<'_, Option<Result<Reply, ClientError>>> {
    answer.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    let timeout = timeout?;
    // Beyond what the clock can say there is no end.
    Instant::now().checked_add(timeout)
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

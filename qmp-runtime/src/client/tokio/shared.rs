//! What clients, events and the task that drives the connection have in common.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::{Notify, oneshot};

use super::super::blocking::MAX_RECEIVED_FDS;
use super::super::queue::EventQueue;
use super::super::{Builder, CallId, ClientError, Conversation, Incoming, Reply, Request};

pub(super) type Waiter = oneshot::Sender<Result<Reply, ClientError>>;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Builder,
    state: Mutex<State>,
    /// The driver has something to do.
    pub(super) wake: Notify,
    /// It may have become possible to send commands, or impossible for good.
    pub(super) changed: Notify,
    /// Whose turn it is with a guest agent.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// Nobody is left who could want anything.
    abandoned: AtomicBool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) conversation: Conversation<Waiter>,
    pub(super) events: EventQueue,
    /// Whether anybody can take events.
    pub(super) has_listener: bool,
    pub(super) listener: Option<Waker>,
    pub(super) fds: Vec<OwnedFd>,
    /// There is a connection, and whether it carries descriptors.
    connection: Option<bool>,
    /// Why there will be no more connection.
    pub(super) over: Option<ClientError>,
}

/// Kept by clients and events; when the last one is gone, the connection ends.
#[derive(Debug)]
pub(super) struct Handle(pub(super) Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
        self.0.wake.notify_one();
    }
}

impl Shared {
    pub(super) fn new(options: Builder) -> Self {
        Shared {
            state: Mutex::new(State {
                conversation: Conversation::new(&options),
                events: EventQueue::new(options.max_events),
                has_listener: true,
                listener: None,
                fds: Vec::new(),
                connection: None,
                over: None,
            }),
            options,
            wake: Notify::new(),
            changed: Notify::new(),
            turn: tokio::sync::Mutex::new(()),
            abandoned: AtomicBool::new(false),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Whether commands can be sent now; an error if they never can again.
    pub(super) fn is_ready(&self) -> Result<bool, ClientError> {
        let state = self.lock();
        match &state.over {
            Some(cause) => Err(cause.clone()),
            None => Ok(state.conversation.is_ready()),
        }
    }

    pub(super) fn submit(&self, request: Request, waiter: Waiter) -> Result<CallId, ClientError> {
        let mut state = self.lock();
        if !request.fds.is_empty() && state.connection == Some(false) {
            return Err(ClientError::NO_DESCRIPTORS);
        }
        if !state.conversation.is_ready() {
            // The connection was lost this very moment.
            return Err(state.over.clone().unwrap_or(ClientError::Closed));
        }
        let call = state.conversation.submit(request, waiter)?;
        drop(state);
        self.wake.notify_one();
        Ok(call)
    }

    /// Asks a guest agent to start anew, if there is a connection to it.
    pub(super) fn start_anew(&self) {
        let mut state = self.lock();
        if state.connection.is_some() {
            state.conversation.start_anew();
            state.deliver_leftover();
            self.wake.notify_one();
        }
    }

    /// There is a connection now.
    pub(super) fn connected(&self, carries_fds: bool) {
        self.lock().connection = Some(carries_fds);
        self.changed.notify_waiters();
    }

    /// Takes in bytes and descriptors that have come.
    pub(super) fn take_in(&self, mut input: &[u8], fds: Vec<OwnedFd>) -> Result<(), ClientError> {
        let mut state = self.lock();
        state.fds.extend(fds);
        let excess = state.fds.len().saturating_sub(MAX_RECEIVED_FDS);
        state.fds.drain(..excess);
        while let Some(incoming) = state.conversation.receive(&mut input)? {
            if matches!(incoming, Incoming::Ready) {
                self.changed.notify_waiters();
            }
            state.deliver(incoming);
        }
        Ok(())
    }

    /// The connection is lost. Tells so all who wait; in the sequence of events it shows when there is another.
    pub(super) fn lost(&self, cause: &ClientError) {
        let mut state = self.lock();
        state.connection = None;
        state.conversation.hang_up(cause);
        state.deliver_leftover();
        state.events.lost();
    }

    /// There will be no more connection.
    pub(super) fn end(&self, cause: ClientError) {
        let mut state = self.lock();
        state.connection = None;
        state.conversation.hang_up(&cause);
        state.deliver_leftover();
        state.over.get_or_insert(cause);
        state.wake_listener();
        self.changed.notify_waiters();
    }
}

impl State {
    fn deliver_leftover(&mut self) {
        while let Some(incoming) = self.conversation.leftover() {
            self.deliver(incoming);
        }
    }

    fn deliver(&mut self, incoming: Incoming<Waiter>) {
        match incoming {
            Incoming::Ready => {
                self.events.ready();
                self.wake_listener();
            }
            // Nobody may be waiting any more.
            Incoming::Reply { waiter, result } => drop(waiter.send(result)),
            Incoming::Event { event, size } => {
                if self.has_listener {
                    self.events.push(event, size);
                    self.wake_listener();
                }
            }
        }
    }

    fn wake_listener(&mut self) {
        if let Some(waker) = self.listener.take() {
            waker.wake();
        }
    }
}

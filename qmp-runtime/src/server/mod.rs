//! The server: monitors at addresses, clients one after the other on each, one router behind all.

mod address;
mod connection;
mod outbox;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

pub use address::{Address, AddressError};

use crate::context::MonitorId;
use crate::events::EventSink;
use crate::fd::Channel;
use crate::json::Style;
use crate::router::{Dispatcher, Router};
pub use crate::session::Version;
use address::Listener;
use outbox::Outbox;

/// Settings of a server.
#[derive(Debug, Default)]
pub struct ServerBuilder {
    version: Version,
    events: EventSink,
    preconfig: bool,
    held: bool,
}

impl ServerBuilder {
    /// The version to greet with.
    #[must_use]
    pub fn version(mut self, major: u32, minor: u32, micro: u32, package: &str) -> Self {
        self.version = Version {
            major,
            minor,
            micro,
            package: package.to_owned(),
        };
        self
    }

    /// The sink that handlers and other threads have for events; a new one without this.
    #[must_use]
    pub fn events(mut self, events: &EventSink) -> Self {
        self.events = events.clone();
        self
    }

    /// Starts before the machine is initialised: only commands marked so are let through until
    /// [`Context::leave_preconfig`](crate::Context::leave_preconfig).
    #[must_use]
    pub fn preconfig(mut self, yes: bool) -> Self {
        self.preconfig = yes;
        self
    }

    /// Starts by greeting clients only: what they send waits for [`Server::release`]. So none of them sees
    /// the machine before it runs.
    #[must_use]
    pub fn held(mut self, yes: bool) -> Self {
        self.held = yes;
        self
    }

    /// A server for these handlers; it answers once it listens somewhere.
    pub fn serve(self, router: Router) -> Server {
        let dispatcher = Dispatcher::new(router);
        dispatcher.catalog.set_preconfig(self.preconfig);
        self.events.set_policy(dispatcher.catalog.policy);
        Server {
            shared: Arc::new(Shared {
                dispatcher,
                version: self.version,
                events: self.events,
                next_monitor: AtomicU32::new(0),
                state: Mutex::new(State {
                    held: self.held,
                    ..State::default()
                }),
                changed: Condvar::new(),
            }),
        }
    }
}

/// A running server; clones are the same server.
#[derive(Debug, Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dispatcher: Dispatcher,
    version: Version,
    events: EventSink,
    next_monitor: AtomicU32,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// No requests are read yet.
    held: bool,
    /// No more requests are answered.
    closed: bool,
    /// How many requests are being answered.
    answering: usize,
    /// How many sessions have begun on each monitor, by its number.
    sessions: Vec<u64>,
    connections: Vec<Weak<Outbox>>,
    /// Socket files to remove at the end.
    files: Vec<std::path::PathBuf>,
}

/// A place where clients connect.
#[derive(Debug, Clone)]
pub struct Monitor {
    id: MonitorId,
    shared: Arc<Shared>,
}

impl Monitor {
    /// Its number, as handlers see it in their context.
    pub fn id(&self) -> MonitorId {
        self.id
    }

    /// Waits until a client has connected for the first time, or the server is closed.
    pub fn wait_for_client(&self) {
        let index = self.id.0 as usize;
        let begun = |state: &mut State| {
            !state.closed && state.sessions.get(index).is_none_or(|&count| count == 0)
        };
        let state = self.shared.lock();
        drop(self.shared.changed.wait_while(state, begun));
    }
}

impl Server {
    /// Settings for a new server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The sink for events from outside of handlers.
    pub fn events(&self) -> &EventSink {
        &self.shared.events
    }

    /// Opens a monitor at an address and serves its clients on a thread of its own.
    ///
    /// # Errors
    /// The address cannot be opened.
    pub fn listen(&self, address: Address) -> io::Result<Monitor> {
        self.listen_with(address, Style::Line)
    }

    /// As [`Server::listen`], with a layout of the output.
    ///
    /// # Errors
    /// The address cannot be opened.
    pub fn listen_with(&self, address: Address, style: Style) -> io::Result<Monitor> {
        let file = address.socket_file();
        let listener = Listener::open(address)?;
        self.shared.lock().files.extend(file);
        self.spawn(move |shared, id| {
            while let Ok(channel) = listener.accept() {
                connection::serve(shared, id, channel, style);
                if shared.lock().closed || !listener.accepts_again() {
                    break;
                }
            }
        })
    }

    /// Serves one client over a socket that is connected already.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn serve_socket(&self, socket: OwnedFd) -> io::Result<Monitor> {
        let channel = Channel::socket(socket)?;
        self.spawn(move |shared, id| connection::serve(shared, id, channel, Style::Line))
    }

    fn spawn(
        &self,
        run: impl FnOnce(&Arc<Shared>, MonitorId) + Send + 'static,
    ) -> io::Result<Monitor> {
        let id = MonitorId(self.shared.next_monitor.fetch_add(1, Ordering::Relaxed));
        let shared = Arc::clone(&self.shared);
        thread::Builder::new()
            .name(format!("monitor-{}", id.0))
            .spawn(move || run(&shared, id))?;
        Ok(Monitor {
            id,
            shared: Arc::clone(&self.shared),
        })
    }

    /// Begins to answer requests, if that was held.
    pub fn release(&self) {
        self.shared.lock().held = false;
        self.shared.changed.notify_all();
    }

    /// Waits until a handler quits or the server is closed.
    pub fn wait(&self) {
        let state = self.shared.lock();
        drop(self.shared.changed.wait_while(state, |state| !state.closed));
    }

    /// Ends all sessions. Requests that are being answered get their answer first, if that takes no
    /// longer than `patience`.
    pub fn close(&self, patience: Duration) {
        let mut state = self.shared.lock();
        state.closed = true;
        let answering = |state: &mut State| state.answering > 0;
        drop(
            self.shared
                .changed
                .wait_timeout_while(state, patience, answering),
        );
        self.shared.end_sessions();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a new session in.
    fn begin(&self, id: MonitorId, outbox: &Arc<Outbox>) {
        let mut state = self.lock();
        let index = id.0 as usize;
        if state.sessions.len() <= index {
            state.sessions.resize(index + 1, 0);
        }
        state.sessions[index] += 1;
        state
            .connections
            .retain(|connection| connection.strong_count() > 0);
        state.connections.push(Arc::downgrade(outbox));
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until requests may be read.
    fn wait_for_release(&self) {
        let held = |state: &mut State| state.held && !state.closed;
        drop(self.changed.wait_while(self.lock(), held));
    }

    /// Counts a request in; false when no more are answered.
    fn begin_answer(&self) -> bool {
        let mut state = self.lock();
        if !state.closed {
            state.answering += 1;
        }
        !state.closed
    }

    /// Counts a request out; with `last`, it was the last one.
    fn end_answer(&self, last: bool) {
        let mut state = self.lock();
        state.answering -= 1;
        state.closed |= last;
        drop(state);
        self.changed.notify_all();
    }

    fn end_sessions(&self) {
        let mut state = self.lock();
        state.closed = true;
        let connections = std::mem::take(&mut state.connections);
        let files = std::mem::take(&mut state.files);
        drop(state);
        self.changed.notify_all();
        for outbox in connections.iter().filter_map(Weak::upgrade) {
            outbox.close();
        }
        for file in files {
            // Somebody may have removed it.
            let _ = std::fs::remove_file(file);
        }
    }
}

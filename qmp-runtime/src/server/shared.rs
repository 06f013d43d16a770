//! What all monitors of a server share.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::MonitorClient;
use super::outbox::Outbox;
use crate::context::MonitorId;
use crate::events::EventSink;
use crate::router::Dispatcher;
use crate::session::Version;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dispatcher: Dispatcher,
    pub(super) version: Version,
    pub(super) events: EventSink,
    pub(super) next_monitor: AtomicU32,
    /// No more requests are answered.
    closed: AtomicBool,
    /// How many requests are being answered.
    answering: AtomicUsize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// No requests are read yet.
    held: bool,
    /// Somebody ends all sessions.
    ending: bool,
    /// All sessions have been ended, and nothing is left of them.
    ended: bool,
    /// Monitors without clients to come.
    ended_monitors: Vec<MonitorId>,
    /// How many sessions have begun on each monitor, by its number.
    sessions: Vec<u64>,
    connections: Vec<Weak<Outbox>>,
    /// The clients that are there.
    clients: Vec<(MonitorId, MonitorClient)>,
    /// Listening sockets to shut down at the end.
    listening: Vec<Weak<Vec<OwnedFd>>>,
    /// Socket files to remove at the end.
    files: Vec<PathBuf>,
}

impl Shared {
    pub(super) fn new(
        dispatcher: Dispatcher,
        version: Version,
        events: EventSink,
        held: bool,
    ) -> Self {
        Shared {
            dispatcher,
            version,
            events,
            next_monitor: AtomicU32::new(0),
            closed: AtomicBool::new(false),
            answering: AtomicUsize::new(0),
            state: Mutex::new(State {
                held,
                ..State::default()
            }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Takes note of what has to be cleared up at the end.
    pub(super) fn keep(&self, sockets: &Arc<Vec<OwnedFd>>, file: Option<PathBuf>) {
        let mut state = self.lock();
        state.listening.push(Arc::downgrade(sockets));
        state.files.extend(file);
    }

    /// Counts a new session in.
    pub(super) fn begin(&self, id: MonitorId, outbox: &Arc<Outbox>) {
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
        if self.is_closed() {
            outbox.close();
        }
    }

    /// Takes note of a client that is there until [`leave`](Self::leave).
    pub(super) fn arrive(&self, id: MonitorId, client: MonitorClient) {
        self.lock().clients.push((id, client));
    }

    /// Takes note that the client of a monitor has gone.
    pub(super) fn leave(&self, id: MonitorId) {
        self.lock().clients.retain(|(monitor, _)| *monitor != id);
    }

    /// The client of a monitor, while there is one.
    pub(super) fn client(&self, id: MonitorId) -> Option<MonitorClient> {
        let state = self.lock();
        let mut clients = state.clients.iter();
        Some(clients.find(|(monitor, _)| *monitor == id)?.1.clone())
    }

    /// Waits until a client has connected to a monitor, or the server is closed.
    pub(super) fn wait_for_session(&self, id: MonitorId) {
        let index = id.0 as usize;
        let none_yet = |state: &mut State| {
            !self.is_closed() && state.sessions.get(index).is_none_or(|&count| count == 0)
        };
        drop(self.changed.wait_while(self.lock(), none_yet));
    }

    /// Takes note that a monitor will have no more clients.
    pub(super) fn end_monitor(&self, id: MonitorId) {
        self.lock().ended_monitors.push(id);
        self.changed.notify_all();
    }

    /// Waits until a monitor will have no more clients, or the server is closed.
    pub(super) fn wait_for_monitor_end(&self, id: MonitorId) {
        let goes_on = |state: &mut State| !self.is_closed() && !state.ended_monitors.contains(&id);
        drop(self.changed.wait_while(self.lock(), goes_on));
    }

    pub(super) fn release(&self) {
        self.lock().held = false;
        self.changed.notify_all();
    }

    /// Waits until requests may be read.
    pub(super) fn wait_for_release(&self) {
        let held = |state: &mut State| state.held && !self.is_closed();
        drop(self.changed.wait_while(self.lock(), held));
    }

    /// Waits for this long, or until the server is closed.
    pub(super) fn pause(&self, pause: Duration) {
        let open = |_: &mut State| !self.is_closed();
        drop(self.changed.wait_timeout_while(self.lock(), pause, open));
    }

    /// Waits until the server is closed, and its sessions have been ended.
    pub(super) fn wait_for_end(&self) {
        drop(self.changed.wait_while(self.lock(), |state| !state.ended));
    }

    /// Counts a request in; false when no more are answered.
    pub(super) fn begin_answer(&self) -> bool {
        self.answering.fetch_add(1, Ordering::SeqCst);
        let open = !self.is_closed();
        if !open {
            self.end_answer(false);
        }
        open
    }

    /// Counts a request out; with `last`, it was the last one.
    pub(super) fn end_answer(&self, last: bool) {
        if last {
            self.closed.store(true, Ordering::SeqCst);
        }
        self.answering.fetch_sub(1, Ordering::SeqCst);
        // Only a server that is being closed has somebody who waits for this.
        if self.is_closed() {
            drop(self.lock());
            self.changed.notify_all();
        }
    }

    /// Answers no more requests; waits so long for those that are being answered.
    pub(super) fn stop_answering(&self, patience: Duration) {
        let state = self.lock();
        self.closed.store(true, Ordering::SeqCst);
        let answering = |_: &mut State| self.answering.load(Ordering::SeqCst) > 0;
        drop(self.changed.wait_timeout_while(state, patience, answering));
    }

    pub(super) fn end_sessions(&self) {
        let mut state = self.lock();
        self.closed.store(true, Ordering::SeqCst);
        if std::mem::replace(&mut state.ending, true) {
            // Whoever comes second may end the process right after.
            drop(self.changed.wait_while(state, |state| !state.ended));
            return;
        }
        let connections = std::mem::take(&mut state.connections);
        let listening = std::mem::take(&mut state.listening);
        let files = std::mem::take(&mut state.files);
        drop(state);
        for file in files {
            // Somebody may have removed it.
            let _ = std::fs::remove_file(file);
        }
        self.changed.notify_all();
        for outbox in connections.iter().filter_map(Weak::upgrade) {
            outbox.close();
        }
        for sockets in listening.iter().filter_map(Weak::upgrade) {
            for socket in sockets.iter() {
                // It may have ended by itself.
                let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
            }
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

//! What all monitors of a server share.

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::mailbox::Mailbox;
use crate::context::MonitorId;
use crate::events::EventSink;
use crate::router::Dispatcher;
use crate::session::Version;

#[derive(Debug)]
pub(super) struct Hub {
    pub(super) dispatcher: Dispatcher,
    pub(super) version: Version,
    pub(super) events: EventSink,
    next_monitor: AtomicU32,
    state: watch::Sender<State>,
    ends: Mutex<Ends>,
}

#[derive(Debug, Default)]
struct State {
    /// No requests are read yet.
    held: bool,
    /// No more requests are answered.
    closed: bool,
    /// Somebody ends all sessions.
    ending: bool,
    /// All sessions have ended, and nothing is left of them.
    ended: bool,
    /// How many requests are being answered.
    answering: usize,
    /// How many sessions have begun on each monitor, by its number.
    sessions: Vec<u64>,
    /// The monitors that no client can come to any more.
    ended_monitors: Vec<MonitorId>,
}

/// What is to be cleared up at the end.
#[derive(Debug, Default)]
struct Ends {
    tasks: Vec<AbortHandle>,
    mailboxes: Vec<Weak<Mailbox>>,
    /// Socket files.
    files: Vec<PathBuf>,
}

/// Marks a monitor as ended when its task is no more.
struct MonitorEnd(Arc<Hub>, MonitorId);

impl Drop for MonitorEnd {
    fn drop(&mut self) {
        let MonitorEnd(hub, id) = self;
        hub.state
            .send_modify(|state| state.ended_monitors.push(*id));
    }
}

impl Hub {
    pub(super) fn new(
        dispatcher: Dispatcher,
        version: Version,
        events: EventSink,
        held: bool,
    ) -> Self {
        Hub {
            dispatcher,
            version,
            events,
            next_monitor: AtomicU32::new(0),
            state: watch::Sender::new(State {
                held,
                ..State::default()
            }),
            ends: Mutex::default(),
        }
    }

    fn ends(&self) -> std::sync::MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_monitor(&self) -> MonitorId {
        MonitorId(self.next_monitor.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn keep(&self, file: Option<PathBuf>) {
        self.ends().files.extend(file);
    }

    /// Runs the task of a monitor, which ends with it and with the server.
    pub(super) fn spawn(
        self: &Arc<Self>,
        id: MonitorId,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let ended = MonitorEnd(Arc::clone(self), id);
        let handle = tokio::spawn(async move {
            let _ended = ended; // also where the task panics or is aborted
            task.await;
        })
        .abort_handle();
        let mut ends = self.ends();
        ends.tasks.retain(|task| !task.is_finished());
        ends.tasks.push(handle);
    }

    /// Counts a new session in.
    pub(super) fn begin(&self, id: MonitorId, mailbox: &Arc<Mailbox>) {
        let mut ends = self.ends();
        ends.mailboxes.retain(|mailbox| mailbox.strong_count() > 0);
        ends.mailboxes.push(Arc::downgrade(mailbox));
        drop(ends);
        let index = id.0 as usize;
        self.state.send_modify(|state| {
            if state.sessions.len() <= index {
                state.sessions.resize(index + 1, 0);
            }
            state.sessions[index] += 1;
        });
    }

    async fn wait(&self, until: impl FnMut(&State) -> bool) {
        // The sender is here, so there is always one.
        let _ = self.state.subscribe().wait_for(until).await;
    }

    /// Waits until a client has connected to a monitor, or the server is closed.
    pub(super) async fn wait_for_session(&self, id: MonitorId) {
        let index = id.0 as usize;
        let begun = |state: &State| state.sessions.get(index).is_some_and(|&count| count > 0);
        self.wait(|state| state.closed || begun(state)).await;
    }

    /// Waits until no client can come to a monitor any more, or the server is closed.
    pub(super) async fn wait_for_monitor_end(&self, id: MonitorId) {
        self.wait(|state| state.closed || state.ended_monitors.contains(&id))
            .await;
    }

    pub(super) fn release(&self) {
        self.state.send_modify(|state| state.held = false);
    }

    /// Waits until requests may be read.
    pub(super) async fn wait_for_release(&self) {
        self.wait(|state| !state.held || state.closed).await;
    }

    pub(super) async fn wait_for_end(&self) {
        self.wait(|state| state.ended).await;
    }

    /// Counts a request in; false when no more are answered.
    pub(super) fn begin_answer(&self) -> bool {
        let mut open = false;
        // Nobody waits for this to grow.
        self.state.send_if_modified(|state| {
            open = !state.closed;
            state.answering += usize::from(open);
            false
        });
        open
    }

    /// Counts a request out; with `last`, it was the last one.
    pub(super) fn end_answer(&self, last: bool) {
        self.state.send_if_modified(|state| {
            state.answering -= 1;
            state.closed |= last;
            state.closed
        });
    }

    /// Answers no more requests; waits so long for those that are being answered.
    pub(super) async fn stop_answering(&self, patience: Duration) {
        self.state.send_modify(|state| state.closed = true);
        let answered = self.wait(|state| state.answering == 0);
        // What is not ready by then is not waited for.
        let _ = tokio::time::timeout(patience, answered).await;
    }

    /// Ends all sessions, unless somebody does so already.
    pub(super) fn end_sessions(&self) {
        let mut is_first = true;
        self.state.send_modify(|state| {
            state.closed = true;
            is_first = !std::mem::replace(&mut state.ending, true);
        });
        if !is_first {
            return;
        }
        let ends = std::mem::take(&mut *self.ends());
        for mailbox in ends.mailboxes.iter().filter_map(Weak::upgrade) {
            mailbox.close();
        }
        for task in ends.tasks {
            task.abort();
        }
        for file in ends.files {
            // Somebody may have removed it.
            let _ = std::fs::remove_file(file);
        }
        self.state.send_modify(|state| state.ended = true);
    }
}

//! One client: reads requests, runs them, lets out-of-band ones overtake.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::MonitorClient;
use super::outbox::Outbox;
use super::shared::Shared;
use crate::context::{Context, MonitorId};
use crate::events::Subscriber;
use crate::fd::Channel;
use crate::json::{Style, Writer};
use crate::session::{self, Incoming, LeftFds, Protocol, Received, Session};

/// How many bytes are read at once at first; most requests are smaller.
const READ_BYTES: usize = 2 << 10;
/// How many bytes are read at once by a session that has sent more than that at a time.
const READ_MANY_BYTES: usize = 32 << 10;

/// Serves a client until it goes, or the server is closed.
pub(super) fn serve(shared: &Arc<Shared>, monitor: MonitorId, channel: Channel, style: Style) {
    let here = MonitorClient::of(&channel);
    let Ok(outbox) = Outbox::new(channel, style) else {
        return;
    };
    let protocol = shared.dispatcher.catalog.protocol;
    let client = Arc::new(Client {
        shared: Arc::clone(shared),
        monitor,
        style,
        outbox,
        fds: LeftFds::default(),
        state: Mutex::new(State::new(protocol)),
        queue_changed: Condvar::new(),
    });
    shared.arrive(monitor, here);
    shared.begin(monitor, &client.outbox);
    let subscriber: Arc<dyn Subscriber> = Arc::<Outbox>::clone(&client.outbox);
    shared.events.subscribe(Arc::downgrade(&subscriber));
    if client.outbox.shake_hands().is_ok() {
        if protocol == Protocol::Monitor {
            let greeting = session::greeting(&shared.version, style);
            client.outbox.reply(&greeting, Vec::new());
        }
        shared.wait_for_release();
        client.read();
    }
    client.close_queue();
    client.outbox.close();
    shared.leave(monitor);
}

struct Client {
    shared: Arc<Shared>,
    monitor: MonitorId,
    style: Style,
    outbox: Arc<Outbox>,
    fds: LeftFds,
    state: Mutex<State>,
    queue_changed: Condvar,
}

#[derive(Debug)]
struct State {
    session: Session,
    closed: bool,
    /// A thread works through the queue; it starts when out-of-band commands are enabled.
    has_worker: bool,
    /// One of the two threads waits for the other: waking nobody costs a system call as well.
    is_waited_for: bool,
}

impl State {
    fn new(protocol: Protocol) -> Self {
        State {
            session: Session::new(protocol),
            closed: false,
            has_worker: false,
            is_waited_for: false,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    fn read(self: &Arc<Self>) {
        let mut buffer = vec![0; READ_BYTES];
        let mut out = self.writer();
        loop {
            let mut received = Vec::new();
            match self.outbox.read(&mut buffer, &mut received) {
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    self.receive(&buffer[..count], received, &mut out);
                    if count == buffer.len() {
                        buffer.resize(READ_MANY_BYTES, 0);
                    }
                }
            }
            if self.outbox.is_closed() {
                return;
            }
        }
    }

    fn receive(self: &Arc<Self>, mut input: &[u8], fds: Vec<OwnedFd>, out: &mut Writer) {
        let mut state = lock(&self.state);
        state.session.receive_fds(fds);
        while !state.closed {
            match state.session.receive(&mut input) {
                Received::Nothing => return,
                Received::Now(incoming) => {
                    drop(state);
                    state = self.answer(incoming, out);
                }
                Received::Queued => {
                    state.closed |= !self.wake_worker(&mut state);
                }
                Received::Full => state = self.wait(state),
            }
        }
    }

    /// Says that there is something in the queue; false if nobody can work through it.
    fn wake_worker(self: &Arc<Self>, state: &mut State) -> bool {
        self.wake(state);
        if state.has_worker {
            return true;
        }
        let client = Arc::clone(self);
        let name = format!("monitor-{}-in-band", self.monitor.0);
        let worker = thread::Builder::new().name(name);
        state.has_worker = worker.spawn(move || client.work()).is_ok();
        state.has_worker
    }

    /// Works through the queue until it is closed.
    fn work(&self) {
        let mut out = self.writer();
        let mut state = lock(&self.state);
        while !state.closed {
            if let Some(incoming) = state.session.next_in_band() {
                self.wake(&mut state);
                drop(state);
                state = self.answer(incoming, &mut out);
            } else {
                state = self.wait(state);
            }
        }
    }

    fn writer(&self) -> Writer {
        let protocol = self.shared.dispatcher.catalog.protocol;
        protocol.writer(self.style)
    }

    /// Waits until the queue has changed.
    fn wait<'s>(&self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        state.is_waited_for = true;
        self.queue_changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that the queue has changed.
    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.is_waited_for) {
            self.queue_changed.notify_all();
        }
    }

    /// Drops what waits; the running command finishes, and nobody hears of it.
    fn close_queue(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.session.clear();
        drop(state);
        self.queue_changed.notify_all();
    }

    fn answer(&self, incoming: Incoming, out: &mut Writer) -> MutexGuard<'_, State> {
        let Incoming { item, fds } = incoming;
        if !self.shared.begin_answer() {
            return lock(&self.state);
        }
        let dispatcher = &self.shared.dispatcher;
        let (events, catalog) = (&self.shared.events, &dispatcher.catalog);
        let mut cx = Context::new(events, catalog, self.monitor, self.fds.with(fds));
        let before = lock(&self.state).session.negotiated;
        let mut negotiated = before;
        let replies = session::answer(&item, &mut negotiated, dispatcher, &mut cx, out);
        self.fds.leave(cx.left_fds());
        if negotiated != before {
            lock(&self.state).session.negotiated = negotiated;
            self.outbox.subscribe();
        }
        if replies {
            self.outbox
                .reply(out.bytes(), std::mem::take(&mut cx.sends));
        }
        let quit = cx.quit;
        self.shared.end_answer(quit);
        if quit {
            self.close_queue();
            self.shared.end_sessions();
        }
        let mut state = lock(&self.state);
        state.session.recycle(item);
        state
    }
}

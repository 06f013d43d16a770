//! One client: reads requests, runs them, lets out-of-band ones overtake.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Shared;
use super::outbox::Outbox;
use crate::context::{Context, MonitorId};
use crate::events::Subscriber;
use crate::fd::{self, Channel};
use crate::json::{Item, Stream, Style};
use crate::session::{self, Negotiated};

/// How many in-band requests wait besides the running one when out-of-band commands are enabled.
const QUEUE_LIMIT: usize = 8;
/// How many bytes are read at once.
const READ_BYTES: usize = 16 << 10;

/// Serves a client until it goes, or the server is closed.
pub(super) fn serve(shared: &Arc<Shared>, monitor: MonitorId, channel: Channel, style: Style) {
    let Ok(outbox) = Outbox::new(channel, style) else {
        return;
    };
    let client = Arc::new(Client {
        shared: Arc::clone(shared),
        monitor,
        style,
        outbox: Arc::new(outbox),
        fds: Mutex::default(),
        negotiated: Mutex::default(),
        queue: Mutex::default(),
        queue_changed: Condvar::new(),
    });
    shared.begin(monitor, &client.outbox);
    let subscriber: Arc<dyn Subscriber> = Arc::<Outbox>::clone(&client.outbox);
    shared.events.subscribe(Arc::downgrade(&subscriber));
    client
        .outbox
        .reply(&session::greeting(&shared.version, style));
    shared.wait_for_release();
    client.read();
    client.close_queue();
    client.outbox.close();
}

struct Client {
    shared: Arc<Shared>,
    monitor: MonitorId,
    style: Style,
    outbox: Arc<Outbox>,
    /// Descriptors that came and were not taken yet.
    fds: Mutex<Vec<OwnedFd>>,
    negotiated: Mutex<Negotiated>,
    queue: Mutex<Queue>,
    queue_changed: Condvar,
}

/// In-band requests that wait while out-of-band ones are let through.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Item>,
    closed: bool,
    /// A thread works through the queue; it starts when out-of-band commands are enabled.
    has_worker: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    fn read(self: &Arc<Self>) {
        let mut stream = Stream::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut backlog = false;
        while !self.outbox.is_closed() {
            let Ok(ready) = fd::wait(&self.outbox.channel, backlog, &self.outbox.wake) else {
                return;
            };
            if ready.wake {
                self.outbox.woken();
            }
            if ready.wake || ready.output {
                backlog = self.outbox.flush();
            }
            if !ready.input {
                continue;
            }
            let mut received = Vec::new();
            match self.outbox.channel.read(&mut buffer, &mut received) {
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    if !received.is_empty() {
                        *lock(&self.fds) = received;
                    }
                    self.receive(&mut stream, &buffer[..count]);
                }
            }
        }
    }

    fn receive(self: &Arc<Self>, stream: &mut Stream, mut input: &[u8]) {
        while let Some(item) = stream.next_item(&mut input) {
            if self.outbox.is_closed() {
                return;
            }
            if !lock(&self.negotiated).oob || session::is_out_of_band(&item) {
                self.answer(&item);
            } else {
                self.enqueue(item);
            }
        }
    }

    /// Queues an in-band request; waits while the queue is full.
    fn enqueue(self: &Arc<Self>, item: Item) {
        let mut queue = lock(&self.queue);
        queue.waiting.push_back(item);
        if !queue.has_worker {
            queue.has_worker = true;
            let client = Arc::clone(self);
            let name = format!("monitor-{}-in-band", self.monitor.0);
            if thread::Builder::new()
                .name(name)
                .spawn(move || client.work())
                .is_err()
            {
                self.outbox.close();
                return;
            }
        }
        self.queue_changed.notify_all();
        let full = |queue: &mut Queue| queue.waiting.len() >= QUEUE_LIMIT && !queue.closed;
        drop(self.queue_changed.wait_while(queue, full));
    }

    /// Works through the queue until it is closed.
    fn work(&self) {
        loop {
            let queue = lock(&self.queue);
            let idle = |queue: &mut Queue| queue.waiting.is_empty() && !queue.closed;
            let mut queue = self
                .queue_changed
                .wait_while(queue, idle)
                .unwrap_or_else(PoisonError::into_inner);
            if queue.closed {
                return;
            }
            let item = queue.waiting.pop_front();
            drop(queue);
            self.queue_changed.notify_all();
            if let Some(item) = item {
                self.answer(&item);
            }
        }
    }

    /// Drops what waits; the running command finishes, and nobody hears of it.
    fn close_queue(&self) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        queue.waiting.clear();
        drop(queue);
        self.queue_changed.notify_all();
    }

    fn answer(&self, item: &Item) {
        if !self.shared.begin_answer() {
            return;
        }
        let dispatcher = &self.shared.dispatcher;
        let mut cx = Context {
            events: &self.shared.events,
            catalog: &dispatcher.catalog,
            monitor: self.monitor,
            out_of_band: false,
            fds: &self.fds,
            quit: false,
        };
        let before = *lock(&self.negotiated);
        let mut negotiated = before;
        let reply = session::answer(item, &mut negotiated, dispatcher, &mut cx, self.style);
        if negotiated != before {
            *lock(&self.negotiated) = negotiated;
            self.outbox.subscribe();
        }
        if let Some(reply) = reply {
            self.outbox.reply(&reply);
        }
        self.shared.end_answer(cx.quit);
        if cx.quit {
            self.close_queue();
            self.shared.end_sessions();
        }
    }
}

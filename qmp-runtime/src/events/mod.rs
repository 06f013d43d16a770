//! Events: from any thread to every client that has negotiated.

mod line;
mod rate;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(crate) use line::EventLine;
pub use rate::RateLimit;

use crate::codec::AnyJson;
use crate::command::{Event, EventInfo};
use crate::policy::CompatPolicy;
use rate::Limiter;

/// Takes the lines that a client is to get.
pub(crate) trait Subscriber: Send + Sync {
    /// Queues an event if the client has negotiated; must not block.
    fn event(&self, line: &EventLine);
}

/// Sends events to all clients; cheap to clone, usable from any thread.
///
/// Events that guests can cause in great numbers are sent at most once a second, by
/// [`RateLimit::QEMU`]: the first at once; of those that follow within the second the last one is kept
/// and sent at its end, stamped with the time when it happened.
#[derive(Debug, Clone, Default)]
pub struct EventSink {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    /// For the thread that sends what was held back.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    subscribers: Vec<Weak<dyn Subscriber>>,
    policy: CompatPolicy,
    limiter: Limiter,
    /// A thread waits for the end of a rate limit.
    has_timer: bool,
}

impl std::fmt::Debug for dyn Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscriber")
    }
}

impl EventSink {
    /// A sink without clients.
    pub fn new() -> Self {
        EventSink::default()
    }

    /// A sink without clients, with rate limits of its own in place of QEMU's.
    pub fn with_rate_limits(limits: &[RateLimit]) -> Self {
        let sink = EventSink::default();
        sink.inner.lock().limiter = Limiter::new(limits);
        sink
    }

    /// Sends an event, stamped with the time of now.
    ///
    /// Never blocks: a client that does not read is disconnected when its queue is full.
    pub fn emit<E: Event>(&self, event: &E) {
        self.send(&E::INFO, event);
    }

    /// Leaves out what a policy hides.
    pub(crate) fn set_policy(&self, policy: CompatPolicy) {
        self.inner.lock().policy = policy;
    }

    fn send(&self, info: &EventInfo, data: &dyn AnyJson) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // Held to the end, so that all clients see events in one order.
        let mut state = self.inner.lock();
        if state.policy.hides_event(info.features) {
            return;
        }
        let line = EventLine::new(info, data, now, state.policy);
        if let Some(line) = state.limiter.offer(info.name, data, line, Instant::now()) {
            state.deliver(&line);
        }
        if !state.has_timer && state.limiter.next().is_some() {
            let inner = Arc::clone(&self.inner);
            let timer = thread::Builder::new().name("event-timer".into());
            state.has_timer = timer.spawn(move || inner.send_held_back()).is_ok();
        }
    }

    pub(crate) fn subscribe(&self, subscriber: Weak<dyn Subscriber>) {
        self.inner.lock().subscribers.push(subscriber);
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what was held back when its time has come, until nothing is under a limit any more.
    fn send_held_back(&self) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            for line in state.limiter.expire(now) {
                state.deliver(&line);
            }
            let Some(next) = state.limiter.next() else {
                state.has_timer = false;
                return;
            };
            let pause = next.saturating_duration_since(now);
            state = self
                .changed
                .wait_timeout(state, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl State {
    fn deliver(&mut self, line: &EventLine) {
        self.subscribers
            .retain(|subscriber| match subscriber.upgrade() {
                Some(subscriber) => {
                    subscriber.event(line);
                    true
                }
                None => false,
            });
    }
}

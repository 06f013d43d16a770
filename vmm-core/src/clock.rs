//! Clocks that devices keep time by, and timers on them.
//!
//! | clock     | runs |
//! |-----------|------|
//! | `vm`      | while the guest runs |
//! | `host`    | always, as the host's time of day: it may be set |
//! | `rt`      | always, and never backwards |
//!
//! One thread calls whoever waits for a moment. Clocks that are moved
//! [by hand](Clocks::manual) are for tests of devices.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::sync::lock;

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;

/// The host's time of day may be set at any moment: look at it this often.
const HOST_CHECK: Duration = Duration::from_secs(1);

/// What a clock goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockKind {
    /// The guest's time: it stands while the guest does.
    Vm,
    /// The host's time of day.
    #[default]
    Host,
    /// The host's time since the start of the machine.
    Rt,
}

/// The clocks of a machine; clones share them.
#[derive(Debug, Clone)]
pub struct Clocks(Arc<Shared>);

/// Calls back at moments of a clock, until it is dropped.
#[derive(Debug)]
pub struct Timer {
    clocks: Clocks,
    id: u64,
}

type Callback = Arc<dyn Fn() + Send + Sync>;

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    base: Base,
    /// Guest time when it last stood still.
    vm_elapsed: u64,
    /// Since when the guest runs, by `rt`.
    vm_since: Option<u64>,
    entries: Vec<Entry>,
    next_id: u64,
    ended: bool,
}

/// The thread that calls timers back; dropping it ends that.
#[derive(Debug)]
pub struct TimerThread {
    clocks: Clocks,
    thread: Option<JoinHandle<()>>,
}

impl Drop for TimerThread {
    fn drop(&mut self) {
        self.clocks.change(|state| state.ended = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // its panic was reported when it happened
        }
    }
}

impl Default for Clocks {
    fn default() -> Self {
        Self::new()
    }
}

/// What the clocks go by.
#[derive(Debug)]
enum Base {
    System(Instant),
    /// Moved by hand: nanoseconds since the epoch, and those of `rt`.
    Manual {
        host: u64,
        rt: u64,
    },
}

struct Entry {
    id: u64,
    clock: ClockKind,
    deadline: Option<u64>,
    callback: Callback,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .field("clock", &self.clock)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl State {
    fn rt(&self) -> u64 {
        match &self.base {
            Base::System(start) => nanoseconds(start.elapsed()),
            Base::Manual { rt, .. } => *rt,
        }
    }

    fn now(&self, clock: ClockKind) -> u64 {
        match (clock, &self.base) {
            (ClockKind::Rt, _) => self.rt(),
            (ClockKind::Vm, _) => {
                let running = self.vm_since.map(|since| self.rt().saturating_sub(since));
                self.vm_elapsed.saturating_add(running.unwrap_or_default())
            }
            (ClockKind::Host, Base::Manual { host, .. }) => *host,
            (ClockKind::Host, Base::System(_)) => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, nanoseconds),
        }
    }

    /// Takes the callbacks whose moment has come, in order.
    fn take_due(&mut self) -> Vec<Callback> {
        let mut due: Vec<(u64, Callback)> = Vec::new();
        for at in 0..self.entries.len() {
            let now = self.now(self.entries[at].clock);
            let entry = &mut self.entries[at];
            if let Some(deadline) = entry.deadline.take_if(|deadline| *deadline <= now) {
                due.push((deadline, Arc::clone(&entry.callback)));
            }
        }
        due.sort_by_key(|(deadline, _)| *deadline);
        due.into_iter().map(|(_, callback)| callback).collect()
    }

    /// How long nothing will be due; `None` for ever.
    fn pause(&self) -> Option<Duration> {
        let wait = |entry: &Entry| {
            let left = entry.deadline?.saturating_sub(self.now(entry.clock));
            match entry.clock {
                ClockKind::Vm if self.vm_since.is_none() => None,
                ClockKind::Host => Some(Duration::from_nanos(left).min(HOST_CHECK)),
                ClockKind::Vm | ClockKind::Rt => Some(Duration::from_nanos(left)),
            }
        };
        self.entries.iter().filter_map(wait).min()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Clocks {
    fn with(base: Base) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                base,
                vm_elapsed: 0,
                vm_since: None,
                entries: Vec::new(),
                next_id: 0,
                ended: false,
            }),
            changed: Condvar::new(),
        }))
    }

    /// Clocks that go by the host's. The guest's stands at first.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Base::System(Instant::now()))
    }

    /// Lets timers call back from now on.
    ///
    /// # Errors
    /// The host refuses a thread.
    pub fn start(&self) -> std::io::Result<TimerThread> {
        let served = self.clone();
        let thread = thread::Builder::new()
            .name("timers".to_owned())
            .spawn(move || served.serve())?;
        Ok(TimerThread {
            clocks: self.clone(),
            thread: Some(thread),
        })
    }

    /// Clocks that only [`advance`](Self::advance) moves; `host` is the time of
    /// day in nanoseconds since the epoch. The guest's stands at first.
    #[must_use]
    pub fn manual(host: u64) -> Self {
        Self::with(Base::Manual { host, rt: 0 })
    }

    fn serve(&self) {
        let mut state = self.lock();
        while !state.ended {
            let due = state.take_due();
            if !due.is_empty() {
                drop(state);
                due.iter().for_each(|callback| callback());
                state = self.lock();
                continue;
            }
            let changed = &self.0.changed;
            state = match state.pause() {
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(pause) => {
                    let woken = changed.wait_timeout(state, pause);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        // With no moment to wait for, the thread may sleep on, or until one that was forgotten.
        let matters = state.ended || state.pause().is_some();
        drop(state);
        if matters {
            self.0.changed.notify_all();
        }
        result
    }

    /// Nanoseconds that `clock` shows: since the epoch for the host's, since
    /// the start of the machine for the others.
    #[must_use]
    pub fn now(&self, clock: ClockKind) -> u64 {
        self.lock().now(clock)
    }

    /// Lets the guest's clock run.
    pub fn resume(&self) {
        self.change(|state| {
            let now = state.rt();
            state.vm_since.get_or_insert(now);
        });
    }

    /// Stops the guest's clock.
    pub fn pause(&self) {
        self.change(|state| {
            state.vm_elapsed = state.now(ClockKind::Vm);
            state.vm_since = None;
        });
    }

    /// Sets the guest's clock, which stands.
    pub(crate) fn set_vm(&self, elapsed: u64) {
        self.change(|state| state.vm_elapsed = elapsed);
    }

    /// A timer that is not set; when it is, `callback` is called on the thread
    /// of the timers, without locks. It may come late, and once more after the
    /// timer has been set anew: it should look at the clock.
    pub fn timer(&self, clock: ClockKind, callback: impl Fn() + Send + Sync + 'static) -> Timer {
        let id = self.change(|state| {
            let id = state.next_id;
            state.next_id += 1;
            state.entries.push(Entry {
                id,
                clock,
                deadline: None,
                callback: Arc::new(callback),
            });
            id
        });
        Timer {
            clocks: self.clone(),
            id,
        }
    }

    /// Moves clocks that are moved by hand, and calls whoever is due on the way.
    pub fn advance(&self, nanoseconds: u64) {
        let mut left = nanoseconds;
        loop {
            let mut state = self.lock();
            let due = state.take_due();
            if !due.is_empty() {
                drop(state);
                due.iter().for_each(|callback| callback());
                continue;
            }
            if left == 0 {
                return;
            }
            let pause = state.pause().map_or(u64::MAX, self::nanoseconds);
            let step = left.min(pause);
            left -= step;
            if let Base::Manual { host, rt } = &mut state.base {
                *host += step;
                *rt += step;
            }
        }
    }
}

impl Timer {
    /// Sets the moment, by the timer's clock; an earlier one is forgotten.
    pub fn set(&self, deadline: u64) {
        self.put(Some(deadline));
    }

    /// Forgets the moment.
    pub fn cancel(&self) {
        self.put(None);
    }

    fn put(&self, deadline: Option<u64>) {
        self.clocks.change(|state| {
            let mut entries = state.entries.iter_mut();
            if let Some(entry) = entries.find(|entry| entry.id == self.id) {
                entry.deadline = deadline;
            }
        });
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clocks
            .change(|state| state.entries.retain(|entry| entry.id != self.id));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn noted(clocks: &Clocks, clock: ClockKind) -> (Timer, mpsc::Receiver<u64>) {
        let (sender, receiver) = mpsc::channel();
        let seen = clocks.clone();
        let timer = clocks.timer(clock, move || {
            let _ = sender.send(seen.now(clock));
        });
        (timer, receiver)
    }

    #[test]
    fn timer_calls_once_at_its_moment() {
        let clocks = Clocks::manual(5 * SECOND);
        let (timer, calls) = noted(&clocks, ClockKind::Host);
        timer.set(6 * SECOND);
        clocks.advance(SECOND - 1);
        assert!(calls.try_recv().is_err());
        clocks.advance(10 * SECOND);
        assert_eq!(calls.try_iter().collect::<Vec<_>>(), [6 * SECOND]);
        timer.set(0);
        timer.cancel();
        clocks.advance(SECOND);
        assert!(calls.try_recv().is_err());
    }

    #[test]
    fn guest_time_stands_while_the_guest_does() {
        let clocks = Clocks::manual(0);
        let (timer, calls) = noted(&clocks, ClockKind::Vm);
        timer.set(2 * SECOND);
        clocks.advance(SECOND);
        clocks.resume();
        clocks.advance(SECOND);
        clocks.pause();
        clocks.advance(5 * SECOND);
        assert_eq!(clocks.now(ClockKind::Vm), SECOND);
        assert_eq!(clocks.now(ClockKind::Rt), 7 * SECOND);
        assert!(calls.try_recv().is_err());
        clocks.resume();
        clocks.advance(SECOND);
        assert_eq!(calls.try_recv(), Ok(2 * SECOND));
    }

    #[test]
    fn timers_come_in_order_and_may_set_others() {
        let clocks = Clocks::manual(0);
        let (second, calls) = noted(&clocks, ClockKind::Rt);
        let second = Arc::new(second);
        let setter = Arc::clone(&second);
        let first = clocks.timer(ClockKind::Rt, move || setter.set(30));
        first.set(10);
        clocks.advance(100);
        assert_eq!(calls.try_recv(), Ok(30));
    }

    #[test]
    fn thread_serves_timers_until_the_end() {
        let clocks = Clocks::new();
        let thread = clocks.start().unwrap();
        let (timer, calls) = noted(&clocks, ClockKind::Rt);
        timer.set(1_000_000);
        assert!(calls.recv().unwrap() >= 1_000_000);
        drop(thread);
        timer.set(0);
        assert!(calls.try_recv().is_err());
        drop(timer); // its callback goes with it
        assert!(calls.recv().is_err());
    }
}

//! Threads that serve queues.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

use crate::backends::IoThread;
use crate::machine::{Observer, Services};
use crate::sandbox::{Role, confine_thread};
use crate::sync::lock;

/// Keeps all workers of a machine from guest memory while the guest stands.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    /// Whether the guest runs.
    open: bool,
    /// Workers that are at work, and those that were let in and are about to be.
    busy: usize,
    /// Workers that wait for the gate to open.
    outside: usize,
    /// How often it has opened.
    openings: u64,
    /// Those that have something left to do when the guest runs again.
    waiting: Vec<Weak<Shared>>,
}

impl Gate {
    /// Lets workers work.
    pub(crate) fn open(&self) {
        let mut waiting = Vec::new();
        self.change(|state| {
            state.open = true;
            state.openings += 1;
            // They are in from now on: who closes the gate at once waits for them,
            // so that they get their turn however often that happens.
            state.busy += std::mem::take(&mut state.outside);
            waiting = std::mem::take(&mut state.waiting);
        });
        for worker in waiting.iter().filter_map(Weak::upgrade) {
            Kick(worker).kick();
        }
    }

    /// Keeps workers from starting anything, and waits for what has begun.
    pub(crate) fn close(&self) {
        self.change(|state| state.open = false);
        let (state, changed) = &*self.0;
        let idle = changed.wait_while(lock(state), |state| state.busy > 0);
        drop(idle.unwrap_or_else(PoisonError::into_inner));
    }

    fn change(&self, change: impl FnOnce(&mut GateState)) {
        change(&mut lock(&self.0.0));
        self.0.1.notify_all();
    }

    /// Waits until work may be done; nothing when there will be none.
    fn enter(&self, ended: &AtomicBool) -> Option<Pass<'_>> {
        let (state, changed) = &*self.0;
        let mut state = lock(state);
        if state.open {
            state.busy += 1;
        } else {
            state.outside += 1;
            let before = state.openings;
            let waited = changed.wait_while(state, |state| {
                state.openings == before && !ended.load(Ordering::Acquire)
            });
            state = waited.unwrap_or_else(PoisonError::into_inner);
            if state.openings == before {
                state.outside -= 1;
                return None;
            }
        }
        drop(state);
        let pass = Pass(self);
        (!ended.load(Ordering::Acquire)).then_some(pass)
    }
}

/// The right to work, until it is dropped.
struct Pass<'a>(&'a Gate);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.busy -= 1);
    }
}

/// What serves a queue: called on the worker's thread when there may be work.
/// It does all that it can do without waiting. What it returns is watched, too:
/// it is called again when there is something to read. (Not on a thread that
/// the user made.)
pub(super) type Serve = Box<dyn FnMut() -> Option<RawFd> + Send>;

struct Shared {
    signal: Signal,
    ended: AtomicBool,
    gate: Gate,
    /// Held while work is done.
    serving: Mutex<()>,
    observer: Arc<dyn Observer>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// How a worker learns that there may be work.
enum Signal {
    /// On a thread of its own.
    Event(Arc<EventFd>),
    /// On a thread that others use, too.
    Job {
        thread: Arc<IoThread>,
        /// Whether it was told already.
        is_queued: AtomicBool,
        serve: Mutex<Serve>,
    },
}

/// What serves a device's queues, on a thread.
#[derive(Debug)]
pub(super) struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Tells a worker that there may be work.
#[derive(Debug, Clone)]
pub(super) struct Kick(Arc<Shared>);

impl Kick {
    pub(super) fn kick(&self) {
        match &self.0.signal {
            Signal::Event(event) => {
                // The only failure is a counter at its limit: then a kick is pending already.
                let _ = event.write(1);
            }
            Signal::Job {
                thread, is_queued, ..
            } => {
                if !is_queued.swap(true, Ordering::AcqRel) {
                    let shared = Arc::clone(&self.0);
                    thread.run(move || shared.turn());
                }
            }
        }
    }

    /// What kicks when it is written to, on a thread of its own.
    pub(super) fn event(&self) -> Option<Arc<EventFd>> {
        match &self.0.signal {
            Signal::Event(event) => Some(Arc::clone(event)),
            Signal::Job { .. } => None,
        }
    }

    /// Kicks as soon as the guest runs, if it does not.
    pub(super) fn kick_when_running(&self) {
        let waiting = Arc::downgrade(&self.0);
        self.0.gate.change(|state| state.waiting.push(waiting));
    }

    /// Waits for the end of what is being done.
    pub(super) fn drain(&self) {
        drop(lock(&self.0.serving));
    }
}

impl Worker {
    /// Starts a thread; `serve` makes what it does.
    pub(super) fn start(
        name: &str,
        services: &Services,
        serve: impl FnOnce(Kick) -> Serve,
    ) -> io::Result<Self> {
        let event = Arc::new(EventFd::new(EFD_NONBLOCK)?);
        let epoll = Epoll::new()?;
        let kicks = EpollEvent::new(EventSet::IN, KICK);
        epoll.ctl(ControlOperation::Add, event.as_raw_fd(), kicks)?;
        let shared = Shared::new(services, Signal::Event(event));
        let serve = serve(Kick(Arc::clone(&shared)));
        let served = Arc::clone(&shared);
        let confined = services.confined;
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                if confined && confine_thread(Role::Device).is_err() {
                    return; // the vCPUs report what is wrong with filters here
                }
                served.run(&epoll, serve);
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Works on a thread that the user made.
    pub(super) fn on(thread: Arc<IoThread>, services: &Services, serve: Serve) -> Self {
        let signal = Signal::Job {
            thread,
            is_queued: AtomicBool::new(false),
            serve: Mutex::new(serve),
        };
        Self {
            shared: Shared::new(services, signal),
            thread: None,
        }
    }

    pub(super) fn kick(&self) -> Kick {
        Kick(Arc::clone(&self.shared))
    }
}

const KICK: u64 = 0;
const INPUT: u64 = 1;

impl Shared {
    fn new(services: &Services, signal: Signal) -> Arc<Self> {
        Arc::new(Self {
            signal,
            ended: AtomicBool::new(false),
            gate: services.gate.clone(),
            serving: Mutex::default(),
            observer: services.observer(),
        })
    }

    fn run(&self, epoll: &Epoll, mut serve: Serve) {
        let mut watched = None;
        loop {
            let mut events = [EpollEvent::default(); 2];
            let count = match epoll.wait(-1, &mut events) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            if let Signal::Event(event) = &self.signal {
                let _ = event.read(); // no kick is an input's turn
            }
            if let Some(fd) = watched.take_if(|_| count > 0) {
                let _ = epoll.ctl(ControlOperation::Delete, fd, EpollEvent::default());
            }
            {
                let Some(_pass) = self.gate.enter(&self.ended) else {
                    return;
                };
                let Some(next) = self.serve(&mut serve) else {
                    return;
                };
                watched = next;
            }
            if let Some(fd) = watched {
                let input = EpollEvent::new(EventSet::IN, INPUT);
                let _ = epoll.ctl(ControlOperation::Add, fd, input);
            }
        }
    }

    /// A turn on a thread that others use, too.
    fn turn(&self) {
        let Signal::Job {
            is_queued, serve, ..
        } = &self.signal
        else {
            return;
        };
        is_queued.store(false, Ordering::Release);
        let Some(_pass) = self.gate.enter(&self.ended) else {
            return;
        };
        if self.serve(&mut lock(serve)).is_none() {
            self.ended.store(true, Ordering::Release);
        }
    }

    /// Does what there is to do; nothing if that was the end of the device. A
    /// mistake of ours ends one device and not the machine.
    fn serve(&self, serve: &mut Serve) -> Option<Option<RawFd>> {
        let _serving = lock(&self.serving);
        let result = panic::catch_unwind(AssertUnwindSafe(serve));
        if result.is_err() {
            self.observer
                .diagnostic("a virtio device has failed; it answers no more");
        }
        result.ok()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.gate.change(|_| ()); // wakes it there
        if let Signal::Event(event) = &self.shared.signal {
            let _ = event.write(1);
        }
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join(); // its panic was reported when it happened
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worker_gets_its_turn_at_a_gate_that_closes_at_once() {
        let gate = Gate::default();
        let ended = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicBool::new(false));
        let worker = {
            let (gate, ended, done) = (gate.clone(), Arc::clone(&ended), Arc::clone(&done));
            thread::spawn(move || {
                let pass = gate.enter(&ended);
                assert!(pass.is_some());
                done.store(true, Ordering::Release);
            })
        };
        while lock(&gate.0.0).outside == 0 {
            thread::yield_now();
        }
        gate.open();
        gate.close();
        assert!(done.load(Ordering::Acquire)); // it was waited for
        worker.join().unwrap();
        assert_eq!(lock(&gate.0.0).busy, 0);
    }

    #[test]
    fn worker_that_waits_can_be_ended() {
        let gate = Gate::default();
        let ended = Arc::new(AtomicBool::new(false));
        let worker = {
            let (gate, ended) = (gate.clone(), Arc::clone(&ended));
            thread::spawn(move || gate.enter(&ended).is_none())
        };
        while lock(&gate.0.0).outside == 0 {
            thread::yield_now();
        }
        ended.store(true, Ordering::Release);
        gate.change(|_| ());
        assert!(worker.join().unwrap());
        gate.open();
        gate.close(); // nobody is waited for
    }
}

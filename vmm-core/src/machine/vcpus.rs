//! vCPU threads and the barrier that they stop at.
//!
//! Everything that a vCPU thread is told goes through its [`Mailbox`], under
//! the mailbox's lock, followed by a wake-up and a kick. The thread forgets
//! kicks (`arm`) under the same lock and before it looks: an order that it did
//! not see was placed later, so the kick that follows it ends the next run.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::MachineError;
use super::control::Message;
use crate::accel::{Core, Exit, kvm};
use crate::devices::{Buses, GuestRequest};
use crate::sandbox::{Role, SandboxError, confine_thread};
use crate::sync::lock;

type Job = Box<dyn FnOnce(&mut dyn Core) + Send>;

/// All vCPUs of a machine, by index.
#[derive(Debug)]
pub(super) struct Vcpus {
    cpus: Mutex<BTreeMap<u32, Arc<Vcpu>>>,
    buses: Arc<Buses>,
    requests: Sender<Message>,
    confined: bool,
}

#[derive(Debug)]
struct Vcpu {
    shared: Arc<Shared>,
    /// Its end gives the core back, unless it panicked.
    thread: Mutex<Option<JoinHandle<Box<dyn Core>>>>,
}

#[derive(Debug, Default)]
struct Shared {
    mailbox: Mutex<Mailbox>,
    changed: Condvar,
}

struct Mailbox {
    /// The thread has its filter, and this id; or the filter was refused.
    start: Option<Result<i32, SandboxError>>,
    /// The machine wants guest code to run.
    run: bool,
    /// This CPU made a request and waits until it is dealt with.
    held: bool,
    exit: bool,
    /// Answer to `run`: no guest code runs and the state is settled.
    parked: bool,
    jobs: VecDeque<Job>,
    replacement: Option<Box<dyn Core>>,
    /// The thread has ended: nothing will be answered.
    gone: bool,
    /// Counts replacements, so that requests of an earlier life are told apart.
    life: u64,
}

impl Default for Mailbox {
    /// That of a thread that has not run yet, which is as good as parked.
    fn default() -> Self {
        Self {
            start: None,
            run: false,
            held: false,
            exit: false,
            parked: true,
            jobs: VecDeque::new(),
            replacement: None,
            gone: false,
            life: 0,
        }
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox")
            .field("run", &self.run)
            .field("held", &self.held)
            .field("parked", &self.parked)
            .field("jobs", &self.jobs.len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn wait<'a>(&self, mailbox: MutexGuard<'a, Mailbox>) -> MutexGuard<'a, Mailbox> {
        self.changed
            .wait(mailbox)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vcpus {
    /// Starts a parked thread for each of `cores`; whether they may run tells [`await_start`](Self::await_start).
    pub(super) fn spawn(
        cores: Vec<(u32, Box<dyn Core>)>,
        buses: &Arc<Buses>,
        requests: &Sender<Message>,
        confined: bool,
    ) -> Result<Self, MachineError> {
        // Threads without a guest are kicked as well: the signal must be harmless.
        kvm::install_kick_handler()?;
        let vcpus = Self {
            cpus: Mutex::default(),
            buses: Arc::clone(buses),
            requests: requests.clone(),
            confined,
        };
        for (index, core) in cores {
            let vcpu = vcpus.start(index, core)?;
            lock(&vcpus.cpus).insert(index, Arc::new(vcpu));
        }
        Ok(vcpus)
    }

    fn start(&self, index: u32, core: Box<dyn Core>) -> Result<Vcpu, MachineError> {
        let (buses, requests) = (Arc::clone(&self.buses), self.requests.clone());
        Vcpu::spawn(index, core, buses, requests, self.confined)
    }

    /// Starts a parked thread for one more core, which may run.
    pub(super) fn add(&self, index: u32, core: Box<dyn Core>) -> Result<(), MachineError> {
        let vcpu = self.start(index, core)?;
        vcpu.await_start(index)?;
        lock(&self.cpus).insert(index, Arc::new(vcpu));
        Ok(())
    }

    /// Waits until all threads have said that they may run.
    pub(super) fn await_start(&self) -> Result<(), MachineError> {
        for (index, vcpu) in self.by_index() {
            vcpu.await_start(index)?;
        }
        Ok(())
    }

    /// Ends the thread of CPU `index`; its core, unless it has failed.
    pub(super) fn remove(&self, index: u32) -> Option<Box<dyn Core>> {
        let vcpu = lock(&self.cpus).remove(&index)?;
        vcpu.tell(|mailbox| mailbox.exit = true);
        vcpu.join()
    }

    /// The numbers of the CPUs that there are.
    pub(super) fn indexes(&self) -> Vec<u32> {
        lock(&self.cpus).keys().copied().collect()
    }

    fn all(&self) -> Vec<Arc<Vcpu>> {
        lock(&self.cpus).values().cloned().collect()
    }

    fn by_index(&self) -> Vec<(u32, Arc<Vcpu>)> {
        let cpus = lock(&self.cpus);
        let cpus = cpus.iter().map(|(index, vcpu)| (*index, Arc::clone(vcpu)));
        cpus.collect()
    }

    pub(super) fn thread_id(&self, index: u32) -> Option<i32> {
        self.get(index)?.await_start(index).ok()
    }

    fn get(&self, index: u32) -> Option<Arc<Vcpu>> {
        lock(&self.cpus).get(&index).cloned()
    }

    /// Lets guest code run.
    pub(super) fn resume(&self) {
        for vcpu in self.all() {
            vcpu.tell(|mailbox| {
                mailbox.run = true;
                mailbox.parked = mailbox.gone;
            });
        }
    }

    /// Stops guest code; returns when every thread stands at the barrier.
    pub(super) fn pause(&self) {
        let all = self.all();
        for vcpu in &all {
            vcpu.tell(|mailbox| mailbox.run = false);
        }
        for vcpu in &all {
            vcpu.await_parked();
        }
    }

    /// Lets a CPU go on whose request has been dealt with.
    pub(super) fn release(&self, index: u32) {
        if let Some(vcpu) = self.get(index) {
            vcpu.tell(|mailbox| mailbox.held = false);
        }
    }

    /// CPU `index` waits for its release, as after a request, and no other does.
    pub(super) fn hold_only(&self, index: Option<u32>) {
        for (at, vcpu) in self.by_index() {
            vcpu.tell(|mailbox| mailbox.held = index == Some(at));
        }
    }

    /// Gives every thread a new core, all of them paused. The old ones are gone
    /// on return.
    pub(super) fn replace(&self, cores: Vec<(u32, Box<dyn Core>)>) {
        for (index, core) in cores {
            let Some(vcpu) = self.get(index) else {
                continue;
            };
            vcpu.tell(|mailbox| {
                mailbox.replacement = Some(core);
                mailbox.parked = mailbox.gone;
                mailbox.held = false;
                mailbox.life += 1;
            });
        }
        for vcpu in self.all() {
            vcpu.await_parked();
        }
    }

    /// Whether a request made in `life` of CPU `index` is still open.
    pub(super) fn is_open(&self, index: u32, life: u64) -> bool {
        self.get(index)
            .is_some_and(|vcpu| lock(&vcpu.shared.mailbox).life == life)
    }

    /// Has the thread of CPU `index` do `job` between two guest instructions,
    /// and returns its result.
    pub(super) fn on_cpu<R: Send + 'static>(
        &self,
        index: u32,
        job: impl FnOnce(&mut dyn Core) -> R + Send + 'static,
    ) -> Result<R, MachineError> {
        let vcpu = self.get(index).ok_or(MachineError::NoCpu(index))?;
        let (sender, result) = mpsc::sync_channel(1);
        vcpu.tell(|mailbox| {
            if !mailbox.gone {
                mailbox.jobs.push_back(Box::new(move |core| {
                    let _ = sender.send(job(core)); // the receiver waits below
                }));
            }
        });
        result.recv().map_err(|_| MachineError::NoCpu(index))
    }
}

impl Drop for Vcpus {
    fn drop(&mut self) {
        let all = self.all();
        for vcpu in &all {
            vcpu.tell(|mailbox| mailbox.exit = true);
        }
        for vcpu in &all {
            vcpu.join();
        }
    }
}

impl Vcpu {
    fn spawn(
        index: u32,
        core: Box<dyn Core>,
        buses: Arc<Buses>,
        requests: Sender<Message>,
        confined: bool,
    ) -> Result<Self, MachineError> {
        let shared = Arc::new(Shared::default());
        let worker = Worker {
            index,
            shared: Arc::clone(&shared),
            buses,
            requests,
        };
        let thread = thread::Builder::new()
            .name(format!("CPU {index}"))
            .spawn(move || {
                let result = match confined {
                    true => confine_thread(Role::Vcpu),
                    false => Ok(()),
                };
                worker.serve(core, result)
            })
            .map_err(|error| MachineError::Host {
                what: "a vCPU thread",
                error,
            })?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    fn tell(&self, order: impl FnOnce(&mut Mailbox)) {
        let mut mailbox = lock(&self.shared.mailbox);
        let parked = mailbox.parked;
        order(&mut mailbox);
        drop(mailbox);
        self.shared.changed.notify_all();
        if parked {
            return; // it looks before it runs anything
        }
        if let Some(thread) = lock(&self.thread).as_ref() {
            kvm::kick(thread);
        }
    }

    /// Waits until the thread is ready for orders; its id.
    fn await_start(&self, index: u32) -> Result<i32, MachineError> {
        let mut mailbox = lock(&self.shared.mailbox);
        loop {
            match &mailbox.start {
                Some(result) => return Ok(result.clone()?),
                None if mailbox.gone => return Err(MachineError::NoCpu(index)),
                None => mailbox = self.shared.wait(mailbox),
            }
        }
    }

    /// Waits for the thread's end.
    fn join(&self) -> Option<Box<dyn Core>> {
        let thread = lock(&self.thread).take()?;
        thread.join().ok() // its panic was reported when it happened
    }

    fn await_parked(&self) {
        let mut mailbox = lock(&self.shared.mailbox);
        while !mailbox.parked {
            mailbox = self.shared.wait(mailbox);
        }
    }
}

/// The thread's side.
struct Worker {
    index: u32,
    shared: Arc<Shared>,
    buses: Arc<Buses>,
    requests: Sender<Message>,
}

enum Order {
    Run,
    Become(Box<dyn Core>),
    Exit,
}

/// Lets nobody wait for a thread that has ended, even by a panic.
struct Farewell<'a>(&'a Worker);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        let mut mailbox = lock(&self.0.shared.mailbox);
        mailbox.gone = true;
        mailbox.parked = true;
        mailbox.jobs.clear();
        let life = mailbox.life;
        drop(mailbox);
        self.0.shared.changed.notify_all();
        if thread::panicking() {
            let text = format!("the thread of CPU {} has failed", self.0.index);
            self.0.request(life, GuestRequest::InternalError(text));
        }
    }
}

impl Worker {
    /// Runs `core` and those that take its place, unless this thread could not be `confined`.
    fn serve(self, mut core: Box<dyn Core>, confined: Result<(), SandboxError>) -> Box<dyn Core> {
        let _farewell = Farewell(&self);
        let failed = confined.is_err();
        let thread_id = rustix::thread::gettid().as_raw_nonzero().get();
        lock(&self.shared.mailbox).start = Some(confined.map(|()| thread_id));
        self.shared.changed.notify_all();
        if failed {
            return core; // nobody will ask for it
        }
        kvm::accept_kicks();
        core.attach();
        loop {
            match self.next(core.as_mut()) {
                Order::Run => self.run(core.as_mut()),
                Order::Become(next) => {
                    drop(core); // before the new one attaches to this thread
                    core = next;
                    core.attach();
                }
                Order::Exit => {
                    core.detach();
                    return core;
                }
            }
        }
    }

    fn run(&self, core: &mut dyn Core) {
        let Exit::Request(request) = core.run(&self.buses) else {
            return;
        };
        let mut mailbox = lock(&self.shared.mailbox);
        mailbox.held = true;
        let life = mailbox.life;
        drop(mailbox);
        self.request(life, request);
    }

    fn request(&self, life: u64, request: GuestRequest) {
        // The control thread outlives the vCPU threads.
        let _ = self.requests.send(Message::Guest {
            cpu: self.index,
            life,
            request,
        });
    }

    /// Waits at the barrier until there is something to do.
    fn next(&self, core: &mut dyn Core) -> Order {
        let mut mailbox = lock(&self.shared.mailbox);
        loop {
            core.arm();
            if mailbox.exit {
                return Order::Exit;
            }
            if let Some(next) = mailbox.replacement.take() {
                return Order::Become(next);
            }
            if let Some(job) = mailbox.jobs.pop_front() {
                drop(mailbox);
                core.settle();
                job(core);
                mailbox = lock(&self.shared.mailbox);
                continue;
            }
            if mailbox.run && !mailbox.held && core.executes() {
                mailbox.parked = false;
                return Order::Run;
            }
            if !mailbox.parked {
                core.settle();
                mailbox.parked = true;
                self.shared.changed.notify_all();
            }
            mailbox = self.shared.wait(mailbox);
        }
    }
}

#[cfg(test)]
mod tests;

//! `iothread`: a thread of its own for the work of some devices.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use qmp_runtime::json::Value;

use crate::qom::{Access, Creation, Kind, Object, Properties, Property, QomError, TypeInfo, base};
use crate::sandbox::{Role, confine_thread};
use crate::sync::lock;

/// How long a thread looks for work before it sleeps, in ns, unless it is told.
const POLL_MAX_NS: i64 = 32768;
/// The most threads that help it.
const THREAD_POOL_MAX: i64 = 64;

const fn number(name: &'static str, default: i64) -> Property {
    Property::new(name, Kind::INT)
        .access(Access::Write)
        .default_int(default)
}

/// What has an event loop.
pub(super) static EVENT_LOOP_BASE: TypeInfo = TypeInfo::new("event-loop-base", &base::OBJECT)
    .abstract_type()
    .user_creatable()
    .properties(&[
        number("thread-pool-min", 0),
        number("thread-pool-max", THREAD_POOL_MAX),
        number("aio-max-batch", 0),
    ]);

pub(super) static IO_THREAD: TypeInfo = TypeInfo::new("iothread", &EVENT_LOOP_BASE)
    .described("A thread for the work of devices")
    .properties(&[
        number("poll-max-ns", POLL_MAX_NS),
        number("poll-grow", 0),
        number("poll-shrink", 0),
    ])
    .created_by(create);

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does what it is given, one thing after the other.
#[derive(Debug)]
pub struct IoThread {
    thread: Option<JoinHandle<()>>,
    thread_id: i32,
    jobs: Option<Sender<Job>>,
    settings: Mutex<Settings>,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    poll_max_ns: i64,
    poll_grow: i64,
    poll_shrink: i64,
    aio_max_batch: i64,
    thread_pool_min: i64,
    thread_pool_max: i64,
}

/// What there is to say of an [`IoThread`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoThreadInfo {
    /// The host's number of the thread.
    pub thread_id: i32,
    /// How long to look for work before sleeping, in ns.
    pub poll_max_ns: i64,
    /// How fast that time grows; 0 for the usual rate.
    pub poll_grow: i64,
    /// How fast that time shrinks; 0 for the usual rate.
    pub poll_shrink: i64,
    /// The most requests at a time; 0 for the usual number.
    pub aio_max_batch: i64,
}

impl IoThread {
    fn start(name: &str, settings: Settings, confined: bool) -> Result<Self, QomError> {
        let (jobs, receiver) = mpsc::channel::<Job>();
        let (sender, started) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name(format!("IO {name}"))
            .spawn(move || {
                if confined && confine_thread(Role::Device).is_err() {
                    return; // the vCPUs report what is wrong with filters here
                }
                let _ = sender.send(rustix::thread::gettid().as_raw_nonzero().get());
                for job in receiver {
                    job();
                }
            })
            .map_err(|error| QomError::Refused(format!("cannot start a thread: {error}")))?;
        Ok(Self {
            thread: Some(thread),
            thread_id: started.recv().unwrap_or_default(),
            jobs: Some(jobs),
            settings: Mutex::new(settings),
        })
    }

    /// Has the thread do `job`, after what it was given before.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(Box::new(job)); // the thread waits until `jobs` is dropped
        }
    }

    /// What there is to say of it.
    #[must_use]
    pub fn info(&self) -> IoThreadInfo {
        let settings = *lock(&self.settings);
        IoThreadInfo {
            thread_id: self.thread_id,
            poll_max_ns: settings.poll_max_ns,
            poll_grow: settings.poll_grow,
            poll_shrink: settings.poll_shrink,
            aio_max_batch: settings.aio_max_batch,
        }
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join(); // its panic was reported when it happened
        }
    }
}

impl Settings {
    fn new(properties: &Properties) -> Result<Self, QomError> {
        let mut settings = Settings {
            poll_max_ns: 0,
            poll_grow: 0,
            poll_shrink: 0,
            aio_max_batch: 0,
            thread_pool_min: 0,
            thread_pool_max: i64::MAX,
        };
        for name in [
            "thread-pool-max",
            "thread-pool-min",
            "aio-max-batch",
            "poll-max-ns",
            "poll-grow",
            "poll-shrink",
        ] {
            settings.set(name, properties.i64(name))?;
        }
        settings.check()?;
        Ok(settings)
    }

    fn field(&mut self, name: &str) -> Option<&mut i64> {
        Some(match name {
            "poll-max-ns" => &mut self.poll_max_ns,
            "poll-grow" => &mut self.poll_grow,
            "poll-shrink" => &mut self.poll_shrink,
            "aio-max-batch" => &mut self.aio_max_batch,
            "thread-pool-min" => &mut self.thread_pool_min,
            "thread-pool-max" => &mut self.thread_pool_max,
            _ => return None,
        })
    }

    fn set(&mut self, name: &str, value: i64) -> Result<(), QomError> {
        if value < 0 {
            let range = format!("{name} value must be in range [0, {}]", i64::MAX);
            return Err(QomError::Refused(range));
        }
        if let Some(field) = self.field(name) {
            *field = value;
        }
        Ok(())
    }

    /// Whether there can be such a pool of threads.
    fn check(&self) -> Result<(), QomError> {
        let (min, max) = (self.thread_pool_min, self.thread_pool_max);
        if min > max || max == 0 || max > i32::MAX.into() {
            let text = "bad thread-pool-min/thread-pool-max values";
            return Err(QomError::Refused(text.to_owned()));
        }
        Ok(())
    }
}

fn create(cx: &mut Creation<'_>) -> Result<Arc<dyn Object>, QomError> {
    let settings = Settings::new(cx.properties)?;
    Ok(Arc::new(IoThread::start(
        cx.id.unwrap_or_default(),
        settings,
        cx.services.confined,
    )?))
}

impl Object for IoThread {
    fn get(&self, property: &str) -> Option<Value> {
        let value = lock(&self.settings).field(property).copied()?;
        Some(value.into())
    }

    fn set(&self, property: &str, value: &Value) -> Result<(), QomError> {
        let mut settings = lock(&self.settings);
        // As with QEMU, a number that does not go with another one stays until that one is right, too.
        settings.set(property, value.as_i64().unwrap_or_default())?;
        settings.check()
    }
}

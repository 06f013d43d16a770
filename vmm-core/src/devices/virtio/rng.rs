//! The entropy device: fills the guest's buffers from a source of random bytes.

use std::io::ErrorKind;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};

use super::bus::{Place, VIRTIO_DEVICE};
use super::mmio::{Backend, Transport};
use super::queue::Chain;
use super::worker::{Kick, Worker};
use qmp_runtime::json::Value;

use crate::backends::{Entropy, RNG_BUILTIN};
use crate::clock::{ClockKind, Clocks, Timer};
use crate::machine::Observer;
use crate::qom::{Child, Creation, Kind, Object, Property, QomError, TypeInfo};
use crate::sync::lock;

const DEVICE_ID: u32 = 4;
const QUEUE: u16 = 0;
/// The most bytes at a time.
const BUFFER: u64 = 1 << 16;
/// The name of the source that the device has if the user named none.
const DEFAULT_SOURCE: &str = "default-backend";
const MILLISECOND: u64 = 1_000_000;

/// The type of it, for `-device`.
pub(super) static VIRTIO_RNG: TypeInfo = TypeInfo::new("virtio-rng-device", &VIRTIO_DEVICE)
    .properties(&[
        Property::new("max-bytes", Kind::UINT64).default_uint(i64::MAX as u64),
        Property::new("period", Kind::UINT32).default_uint(1 << 16),
        Property::new("rng", Kind::link("rng-backend")),
    ])
    .created_by(create);

fn create(cx: &mut Creation<'_>) -> Result<Arc<dyn Object>, QomError> {
    let refuse = |text: &str| Err(QomError::Refused(text.to_owned()));
    let properties = cx.properties;
    let (max_bytes, period) = (properties.u64("max-bytes"), properties.u64("period"));
    if period == 0 {
        return refuse("'period' parameter expects a positive integer");
    }
    if max_bytes > i64::MAX as u64 {
        return refuse("'max-bytes' parameter must be positive, and less than 2^63");
    }
    let (source, own) = match properties.link("rng") {
        Some(link) => match link.object::<Entropy>() {
            Some(source) => (source, None),
            None => return refuse("this source of entropy cannot be used"),
        },
        None => {
            let own = Arc::new(Entropy::builtin());
            (Arc::clone(&own), Some(own))
        }
    };
    let place = Place::new(cx)?;
    let transport = place.transport();
    let services = cx.services;
    let worker = Worker::start("virtio-rng", services, |kick| {
        let mut pump = Pump {
            transport: Arc::clone(&transport),
            source,
            quota: Quota::new(max_bytes, period * MILLISECOND, &services.clocks, kick),
            observer: services.observer(),
            pending: None,
            is_dry: false,
        };
        Box::new(move || pump.serve())
    });
    let worker =
        worker.map_err(|error| QomError::Refused(format!("cannot start a thread: {error}")))?;
    let rng = Arc::new(Rng {
        kick: worker.kick(),
        _worker: worker,
        own: own.map(|own| (format!("{}/{DEFAULT_SOURCE}", cx.path), own)),
    });
    place.plug(&(Arc::clone(&rng) as _))?;
    Ok(rng)
}

/// The device.
#[derive(Debug)]
struct Rng {
    kick: Kick,
    _worker: Worker,
    /// The source that it has if the user named none, and its path.
    own: Option<(String, Arc<Entropy>)>,
}

impl Object for Rng {
    fn get(&self, property: &str) -> Option<Value> {
        let own = self.own.as_ref().filter(|_| property == "rng");
        own.map(|(path, _)| path.as_str().into())
    }

    fn children(&self) -> Vec<Child> {
        let own = self.own.iter().map(|(_, own)| Child {
            name: DEFAULT_SOURCE.to_owned(),
            type_info: &RNG_BUILTIN,
            object: Arc::clone(own) as _,
        });
        own.collect()
    }
}

impl Backend for Rng {
    fn device_id(&self) -> u32 {
        DEVICE_ID
    }

    fn queues(&self) -> u16 {
        1
    }

    fn notify(&self, _queue: u16) {
        self.kick.kick();
    }

    fn reset(&self) {
        self.kick.drain();
    }
}

/// How many bytes the guest may have, in each period.
struct Quota {
    state: Arc<Mutex<QuotaState>>,
    period: u64,
    clocks: Clocks,
    timer: Timer,
}

#[derive(Debug)]
struct QuotaState {
    left: u64,
    /// Whether the period has begun.
    begun: bool,
}

impl Quota {
    fn new(max_bytes: u64, period: u64, clocks: &Clocks, kick: Kick) -> Self {
        let state = Arc::new(Mutex::new(QuotaState {
            left: max_bytes,
            begun: false,
        }));
        let renewed = Arc::clone(&state);
        let timer = clocks.timer(ClockKind::Vm, move || {
            *lock(&renewed) = QuotaState {
                left: max_bytes,
                begun: false,
            };
            kick.kick();
        });
        Self {
            state,
            period,
            clocks: clocks.clone(),
            timer,
        }
    }

    /// What is left of it; begins a period.
    fn left(&self) -> u64 {
        let mut state = lock(&self.state);
        let begins = !std::mem::replace(&mut state.begun, true);
        let left = state.left;
        drop(state);
        if begins {
            let now = self.clocks.now(ClockKind::Vm);
            self.timer.set(now.saturating_add(self.period));
        }
        left
    }

    fn use_up(&self, bytes: u64) {
        let mut state = lock(&self.state);
        state.left = state.left.saturating_sub(bytes);
    }
}

/// Carries bytes from the source into the guest's buffers.
struct Pump {
    transport: Arc<Transport>,
    source: Arc<Entropy>,
    quota: Quota,
    observer: Arc<dyn Observer>,
    /// A chain that waits for bytes.
    pending: Option<Chain>,
    /// The source gave nothing, and it was said.
    is_dry: bool,
}

impl Pump {
    fn serve(&mut self) -> Option<RawFd> {
        let transport = Arc::clone(&self.transport);
        self.pending.take_if(|chain| !transport.is_current(chain));
        while let Some(chain) = self.pending.take().or_else(|| transport.take(QUEUE)) {
            let wanted = chain.writable().min(BUFFER).min(self.quota.left());
            if wanted == 0 && chain.writable() > 0 {
                self.pending = Some(chain);
                return None; // until the period is over
            }
            let mut bytes = vec![0; usize::try_from(wanted).unwrap_or_default()];
            match self.source.read(&mut bytes) {
                Ok(count) if count > 0 || bytes.is_empty() => {
                    let written = chain.write(0, bytes.get(..count).unwrap_or_default());
                    self.quota.use_up(written as u64);
                    transport.give_back(&chain, written as u64);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.pending = Some(chain);
                    return self.source.descriptor();
                }
                Ok(_) => return self.dry(chain, "has ended"),
                Err(error) => return self.dry(chain, &format!("cannot be read: {error}")),
            }
        }
        None
    }

    /// The guest waits: it must not take what is no entropy for it.
    fn dry(&mut self, chain: Chain, why: &str) -> Option<RawFd> {
        if !std::mem::replace(&mut self.is_dry, true) {
            let text = format!("virtio-rng-device: the source of entropy {why}");
            self.observer.diagnostic(&text);
        }
        self.pending = Some(chain);
        None
    }
}

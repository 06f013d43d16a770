//! The balloon: the guest hands pages back that the host may use elsewhere.
//!
//! | queue | what the guest sends |
//! |-------|----------------------|
//! | 0     | pages that it gives |
//! | 1     | pages that it takes back |
//! | 2     | statistics, in a buffer that it gets back when new ones are wanted |
//! | 3     | free memory that it reports, if it was offered |

use std::sync::{Arc, Mutex, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use qmp_runtime::json::{Map, Value};

use super::bus::{Place, VIRTIO_DEVICE};
use super::mmio::{Backend, Transport};
use super::queue::Chain;
use super::worker::{Kick, Worker};
use crate::clock::{ClockKind, Clocks, SECOND, Timer};
use crate::devices::{GuestRequest, Requester};
use crate::machine::{Balloon, GuestRam};
use crate::qom::{Access, Creation, Kind, Object, Property, QomError, TypeInfo};
use crate::state::{self, Invalid, Restore};
use crate::sync::lock;

const DEVICE_ID: u32 = 5;
/// Features, by their numbers.
const STATS_VQ: u32 = 1;
const DEFLATE_ON_OOM: u32 = 2;
const PAGE_POISON: u32 = 4;
const REPORTING: u32 = 5;
const INFLATE: u16 = 0;
const DEFLATE: u16 = 1;
const STATISTICS: u16 = 2;
const REPORTS: u16 = 3;

/// The most bytes of page numbers that are looked at in one chain.
const MOST_NUMBERS: usize = 1 << 20;
const PAGE_SHIFT: u32 = 12;
const PAGE: u64 = 1 << PAGE_SHIFT;

/// The names of the statistics, by their number on the wire.
const NAMES: [&str; 16] = [
    "stat-swap-in",
    "stat-swap-out",
    "stat-major-faults",
    "stat-minor-faults",
    "stat-free-memory",
    "stat-total-memory",
    "stat-available-memory",
    "stat-disk-caches",
    "stat-htlb-pgalloc",
    "stat-htlb-pgfail",
    "stat-oom-kills",
    "stat-alloc-stalls",
    "stat-async-scans",
    "stat-direct-scans",
    "stat-async-reclaims",
    "stat-direct-reclaims",
];
/// Bytes of one statistic: its number and its value.
const STATISTIC: usize = 10;
/// The most statistics that are looked at.
const MOST_STATISTICS: usize = 64;

/// The type of it, for `-device`.
pub(super) static VIRTIO_BALLOON: TypeInfo = TypeInfo::new("virtio-balloon-device", &VIRTIO_DEVICE)
    .properties(&[
        Property::new("deflate-on-oom", Kind::BOOL).default_bool(false),
        Property::new("page-poison", Kind::BOOL).default_bool(true),
        Property::new("free-page-hint", Kind::BOOL).default_bool(false),
        Property::new("free-page-reporting", Kind::BOOL).default_bool(false),
        Property::new("guest-stats", Kind::other("guest statistics")).access(Access::Read),
        Property::new("guest-stats-polling-interval", Kind::INT)
            .access(Access::Write)
            .default_int(0),
    ])
    .created_by(create);

fn create(cx: &mut Creation<'_>) -> Result<Arc<dyn Object>, QomError> {
    let refuse = |text: &str| Err(QomError::Refused(text.to_owned()));
    let properties = cx.properties;
    if properties.bool("free-page-hint") {
        return refuse("free-page-hint=on: there is nothing here that would take the hints");
    }
    let services = cx.services;
    let place = Place::new(cx)?;
    let shared = Arc::new(Shared {
        transport: place.transport(),
        ram: services.ram.clone(),
        requester: services.requester.clone(),
        has_poison: properties.bool("page-poison"),
        reports: properties.bool("free-page-reporting"),
        deflates_on_oom: properties.bool("deflate-on-oom"),
        state: Mutex::default(),
    });
    let worker = Worker::start("virtio-balloon", services, |_| {
        let shared = Arc::downgrade(&shared);
        Box::new(move || {
            if let Some(shared) = shared.upgrade() {
                shared.serve();
            }
            None
        })
    });
    let worker =
        worker.map_err(|error| QomError::Refused(format!("cannot start a thread: {error}")))?;
    let device = Arc::new_cyclic(|device: &Weak<Device>| {
        let due = device.clone();
        let poll = move || {
            if let Some(device) = due.upgrade() {
                device.poll();
            }
        };
        Device {
            kick: worker.kick(),
            _worker: worker,
            clocks: services.clocks.clone(),
            timer: services.clocks.timer(ClockKind::Vm, poll),
            shared,
        }
    });
    device.set_interval(properties.i64("guest-stats-polling-interval"))?;
    if !services.balloon.install(&(Arc::clone(&device) as _)) {
        return refuse("Only one balloon device is supported");
    }
    place.plug(&(Arc::clone(&device) as _))?;
    Ok(device)
}

/// The device, as the machine and the transport see it.
#[derive(Debug)]
struct Device {
    kick: Kick,
    _worker: Worker,
    clocks: Clocks,
    /// When to ask for statistics.
    timer: Timer,
    shared: Arc<Shared>,
}

/// What the worker needs of it.
struct Shared {
    transport: Arc<Transport>,
    ram: GuestRam,
    requester: Requester,
    has_poison: bool,
    reports: bool,
    deflates_on_oom: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Pages that the guest should give.
    wanted: u32,
    /// Pages that it has given, it says.
    given: u32,
    /// What the guest fills free pages with.
    poison: u32,
    statistics: Statistics,
    /// Seconds between two of them; 0 for none.
    interval: i64,
    /// The buffer that statistics came in.
    held: Option<Chain>,
}

#[derive(Debug)]
struct Statistics {
    values: [u64; NAMES.len()],
    /// Seconds since the epoch.
    updated: u64,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            values: [u64::MAX; NAMES.len()], // none yet
            updated: 0,
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn serve(&self) {
        while let Some(chain) = self.transport.take(INFLATE) {
            each_run(&chain, |address, length| self.discard(address, length));
            self.transport.give_back(&chain, 0);
        }
        while let Some(chain) = self.transport.take(DEFLATE) {
            self.transport.give_back(&chain, 0); // pages come back when they are touched
        }
        while let Some(chain) = self.transport.take(STATISTICS) {
            self.note(chain);
        }
        while let Some(chain) = self.transport.take(REPORTS) {
            // a page that is to keep what it is filled with is of no use
            if lock(&self.state).poison == 0 {
                for (address, length) in chain.writable_pieces() {
                    self.discard(address, length);
                }
            }
            self.transport.give_back(&chain, 0);
        }
    }

    /// Lets go of whole pages; the guest finds zeroes there.
    fn discard(&self, address: u64, length: u64) {
        let end = (address.saturating_add(length)) & !(PAGE - 1);
        let start = address.next_multiple_of(PAGE);
        if start < end {
            let _ = self.ram.discard(start, end - start); // what is no memory is left alone
        }
    }

    /// Takes statistics in, and keeps their buffer until new ones are wanted.
    fn note(&self, chain: Chain) {
        let mut state = lock(&self.state);
        let mut statistics = Statistics::default();
        let mut bytes = [0; STATISTIC * MOST_STATISTICS];
        let count = chain.read(0, &mut bytes);
        let (entries, _) = bytes.get(..count).unwrap_or_default().as_chunks();
        for entry in entries {
            let [a, b, value @ ..]: [u8; STATISTIC] = *entry;
            let number = usize::from(u16::from_le_bytes([a, b]));
            if let Some(place) = statistics.values.get_mut(number) {
                *place = u64::from_le_bytes(value);
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        statistics.updated = now.map_or(0, |now| now.as_secs());
        state.statistics = statistics;
        if let Some(earlier) = state.held.replace(chain) {
            self.transport.give_back(&earlier, 0); // a guest has one such buffer
        }
    }

    fn config(&self) -> Vec<u8> {
        let state = lock(&self.state);
        let words = [state.wanted, state.given, 0, state.poison];
        words.into_iter().flat_map(u32::to_le_bytes).collect()
    }
}

/// Calls `each` with the runs of pages whose numbers a chain lists.
fn each_run(chain: &Chain, mut each: impl FnMut(u64, u64)) {
    let mut run: Option<(u64, u64)> = None;
    let mut bytes = vec![
        0;
        usize::try_from(chain.readable())
            .map_or(MOST_NUMBERS, |all| all.min(MOST_NUMBERS))
    ];
    let count = chain.read(0, &mut bytes);
    bytes.truncate(count);
    let (numbers, _) = bytes.as_chunks();
    for number in numbers {
        let address = u64::from(u32::from_le_bytes(*number)) << PAGE_SHIFT;
        run = Some(match run {
            Some((start, length)) if start + length == address => (start, length + PAGE),
            earlier => {
                if let Some((start, length)) = earlier {
                    each(start, length);
                }
                (address, PAGE)
            }
        });
    }
    if let Some((start, length)) = run {
        each(start, length);
    }
}

impl Device {
    /// Asks for statistics, if there is a buffer for them, and for the next turn.
    fn poll(&self) {
        let interval = {
            let mut state = lock(&self.shared.state);
            if state.interval == 0 {
                return;
            }
            if let Some(chain) = state.held.take() {
                self.shared.transport.give_back(&chain, 0);
            }
            state.interval
        };
        self.arm(interval);
    }

    fn arm(&self, interval: i64) {
        let wait = interval.unsigned_abs().saturating_mul(SECOND);
        let now = self.clocks.now(ClockKind::Vm);
        self.timer.set(now.saturating_add(wait));
    }

    fn set_interval(&self, interval: i64) -> Result<(), QomError> {
        let refuse = |text: &str| Err(QomError::Refused(text.to_owned()));
        if interval < 0 {
            return refuse("timer value must be greater than zero");
        }
        if interval > i64::from(u32::MAX) {
            return refuse("timer value is too big");
        }
        let before = std::mem::replace(&mut lock(&self.shared.state).interval, interval);
        if interval == before {
            return Ok(());
        }
        match interval {
            0 => self.timer.cancel(),
            _ if before == 0 => self.timer.set(0),
            _ => self.arm(interval),
        }
        Ok(())
    }
}

impl Object for Device {
    fn get(&self, property: &str) -> Option<Value> {
        let state = lock(&self.shared.state);
        match property {
            "guest-stats-polling-interval" => Some(state.interval.into()),
            "guest-stats" => {
                let values = NAMES.iter().zip(state.statistics.values);
                let values = values.map(|(name, value)| ((*name).to_owned(), value.into()));
                let members = [
                    ("stats".to_owned(), Value::Object(Map::from_iter(values))),
                    ("last-update".to_owned(), state.statistics.updated.into()),
                ];
                Some(Value::Object(Map::from_iter(members)))
            }
            _ => None,
        }
    }

    fn set(&self, _property: &str, value: &Value) -> Result<(), QomError> {
        self.set_interval(value.as_i64().unwrap_or_default())
    }
}

impl Balloon for Device {
    fn set_target(&self, bytes: u64) {
        let total = self.shared.ram.total();
        let pages = total.saturating_sub(bytes) >> PAGE_SHIFT;
        lock(&self.shared.state).wanted = u32::try_from(pages).unwrap_or(u32::MAX);
        self.shared.transport.config_changed();
    }

    fn actual(&self) -> u64 {
        let given = u64::from(lock(&self.shared.state).given) << PAGE_SHIFT;
        self.shared.ram.total().saturating_sub(given)
    }
}

impl Backend for Device {
    fn device_id(&self) -> u32 {
        DEVICE_ID
    }

    fn queues(&self) -> u16 {
        3 + u16::from(self.shared.reports)
    }

    fn features(&self) -> u64 {
        let shared = &self.shared;
        let bit = |has: bool, number: u32| u64::from(has) << number;
        bit(true, STATS_VQ)
            | bit(shared.deflates_on_oom, DEFLATE_ON_OOM)
            | bit(shared.has_poison, PAGE_POISON)
            | bit(shared.reports, REPORTING)
    }

    fn config_size(&self) -> u64 {
        match self.shared.has_poison {
            true => 16,
            false => 8,
        }
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let config = self.shared.config();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = config.get(start..).unwrap_or_default();
        for (to, from) in data.iter_mut().zip(part) {
            *to = *from;
        }
    }

    fn write_config(&self, offset: u64, data: &[u8]) {
        let mut config = self.shared.config();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = config.get_mut(start..).unwrap_or_default();
        for (to, from) in part.iter_mut().zip(data) {
            *to = *from;
        }
        let word = |at: usize| {
            let bytes = config
                .get(at..at + 4)
                .and_then(|bytes| bytes.try_into().ok());
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        let before = {
            let mut state = lock(&self.shared.state);
            state.poison = word(12);
            std::mem::replace(&mut state.given, word(4))
        };
        if before != word(4) {
            let actual = self.actual();
            let request = GuestRequest::Ballooned { actual };
            self.shared.requester.ask(request);
        }
    }

    fn notify(&self, _queue: u16) {
        self.kick.kick();
    }

    fn reset(&self) {
        self.kick.drain();
        let mut state = lock(&self.shared.state);
        state.held = None;
        state.poison = 0;
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        let state = lock(&self.shared.state);
        let (values, updated) = (state.statistics.values, state.statistics.updated);
        state::encode(&(state.wanted, state.given, state.poison, values, updated))
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let (wanted, given, poison, values, updated) = state::decode(bytes)?;
        Ok(Box::new(move || {
            let mut state = lock(&self.shared.state);
            (state.wanted, state.given, state.poison) = (wanted, given, poison);
            state.statistics = Statistics { values, updated };
            state.held = None; // its chain is taken once more
        }))
    }
}

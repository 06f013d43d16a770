//! The registers of a transport (virtio 1, "virtio over MMIO", version 2), and
//! the queues that a guest sets up through them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use virtio_bindings::virtio_config::{
    VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_CONFIG_S_FAILED, VIRTIO_CONFIG_S_FEATURES_OK,
    VIRTIO_CONFIG_S_NEEDS_RESET, VIRTIO_F_VERSION_1,
};
use virtio_bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};
use virtio_queue::{Queue, QueueT};
use vmm_sys_util::eventfd::EventFd;

use super::queue::{self, Chain, MAX_SIZE, Malformed};
use crate::accel::IrqLine;
use crate::devices::{Device, GuestRequest};
use crate::machine::{GuestRam, Observer};
use crate::state::{self, Invalid, Restore, Stateful};
use crate::sync::lock;

/// Bytes that the registers of a transport take.
pub(super) const REGISTERS: u64 = 0x200;
/// The register that a queue's number is written to.
pub(super) const NOTIFY: u64 = 0x50;
const CONFIG: u64 = 0x100;

const MAGIC: u32 = u32::from_le_bytes(*b"virt");
const VERSION: u32 = 2;
const VENDOR: u32 = u32::from_le_bytes(*b"QEMU");

/// The bits of the interrupt status.
const QUEUE_INTERRUPT: u32 = 1;
const CONFIG_INTERRUPT: u32 = 2;

/// What is behind a transport. It is called without locks, from vCPU threads.
pub(crate) trait Backend: Send + Sync + std::fmt::Debug {
    /// The number of the kind of device.
    fn device_id(&self) -> u32;

    /// How many queues there are.
    fn queues(&self) -> u16;

    /// The features of the kind of device that it offers.
    fn features(&self) -> u64 {
        0
    }

    /// Bytes of its configuration.
    fn config_size(&self) -> u64 {
        0
    }

    /// Fills `data`, which is inside of the configuration.
    fn read_config(&self, _offset: u64, _data: &mut [u8]) {}

    /// Takes what the guest writes into the configuration.
    fn write_config(&self, _offset: u64, _data: &[u8]) {}

    /// The guest's driver is ready.
    fn ready(&self) {}

    /// The guest says that something is available in a queue.
    fn notify(&self, queue: u16);

    /// What can be rung instead of calling [`notify`](Self::notify), for those who
    /// have much to do.
    fn doorbell(&self) -> Option<Arc<EventFd>> {
        None
    }

    /// Returns to power-on state; what has begun is over on return.
    fn reset(&self) {}

    /// What of it outlives the process, beside registers and queues: chains that were taken and not given back are
    /// taken once more by whoever goes on.
    ///
    /// # Errors
    /// It is too large to be written.
    fn save(&self) -> Result<Vec<u8>, Invalid> {
        Ok(Vec::new())
    }

    /// Checks what [`save`](Self::save) has written; what is returned puts it in place.
    ///
    /// # Errors
    /// There is no such state.
    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        state::check(bytes.is_empty(), "the device's own state")?;
        Ok(Box::new(|| ()))
    }
}

/// The place of one device: registers and queues.
pub(crate) struct Transport {
    pub(super) ram: GuestRam,
    observer: Arc<dyn Observer>,
    plugged: OnceLock<Plugged>,
    pub(super) state: Mutex<State>,
}

pub(super) struct Plugged {
    /// The tree of objects has it, and it has us.
    backend: Weak<dyn Backend>,
    pub(super) name: &'static str,
    pub(super) features: u64,
    line: IrqLine,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) status: u32,
    pub(super) interrupts: u32,
    pub(super) device_features_half: u32,
    pub(super) driver_features_half: u32,
    pub(super) driver_features: u64,
    pub(super) selected: u32,
    pub(super) queues: Vec<Queue>,
    /// Queue and first descriptor of chains that were taken and not given back.
    pub(super) taken: Vec<(u16, u16)>,
    /// Those of another process, which are taken first.
    pub(super) again: VecDeque<(u16, u16)>,
    /// Counts resets: chains of an earlier life are of no use.
    pub(super) life: u64,
    /// The configuration as the guest knows it.
    pub(super) generation: u32,
    /// The guest broke the rules; nothing goes on before a reset.
    pub(super) broken: bool,
    /// It was said that it did.
    pub(super) told: bool,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("device", &self.plugged.get().map(|plugged| plugged.name))
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Which of the features of every queue a device has.
#[derive(Debug, Clone, Copy)]
pub(super) struct RingFeatures {
    pub(super) indirect_desc: bool,
    pub(super) event_idx: bool,
}

impl RingFeatures {
    fn bits(self) -> u64 {
        let bit = |has: bool, number: u32| u64::from(has) << number;
        bit(true, VIRTIO_F_VERSION_1)
            | bit(self.indirect_desc, VIRTIO_RING_F_INDIRECT_DESC)
            | bit(self.event_idx, VIRTIO_RING_F_EVENT_IDX)
    }
}

impl Transport {
    pub(super) fn new(ram: GuestRam, observer: Arc<dyn Observer>) -> Self {
        Self {
            ram,
            observer,
            plugged: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// Puts a device there, once; whether it was the first.
    pub(super) fn plug(
        &self,
        name: &'static str,
        backend: &Arc<dyn Backend>,
        ring: RingFeatures,
        line: IrqLine,
    ) -> bool {
        let queues = (0..backend.queues()).filter_map(|_| Queue::new(MAX_SIZE).ok());
        let queues = queues.collect();
        let plugged = Plugged {
            features: backend.features() | ring.bits(),
            backend: Arc::downgrade(backend),
            name,
            line,
        };
        let first = self.plugged.set(plugged).is_ok();
        if first {
            lock(&self.state).queues = queues;
        }
        first
    }

    /// Whether there is a device.
    pub(crate) fn is_occupied(&self) -> bool {
        self.plugged.get().is_some()
    }

    /// The device with what is behind it, if it is there.
    pub(super) fn device(&self) -> Option<(&Plugged, Arc<dyn Backend>)> {
        let plugged = self.plugged.get()?;
        Some((plugged, plugged.backend.upgrade()?))
    }

    /// The features that the guest's driver has chosen.
    pub(super) fn driver_features(&self) -> u64 {
        lock(&self.state).driver_features
    }

    /// Whether the guest's driver is at work.
    pub(super) fn is_ready(&self) -> bool {
        let state = lock(&self.state);
        state.status & VIRTIO_CONFIG_S_DRIVER_OK != 0 && !state.broken
    }

    /// The next chain of a queue. Nothing from one that is not set up, or of a
    /// device that waits for its reset.
    pub(super) fn take(&self, number: u16) -> Option<Chain> {
        let mut state = lock(&self.state);
        if state.broken || state.status & VIRTIO_CONFIG_S_DRIVER_OK == 0 {
            return None;
        }
        let life = state.life;
        let queue = state.queues.get_mut(usize::from(number))?;
        if !queue.ready() {
            return None;
        }
        let memory = self.ram.memory();
        let left = state.again.iter().position(|(queue, _)| *queue == number);
        let left = left.and_then(|at| state.again.remove(at));
        let queue = state.queues.get_mut(usize::from(number))?;
        let found = match left {
            Some((_, head)) => queue::chain_at(queue, &memory, number, life, head).map(Some),
            None => queue::take(queue, &memory, number, life),
        };
        match found {
            Ok(None) if queue.event_idx_enabled() => {
                let chain = self.rearm(&mut state, number)?;
                state.taken.push((number, chain.head));
                Some(chain)
            }
            Ok(chain) => {
                state
                    .taken
                    .extend(chain.as_ref().map(|chain| (number, chain.head)));
                chain
            }
            Err(error) => {
                self.fail(&mut state, error);
                None
            }
        }
    }

    /// Asks to be told of the next chain; what came meanwhile.
    fn rearm(&self, state: &mut State, number: u16) -> Option<Chain> {
        let life = state.life;
        let queue = state.queues.get_mut(usize::from(number))?;
        let memory = self.ram.memory();
        let result = match queue.enable_notification(&*memory) {
            Ok(false) => Ok(None),
            Ok(true) => queue::take(queue, &memory, number, life),
            Err(_) => Err(Malformed::Rings),
        };
        result.unwrap_or_else(|error| {
            self.fail(state, error);
            None
        })
    }

    /// Gives a chain back, into which `written` bytes went, and lets the guest know.
    pub(super) fn give_back(&self, chain: &Chain, written: u64) {
        self.put_back(chain, written);
        self.announce(chain.queue, chain.life);
    }

    /// Gives a chain back; [`announce`](Self::announce) lets the guest know.
    pub(super) fn put_back(&self, chain: &Chain, written: u64) {
        let mut state = lock(&self.state);
        if state.broken || chain.life != state.life {
            return;
        }
        let written = u32::try_from(written).unwrap_or(u32::MAX);
        let taken = (chain.queue, chain.head);
        if let Some(at) = state.taken.iter().position(|other| *other == taken) {
            state.taken.swap_remove(at);
        }
        let Some(queue) = state.queues.get_mut(usize::from(chain.queue)) else {
            return;
        };
        if let Err(error) = queue::give_back(queue, &self.ram.memory(), chain, written) {
            self.fail(&mut state, error);
        }
    }

    /// Lets the guest know of what was put back into a queue, if it wants to; `life` is that of the chains.
    pub(super) fn announce(&self, number: u16, life: u64) {
        let mut state = lock(&self.state);
        if state.broken || life != state.life {
            return;
        }
        let Some(queue) = state.queues.get_mut(usize::from(number)) else {
            return;
        };
        match queue::wants_interrupt(queue, &self.ram.memory()) {
            Ok(true) => self.interrupt(&mut state, QUEUE_INTERRUPT),
            Ok(false) => {}
            Err(error) => self.fail(&mut state, error),
        }
    }

    /// Whether a chain is still the guest's wish.
    pub(super) fn is_current(&self, chain: &Chain) -> bool {
        let state = lock(&self.state);
        !state.broken && chain.life == state.life
    }

    /// The guest broke the rules: the device waits for its reset.
    pub(super) fn broken(&self, error: Malformed) {
        self.fail(&mut lock(&self.state), error);
    }

    fn fail(&self, state: &mut State, error: Malformed) {
        if state.broken {
            return;
        }
        state.broken = true;
        state.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
        if !state.told {
            state.told = true; // a guest shall not fill the host's logs
            let name = self.plugged.get().map_or("virtio", |plugged| plugged.name);
            self.observer.diagnostic(&format!("{name}: {error}"));
        }
        self.interrupt(state, CONFIG_INTERRUPT);
    }

    /// The configuration has changed: lets the guest know.
    pub(super) fn config_changed(&self) {
        let mut state = lock(&self.state);
        if state.status & VIRTIO_CONFIG_S_DRIVER_OK != 0 {
            state.generation = state.generation.wrapping_add(1);
            self.interrupt(&mut state, CONFIG_INTERRUPT);
        }
    }

    fn interrupt(&self, state: &mut State, kind: u32) {
        state.interrupts |= kind;
        if let Some(plugged) = self.plugged.get() {
            plugged.line.pulse();
        }
    }

    fn set_status(&self, plugged: &Plugged, backend: &dyn Backend, value: u32) {
        if value & 0xff == 0 {
            return self.reset_device(backend);
        }
        let mut state = lock(&self.state);
        let before = state.status;
        let mut status = value & 0xff;
        let new = status & !before;
        if new & VIRTIO_CONFIG_S_FEATURES_OK != 0 {
            let chosen = state.driver_features;
            let is_modern = chosen & (1 << VIRTIO_F_VERSION_1) != 0;
            if chosen & !plugged.features != 0 || !is_modern {
                status &= !VIRTIO_CONFIG_S_FEATURES_OK;
            } else {
                let event_idx = chosen & (1 << VIRTIO_RING_F_EVENT_IDX) != 0;
                for queue in &mut state.queues {
                    queue.set_event_idx(event_idx);
                }
            }
        }
        if status & VIRTIO_CONFIG_S_FEATURES_OK == 0 {
            status &= !VIRTIO_CONFIG_S_DRIVER_OK; // nothing is agreed on
        }
        if state.broken {
            status |= VIRTIO_CONFIG_S_NEEDS_RESET;
        } else {
            status &= !VIRTIO_CONFIG_S_NEEDS_RESET; // the device's to say
        }
        state.status = status;
        let starts = status & !before & VIRTIO_CONFIG_S_DRIVER_OK != 0;
        drop(state);
        if starts && status & VIRTIO_CONFIG_S_FAILED == 0 {
            backend.ready();
        }
    }

    fn reset_device(&self, backend: &dyn Backend) {
        {
            let mut state = lock(&self.state);
            let life = state.life.wrapping_add(1);
            let mut queues = std::mem::take(&mut state.queues);
            queues.iter_mut().for_each(QueueT::reset);
            *state = State {
                life,
                queues,
                told: state.told,
                ..State::default()
            };
        }
        backend.reset();
    }

    fn read_register(&self, plugged: &Plugged, backend: &dyn Backend, offset: u64) -> u32 {
        let state = lock(&self.state);
        let queue = state.queue();
        match offset {
            0x00 => MAGIC,
            0x04 => VERSION,
            0x08 => backend.device_id(),
            0x0c => VENDOR,
            0x10 => half(plugged.features, state.device_features_half),
            0x34 => queue.map_or(0, |queue| u32::from(queue.max_size())),
            0x44 => queue.map_or(0, |queue| u32::from(queue.ready())),
            0x60 => state.interrupts,
            0x70 => state.status,
            0xb0 | 0xb4 => u32::MAX, // there is no shared memory
            0xfc => state.generation,
            _ => 0,
        }
    }

    fn write_register(&self, plugged: &Plugged, backend: &dyn Backend, offset: u64, value: u32) {
        match offset {
            NOTIFY => return self.notified(backend, value),
            0x70 => return self.set_status(plugged, backend, value),
            _ => {}
        }
        let mut state = lock(&self.state);
        match offset {
            0x14 => state.device_features_half = value,
            0x20 => state.choose_features(value),
            0x24 => state.driver_features_half = value,
            0x30 => state.selected = value,
            0x44 if value & 1 != 0 => {
                if let Some(queue) = state.queue_mut()
                    && !queue.ready()
                {
                    queue.set_ready(true);
                    if !queue.is_valid(&*self.ram.memory()) {
                        self.fail(&mut state, Malformed::Rings);
                    }
                }
            }
            0x44 => {
                if let Some(queue) = state.queue_mut() {
                    queue.set_ready(false);
                }
            }
            0x64 => state.interrupts &= !value,
            _ => state.place_queue(offset, value),
        }
    }

    fn notified(&self, backend: &dyn Backend, number: u32) {
        let Ok(number) = u16::try_from(number) else {
            return;
        };
        if self.is_ready() && number < backend.queues() {
            backend.notify(number);
        }
    }
}

impl State {
    fn queue(&self) -> Option<&Queue> {
        self.queues.get(usize::try_from(self.selected).ok()?)
    }

    fn queue_mut(&mut self) -> Option<&mut Queue> {
        self.queues.get_mut(usize::try_from(self.selected).ok()?)
    }

    fn choose_features(&mut self, value: u32) {
        if self.status & VIRTIO_CONFIG_S_FEATURES_OK != 0 {
            return; // agreed on already
        }
        let value = u64::from(value);
        let (kept, chosen) = match self.driver_features_half {
            0 => (self.driver_features & !0xffff_ffff, value),
            1 => (self.driver_features & 0xffff_ffff, value << 32),
            _ => return,
        };
        self.driver_features = kept | chosen;
    }

    /// Size and addresses of the selected queue, which is not in use yet.
    fn place_queue(&mut self, offset: u64, value: u32) {
        let Some(queue) = self.queue_mut().filter(|queue| !queue.ready()) else {
            return;
        };
        match offset {
            0x38 => queue.set_size(u16::try_from(value).unwrap_or_default()),
            0x80 => queue.set_desc_table_address(Some(value), None),
            0x84 => queue.set_desc_table_address(None, Some(value)),
            0x90 => queue.set_avail_ring_address(Some(value), None),
            0x94 => queue.set_avail_ring_address(None, Some(value)),
            0xa0 => queue.set_used_ring_address(Some(value), None),
            0xa4 => queue.set_used_ring_address(None, Some(value)),
            _ => {}
        }
    }
}

fn half(features: u64, which: u32) -> u32 {
    let [a, b, c, d, e, f, g, h] = features.to_le_bytes();
    match which {
        0 => u32::from_le_bytes([a, b, c, d]),
        1 => u32::from_le_bytes([e, f, g, h]),
        _ => 0,
    }
}

/// What a transport without device says.
fn read_vacant(offset: u64) -> u32 {
    match offset {
        0x00 => MAGIC,
        0x04 => VERSION,
        0x0c => VENDOR,
        _ => 0,
    }
}

impl Device for Transport {
    fn read(&self, offset: u64, data: &mut [u8]) {
        let Some((plugged, backend)) = self.device() else {
            return fill(data, read_vacant(offset));
        };
        if offset < CONFIG {
            let value = match data.len() {
                4 => self.read_register(plugged, &*backend, offset),
                _ => 0, // registers are words
            };
            return fill(data, value);
        }
        let end = offset - CONFIG + data.len() as u64;
        if end <= backend.config_size() {
            backend.read_config(offset - CONFIG, data);
        } else {
            data.fill(0xff);
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let (plugged, backend) = self.device()?;
        if offset < CONFIG {
            if let Ok(word) = <[u8; 4]>::try_from(data) {
                self.write_register(plugged, &*backend, offset, u32::from_le_bytes(word));
            }
            return None;
        }
        let end = offset - CONFIG + data.len() as u64;
        if end <= backend.config_size() {
            backend.write_config(offset - CONFIG, data);
        }
        None
    }

    fn reset(&self) {
        if let Some((_, backend)) = self.device() {
            self.reset_device(&*backend);
        }
    }

    fn stateful(self: Arc<Self>) -> Option<Arc<dyn Stateful>> {
        Some(self)
    }
}

fn fill(data: &mut [u8], value: u32) {
    data.fill(0);
    let bytes = value.to_le_bytes();
    for (to, from) in data.iter_mut().zip(bytes) {
        *to = from;
    }
}

//! Registers and queues of a transport in files.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use virtio_bindings::virtio_config::VIRTIO_CONFIG_S_FEATURES_OK;
use virtio_queue::{Queue, QueueState, QueueT};

use super::mmio::{State, Transport};
use super::queue::MAX_SIZE;
use crate::state::{self, Invalid, Restore, Stateful};
use crate::sync::lock;

/// What of a transport is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    /// What is plugged in.
    device: String,
    /// All that the device offers: its properties are in there.
    features: u64,
    registers: Registers,
    queues: Vec<Ring>,
    taken: Vec<(u16, u16)>,
    /// The device's own state.
    device_state: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Registers {
    status: u32,
    interrupts: u32,
    device_features_half: u32,
    driver_features_half: u32,
    driver_features: u64,
    selected: u32,
    generation: u32,
    broken: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Ring {
    size: u16,
    ready: bool,
    event_idx: bool,
    next_avail: u16,
    next_used: u16,
    addresses: [u64; 3],
}

impl From<&Queue> for Ring {
    fn from(queue: &Queue) -> Self {
        let state = queue.state();
        Self {
            size: state.size,
            ready: state.ready,
            event_idx: state.event_idx_enabled,
            next_avail: state.next_avail,
            next_used: state.next_used,
            addresses: [state.desc_table, state.avail_ring, state.used_ring],
        }
    }
}

impl Ring {
    fn queue(self) -> Result<Queue, Invalid> {
        let [desc_table, avail_ring, used_ring] = self.addresses;
        let queue = Queue::try_from(QueueState {
            max_size: MAX_SIZE,
            next_avail: self.next_avail,
            next_used: self.next_used,
            event_idx_enabled: self.event_idx,
            size: self.size,
            ready: self.ready,
            desc_table,
            avail_ring,
            used_ring,
        });
        queue.map_err(|error| Invalid::new(format!("a queue: {error}")))
    }
}

impl Transport {
    /// What a device is saved with, if there is one.
    fn saved(&self) -> Result<Option<Saved>, Invalid> {
        let Some((plugged, backend)) = self.device() else {
            return Ok(None);
        };
        let device_state = backend.save()?;
        let state = lock(&self.state);
        Ok(Some(Saved {
            device: plugged.name.to_owned(),
            features: plugged.features,
            registers: Registers {
                status: state.status,
                interrupts: state.interrupts,
                device_features_half: state.device_features_half,
                driver_features_half: state.driver_features_half,
                driver_features: state.driver_features,
                selected: state.selected,
                generation: state.generation,
                broken: state.broken,
            },
            queues: state.queues.iter().map(Ring::from).collect(),
            taken: state.taken.iter().chain(&state.again).copied().collect(),
            device_state,
        }))
    }

    /// Queues that a guest of this machine can have set up.
    fn checked_queues(&self, saved: &Saved) -> Result<Vec<Queue>, Invalid> {
        let memory = self.ram.memory();
        let mut queues = Vec::new();
        for ring in &saved.queues {
            let queue = ring.queue()?;
            let is_placed = !queue.ready() || saved.registers.broken || queue.is_valid(&*memory);
            state::check(is_placed, "the place of a queue")?;
            queues.push(queue);
        }
        for (number, head) in &saved.taken {
            let queue = queues.get(usize::from(*number));
            let is_there = queue.is_some_and(|queue| *head < queue.size());
            state::check(is_there, "a chain under way")?;
        }
        let most: usize = queues.iter().map(|queue| usize::from(queue.size())).sum();
        state::check(saved.taken.len() <= most, "the number of chains under way")?;
        Ok(queues)
    }
}

impl Stateful for Transport {
    fn kind(&self) -> &'static str {
        "virtio-mmio"
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        state::encode(&self.saved()?)
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let saved: Option<Saved> = state::decode(bytes)?;
        let (saved, (plugged, backend)) = match (saved, self.device()) {
            (None, None) => return Ok(Box::new(|| ())),
            (Some(saved), None) => {
                let text = format!("a {} was there, nothing is now", saved.device);
                return Err(Invalid::new(text));
            }
            (None, Some((plugged, _))) => {
                let text = format!("nothing was there, a {} is now", plugged.name);
                return Err(Invalid::new(text));
            }
            (Some(saved), Some(device)) => (saved, device),
        };
        if saved.device != plugged.name {
            let (before, now) = (saved.device, plugged.name);
            return Err(Invalid::new(format!(
                "a {before} was there, a {now} is now"
            )));
        }
        if saved.features != plugged.features {
            let (before, now) = (saved.features, plugged.features);
            let text = format!("the device offered {before:#x} and offers {now:#x}");
            return Err(Invalid::new(text));
        }
        if saved.queues.len() != usize::from(backend.queues()) {
            let (before, now) = (saved.queues.len(), backend.queues());
            return Err(Invalid::new(format!(
                "there were {before} queues, and are {now}"
            )));
        }
        let registers = saved.registers;
        let is_agreed = registers.status & VIRTIO_CONFIG_S_FEATURES_OK == 0
            || registers.driver_features & !plugged.features == 0;
        state::check(is_agreed && registers.status <= 0xff, "the status")?;
        let queues = self.checked_queues(&saved)?;
        let restore = Arc::clone(&backend).load(&saved.device_state)?;
        Ok(Box::new(move || {
            {
                let mut state = lock(&self.state);
                *state = State {
                    status: registers.status,
                    interrupts: registers.interrupts,
                    device_features_half: registers.device_features_half,
                    driver_features_half: registers.driver_features_half,
                    driver_features: registers.driver_features,
                    selected: registers.selected,
                    queues,
                    taken: Vec::new(),
                    again: saved.taken.into(),
                    life: state.life.wrapping_add(1), // what the device holds is of no use
                    generation: registers.generation,
                    broken: registers.broken,
                    told: state.told,
                };
            }
            restore();
            // it goes on as soon as the guest does
            if self.is_ready() {
                (0..backend.queues()).for_each(|queue| backend.notify(queue));
            }
        }))
    }
}

//! The device, as the object tree and the transport see it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use qmp_runtime::json::Value;
use virtio_bindings::virtio_blk::{VIRTIO_BLK_F_CONFIG_WCE, VIRTIO_BLK_F_FLUSH};
use vmm_sys_util::eventfd::EventFd;

use super::config::{Config, WRITE_CACHE};
use super::{Blk, DEVICE_ID};
use crate::devices::virtio::mmio::Backend;
use crate::devices::virtio::worker::{Kick, Worker};
use crate::qom::Object;
use crate::state::{self, Invalid, Restore};
use crate::sync::lock;

/// The device, as the transport sees it.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) kick: Kick,
    pub(super) blk: Arc<Blk>,
    pub(super) _worker: Worker,
}

impl Object for Device {
    /// What was left to the device is told as it turned out.
    fn get(&self, property: &str) -> Option<Value> {
        let config = &self.blk.config;
        match property {
            "num-queues" => Some(self.blk.queues.into()),
            "logical_block_size" => Some(config.block_size().into()),
            "physical_block_size" => Some(config.physical_size().into()),
            "bootindex" => Some(self.blk.boot_index.into()),
            _ => None,
        }
    }
}

impl Backend for Device {
    fn device_id(&self) -> u32 {
        DEVICE_ID
    }

    fn queues(&self) -> u16 {
        self.blk.queues
    }

    fn features(&self) -> u64 {
        self.blk.config.features()
    }

    fn config_size(&self) -> u64 {
        Config::SIZE
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let size = self.blk.size.load(Ordering::Acquire);
        let bytes = self.blk.config.bytes(size, self.blk.drive.writes_back());
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = bytes.get(start..).unwrap_or_default();
        for (to, from) in data.iter_mut().zip(part) {
            *to = *from;
        }
    }

    fn write_config(&self, offset: u64, data: &[u8]) {
        let at = WRITE_CACHE.checked_sub(offset);
        let at = at.and_then(|at| usize::try_from(at).ok());
        let wanted = at.and_then(|at| data.get(at));
        let chosen = self.blk.transport.driver_features();
        if let Some(wanted) = wanted
            && chosen & (1 << VIRTIO_BLK_F_CONFIG_WCE) != 0
        {
            self.blk.drive.set_write_back(*wanted != 0);
        }
    }

    fn ready(&self) {
        let chosen = self.blk.transport.driver_features();
        if chosen & (1 << VIRTIO_BLK_F_CONFIG_WCE) == 0 {
            // a guest that does not flush relies on each write
            let flushes = chosen & (1 << VIRTIO_BLK_F_FLUSH) != 0;
            self.blk.drive.set_write_back(flushes);
        }
    }

    fn notify(&self, _queue: u16) {
        self.kick.kick();
    }

    fn doorbell(&self) -> Option<Arc<EventFd>> {
        self.kick.event()
    }

    fn reset(&self) {
        self.kick.drain();
        lock(&self.blk.failed).clear();
        self.blk.drive.restore_write_back();
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        state::encode(&(
            self.blk.size.load(Ordering::Acquire),
            self.blk.drive.writes_back(),
        ))
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let (before, writes_back): (u64, bool) = state::decode(bytes)?;
        let now = self.blk.size.load(Ordering::Acquire);
        if before != now {
            return Err(Invalid::new(format!(
                "the disk had {before} bytes, and has {now}"
            )));
        }
        Ok(Box::new(move || {
            lock(&self.blk.failed).clear(); // their chains are taken once more
            self.blk.drive.set_write_back(writes_back);
        }))
    }
}

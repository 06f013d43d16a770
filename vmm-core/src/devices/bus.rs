//! An address space with devices in it.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Device, GuestRequest};

/// Why a device cannot be placed on a bus.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BusError {
    /// The range is empty or wraps around.
    #[error("a device cannot take {length:#x} addresses from {base:#x}")]
    BadRange {
        /// First address.
        base: u64,
        /// Number of addresses.
        length: u64,
    },
    /// Another device is there.
    #[error("address {base:#x} is taken already")]
    Taken {
        /// First address asked for.
        base: u64,
    },
}

/// Devices by address range. An access that starts in no device's range reads
/// as ones and is lost when written, as on a bus that nobody answers on.
///
/// Devices may come and go while vCPUs run. An access that has begun goes on
/// with the device that it found.
#[derive(Debug, Default)]
pub struct Bus {
    /// In the order of their addresses.
    slots: RwLock<Vec<Slot>>,
}

#[derive(Debug)]
struct Slot {
    base: u64,
    last: u64,
    device: Arc<dyn Device>,
}

impl Bus {
    /// Places `device` at `base`, `length` addresses long.
    ///
    /// # Errors
    /// The range is not one, or overlaps another device's.
    pub fn insert(&self, base: u64, length: u64, device: Arc<dyn Device>) -> Result<(), BusError> {
        let last = length
            .checked_sub(1)
            .and_then(|span| base.checked_add(span))
            .ok_or(BusError::BadRange { base, length })?;
        let mut slots = self.write_slots();
        let below = up_to(&slots, last);
        if below.last().is_some_and(|slot| slot.last >= base) {
            return Err(BusError::Taken { base });
        }
        let at = below.len();
        slots.insert(at, Slot { base, last, device });
        Ok(())
    }

    /// Whether nothing is in a range.
    #[must_use]
    pub fn is_free(&self, base: u64, length: u64) -> bool {
        let last = base.saturating_add(length.saturating_sub(1));
        let slots = self.read_slots();
        let below = up_to(&slots, last).last();
        below.is_none_or(|slot| slot.last < base)
    }

    /// Takes away the device that was placed at `base`, if there is one.
    pub fn remove(&self, base: u64) -> Option<Arc<dyn Device>> {
        let mut slots = self.write_slots();
        let at = slots.binary_search_by_key(&base, |slot| slot.base).ok()?;
        Some(slots.remove(at).device)
    }

    fn find(&self, address: u64) -> Option<(u64, Arc<dyn Device>)> {
        let slots = self.read_slots();
        let slot = up_to(&slots, address).last()?;
        (address <= slot.last).then(|| (address - slot.base, Arc::clone(&slot.device)))
    }

    fn read_slots(&self) -> RwLockReadGuard<'_, Vec<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_slots(&self) -> RwLockWriteGuard<'_, Vec<Slot>> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A guest's read.
    pub fn read(&self, address: u64, data: &mut [u8]) {
        match self.find(address) {
            Some((_, device)) if data.len() > 1 && device.is_bytewise() => {
                for (at, byte) in (address..).zip(data) {
                    self.read(at, std::slice::from_mut(byte));
                }
            }
            Some((offset, device)) => device.read(offset, data),
            None => data.fill(0xff),
        }
    }

    /// A guest's write.
    pub fn write(&self, address: u64, data: &[u8]) -> Option<GuestRequest> {
        let (offset, device) = self.find(address)?;
        if data.len() > 1 && device.is_bytewise() {
            let bytes = (address..).zip(data.chunks(1));
            return bytes.fold(None, |request, (at, byte)| {
                let next = self.write(at, byte);
                request.or(next)
            });
        }
        device.write(offset, data)
    }

    /// Every device with its place.
    pub(crate) fn devices(&self) -> Vec<(u64, Arc<dyn Device>)> {
        let slots = self.read_slots();
        let devices = slots.iter();
        devices
            .map(|slot| (slot.base, Arc::clone(&slot.device)))
            .collect()
    }

    /// Returns every device to power-on state.
    pub fn reset(&self) {
        let devices: Vec<_> = self
            .read_slots()
            .iter()
            .map(|slot| Arc::clone(&slot.device))
            .collect();
        for device in devices {
            device.reset();
        }
    }
}

/// The devices that begin at `address` or before it.
fn up_to(slots: &[Slot], address: u64) -> &[Slot] {
    let count = slots.partition_point(|slot| slot.base <= address);
    slots.get(..count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Last(AtomicU64);

    impl Device for Last {
        fn read(&self, offset: u64, data: &mut [u8]) {
            data.fill(offset as u8);
        }

        fn write(&self, offset: u64, _data: &[u8]) -> Option<GuestRequest> {
            self.0.store(offset, Ordering::Relaxed);
            (offset == 1).then_some(GuestRequest::Reset)
        }

        fn reset(&self) {
            self.0.store(99, Ordering::Relaxed);
        }
    }

    #[test]
    fn access_inside_a_range_gets_its_offset() {
        let bus = Bus::default();
        let device = Arc::new(Last::default());
        bus.insert(0x3f8, 8, device.clone()).unwrap();
        let mut byte = [0];
        bus.read(0x3fd, &mut byte);
        assert_eq!(byte, [5]);
        assert_eq!(bus.write(0x3f9, &[0]), Some(GuestRequest::Reset));
        assert_eq!(device.0.load(Ordering::Relaxed), 1);
        bus.reset();
        assert_eq!(device.0.load(Ordering::Relaxed), 99);
    }

    /// Eight registers of a byte.
    #[derive(Debug, Default)]
    struct Bytes([std::sync::atomic::AtomicU8; 8]);

    impl Device for Bytes {
        fn read(&self, offset: u64, data: &mut [u8]) {
            assert_eq!(data.len(), 1);
            data[0] = self.0[usize::try_from(offset).unwrap()].load(Ordering::Relaxed);
        }

        fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
            assert_eq!(data.len(), 1);
            self.0[usize::try_from(offset).unwrap()].store(data[0], Ordering::Relaxed);
            (offset == 6).then_some(GuestRequest::Reset)
        }

        fn is_bytewise(&self) -> bool {
            true
        }
    }

    #[test]
    fn long_access_reaches_bytes_one_behind_the_other() {
        let bus = Bus::default();
        bus.insert(0x3f8, 8, Arc::new(Bytes::default())).unwrap();
        let request = bus.write(0x3fe, &[1, 2, 3, 4]); // the last two are beyond
        assert_eq!(request, Some(GuestRequest::Reset));
        let mut word = [0; 4];
        bus.read(0x3fe, &mut word);
        assert_eq!(word, [1, 2, 0xff, 0xff]);
        bus.read(0x3fd, &mut word[..2]);
        assert_eq!(word[..2], [0, 1]);
    }

    #[test]
    fn device_can_leave_and_its_place_be_taken() {
        let bus = Bus::default();
        bus.insert(0x10, 4, Arc::new(Last::default())).unwrap();
        assert!(bus.remove(0x11).is_none());
        assert!(bus.remove(0x10).is_some());
        let mut byte = [0];
        bus.read(0x10, &mut byte);
        assert_eq!(byte, [0xff]);
        bus.insert(0x12, 4, Arc::new(Last::default())).unwrap();
    }

    #[test]
    fn access_outside_every_range_reads_ones_and_writes_nothing() {
        let bus = Bus::default();
        bus.insert(0x3f8, 8, Arc::new(Last::default())).unwrap();
        for address in [0, 0x3f7, 0x400, u64::MAX] {
            let mut word = [0; 4];
            bus.read(address, &mut word);
            assert_eq!(word, [0xff; 4]);
            assert_eq!(bus.write(address, &word), None);
        }
    }

    #[test]
    fn overlap_or_bad_range_is_refused() {
        let bus = Bus::default();
        bus.insert(0x100, 0x10, Arc::new(Last::default())).unwrap();
        for (base, length) in [(0x100, 1), (0xf8, 9), (0x10f, 1), (0xf0, 0x40)] {
            let refused = bus.insert(base, length, Arc::new(Last::default()));
            assert_eq!(
                refused,
                Err(BusError::Taken { base }),
                "{base:#x}+{length:#x}"
            );
        }
        for (base, length) in [(0, 0), (u64::MAX, 2)] {
            let refused = bus.insert(base, length, Arc::new(Last::default()));
            assert_eq!(refused, Err(BusError::BadRange { base, length }));
        }
        bus.insert(0x110, 1, Arc::new(Last::default())).unwrap();
        bus.insert(0xff, 1, Arc::new(Last::default())).unwrap();
    }
}

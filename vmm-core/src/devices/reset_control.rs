//! The reset control register of PCI chipsets (port 0xcf9).

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::{Device, GuestRequest};
use crate::state::{self, Invalid, Restore, Stateful};

const RESET_CPU: u8 = 1 << 2;
/// Bits that read back what was written: type of reset, full reset.
const STORED: u8 = (1 << 1) | (1 << 3);

/// One port; setting bit 2 resets the machine.
#[derive(Debug, Default)]
pub struct ResetControl {
    value: AtomicU8,
}

impl Device for ResetControl {
    fn read(&self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
        if let Some(first) = data.first_mut() {
            *first = self.value.load(Ordering::Relaxed);
        }
    }

    fn write(&self, _offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let value = data.first().copied().unwrap_or_default();
        self.value.store(value & STORED, Ordering::Relaxed);
        (value & RESET_CPU != 0).then_some(GuestRequest::Reset)
    }

    fn reset(&self) {
        self.value.store(0, Ordering::Relaxed);
    }

    fn stateful(self: Arc<Self>) -> Option<Arc<dyn Stateful>> {
        Some(self)
    }
}

impl Stateful for ResetControl {
    fn kind(&self) -> &'static str {
        "reset-control"
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        state::encode(&self.value.load(Ordering::Relaxed))
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let value: u8 = state::decode(bytes)?;
        state::check(value & !STORED == 0, "the register")?;
        Ok(Box::new(move || self.value.store(value, Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_bit_resets_and_the_others_are_kept() {
        let port = ResetControl::default();
        assert_eq!(port.write(0, &[0x02]), None);
        let mut value = [0];
        port.read(0, &mut value);
        assert_eq!(value, [0x02]);
        assert_eq!(port.write(0, &[0x06]), Some(GuestRequest::Reset));
        port.reset();
        port.read(0, &mut value);
        assert_eq!(value, [0]);
    }
}

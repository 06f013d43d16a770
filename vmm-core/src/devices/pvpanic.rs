//! The paravirtual panic port.

use std::sync::Arc;

use super::{Device, GuestRequest};
use crate::qom::{Kind, Object, Property, TypeInfo, base};

/// The type of it, for `-device`.
pub static PVPANIC: TypeInfo = TypeInfo::new("pvpanic", &base::ISA_DEVICE)
    .described("The paravirtual panic port")
    .properties(&[
        Property::new("ioport", Kind::UINT16).default_uint(PvPanic::PORT),
        Property::new("events", Kind::UINT8).default_uint(PvPanic::ALL as u64),
    ])
    .created_by(|cx| {
        let offered = u8::try_from(cx.properties.u64("events")).unwrap_or(PvPanic::ALL);
        let device = Arc::new(PvPanic::new(offered));
        let port = cx.properties.u64("ioport");
        cx.services
            .buses
            .pio
            .insert(port, 1, Arc::clone(&device) as _)?;
        Ok(device)
    });

/// The guest's kernel has panicked.
const PANICKED: u8 = 1 << 0;
/// It has crashed, and a crash kernel takes over.
const CRASH_LOADED: u8 = 1 << 1;
/// It wants to be shut down.
const SHUTDOWN: u8 = 1 << 2;

/// One port: reading tells which reports are offered, writing makes one. Of
/// several bits the lowest counts; a report that is not offered is taken, too.
#[derive(Debug)]
pub struct PvPanic {
    offered: u8,
}

impl PvPanic {
    /// The port's usual address.
    pub const PORT: u64 = 0x505;

    /// Every report that the device knows.
    pub const ALL: u8 = PANICKED | CRASH_LOADED | SHUTDOWN;

    /// A port that offers the reports `offered`, a bit each.
    #[must_use]
    pub fn new(offered: u8) -> Self {
        Self { offered }
    }
}

impl Default for PvPanic {
    fn default() -> Self {
        Self::new(Self::ALL)
    }
}

impl Object for PvPanic {}

impl Device for PvPanic {
    fn read(&self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
        if let Some(first) = data.first_mut() {
            *first = self.offered;
        }
    }

    fn write(&self, _offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let reports = data.first().copied().unwrap_or_default();
        [
            (PANICKED, GuestRequest::Panic),
            (CRASH_LOADED, GuestRequest::CrashLoaded),
            (SHUTDOWN, GuestRequest::PvShutdown),
        ]
        .into_iter()
        .find(|(bit, _)| reports & bit != 0)
        .map(|(_, request)| request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offer_is_what_was_configured() {
        for (port, expected) in [(PvPanic::default(), 7), (PvPanic::new(1), 1)] {
            let mut offered = [0xff; 2];
            port.read(0, &mut offered);
            assert_eq!(offered, [expected, 0]);
        }
    }

    #[test]
    fn lowest_known_bit_says_what_is_reported() {
        let port = PvPanic::default();
        for (bits, request) in [
            (1, Some(GuestRequest::Panic)),
            (7, Some(GuestRequest::Panic)),
            (2, Some(GuestRequest::CrashLoaded)),
            (6, Some(GuestRequest::CrashLoaded)),
            (4, Some(GuestRequest::PvShutdown)),
            (0xf8, None),
            (0, None),
        ] {
            assert_eq!(port.write(0, &[bits]), request, "{bits:#x}");
        }
        assert_eq!(port.write(0, &[]), None);
    }
}

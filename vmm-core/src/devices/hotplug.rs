//! What the two hot-plug controllers have in common: places with events, and
//! the guest's reports about them.

use serde::{Deserialize, Serialize};

use super::GuestRequest;

/// Bits of a place's status, and of what the guest writes to it.
pub(super) const ENABLED: u8 = 1 << 0;
pub(super) const INSERTING: u8 = 1 << 1;
pub(super) const REMOVING: u8 = 1 << 2;
pub(super) const EJECT: u8 = 1 << 3;

/// Something that comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A CPU, by index.
    Cpu(u32),
    /// A memory module, by slot.
    Memory(u32),
}

/// What the guest's operating system says about a place: ACPI's `_OST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OstReport {
    /// What it is about: the code of a notification, or 0x100 and more.
    pub event: u32,
    /// How it went: 0 is success.
    pub status: u32,
}

impl OstReport {
    /// Whether it says that the guest keeps what it was asked to let go of:
    /// a failure of a request for ejection, by a user here (3) or on a button
    /// of the guest's own (0x103). Ejection under way (0x84) is none.
    #[must_use]
    pub fn refuses_removal(self) -> bool {
        matches!(self.event, 3 | 0x103) && !matches!(self.status, 0 | 0x84)
    }
}

/// The state of one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) present: bool,
    pub(super) inserting: bool,
    pub(super) removing: bool,
    pub(super) report: OstReport,
}

impl Slot {
    pub(super) fn has_event(&self) -> bool {
        self.inserting || self.removing
    }

    pub(super) fn status(&self) -> u8 {
        let bit = |on, bit| if on { bit } else { 0 };
        bit(self.present, ENABLED) | bit(self.inserting, INSERTING) | bit(self.removing, REMOVING)
    }

    /// Something has come.
    pub(super) fn insert(&mut self) {
        self.present = true;
        self.inserting = true;
    }

    /// It has gone.
    pub(super) fn remove(&mut self) {
        *self = Self {
            report: self.report,
            ..Self::default()
        };
    }

    /// What the guest writes about `place`, which is this.
    pub(super) fn control(&mut self, value: u8, place: Place) -> Option<GuestRequest> {
        if value & INSERTING != 0 {
            self.inserting = false;
        }
        if value & REMOVING != 0 {
            self.removing = false;
        }
        let ejects = value & EJECT != 0 && self.present;
        ejects.then_some(GuestRequest::Eject(place))
    }
}

/// Puts `value`, which a register at `register` holds, where a read of `data`
/// from `offset` finds it.
pub(super) fn answer(register: u64, value: &[u8], offset: u64, data: &mut [u8]) {
    for (at, byte) in (0u64..).zip(data) {
        if let Some(held) = offset
            .wrapping_add(at)
            .checked_sub(register)
            .and_then(|at| value.get(usize::try_from(at).ok()?))
        {
            *byte = *held;
        }
    }
}

/// What a guest writes to a register of four bytes; less is filled up with
/// zeroes.
pub(super) fn word(data: &[u8]) -> u32 {
    let mut bytes = [0; 4];
    for (byte, written) in bytes.iter_mut().zip(data) {
        *byte = *written;
    }
    u32::from_le_bytes(bytes)
}

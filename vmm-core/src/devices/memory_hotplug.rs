//! The controller that memory modules are plugged through, as QEMU's machines
//! have it.
//!
//! | offset | read | write |
//! |--------|------|-------|
//! | 0      | address, low half | number of the slot that the others are about |
//! | 4      | address, high half | event of an `_OST` report |
//! | 8      | size, low half | status of an `_OST` report |
//! | 12     | size, high half | |
//! | 16     | NUMA node | |
//! | 20     | status: bit 0 it is there, bit 1 it has come, bit 2 it is to go | bits 1 and 2 acknowledge, bit 3 ejects |

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::gpe::{Event, GeneralEvents};
use super::hotplug::{OstReport, Place, Slot, answer, word};
use super::{Device, GuestRequest};
use crate::state::{self, Invalid, Restore, Stateful};
use crate::sync::lock;

const ADDRESS: u64 = 0;
const SIZE: u64 = 8;
const STATUS: u64 = 20;

const SELECTOR: u64 = 0;
const OST_EVENT: u64 = 4;
const OST_STATUS: u64 = 8;

/// The controller.
#[derive(Debug)]
pub struct MemoryHotplug {
    events: Arc<GeneralEvents>,
    state: Mutex<State>,
}

#[derive(Debug, Serialize, Deserialize)]
struct State {
    selector: u32,
    slots: Vec<(Slot, Extent)>,
}

/// Where a module is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Extent {
    address: u64,
    size: u64,
}

impl State {
    fn selected(&mut self) -> Option<&mut (Slot, Extent)> {
        self.slots.get_mut(usize::try_from(self.selector).ok()?)
    }
}

impl MemoryHotplug {
    /// Number of ports that the controller takes.
    pub const PORTS: u64 = 24;

    /// A controller of `slots` free slots.
    #[must_use]
    pub fn new(events: Arc<GeneralEvents>, slots: u32) -> Self {
        let state = State {
            selector: 0,
            slots: (0..slots).map(|_| Default::default()).collect(),
        };
        Self {
            events,
            state: Mutex::new(state),
        }
    }

    fn change(&self, slot: u32, change: impl FnOnce(&mut (Slot, Extent))) {
        let mut state = lock(&self.state);
        let slot = usize::try_from(slot).ok();
        if let Some(slot) = slot.and_then(|slot| state.slots.get_mut(slot)) {
            change(slot);
        }
    }

    /// Puts a module into a slot; with `aloud`, tells the guest.
    pub fn inserted(&self, slot: u32, address: u64, size: u64, aloud: bool) {
        self.change(slot, |(slot, extent)| {
            slot.insert();
            slot.inserting = aloud;
            *extent = Extent { address, size };
        });
        if aloud {
            self.events.raise(Event::Memory);
        }
    }

    /// Asks the guest to let the module in a slot go.
    pub fn request_removal(&self, slot: u32) {
        self.change(slot, |(slot, _)| slot.removing = true);
        self.events.raise(Event::Memory);
    }

    /// The module in a slot has gone.
    pub fn removed(&self, slot: u32) {
        self.change(slot, |(slot, extent)| {
            slot.remove();
            *extent = Extent::default();
        });
    }

    /// The guest's last report on each slot.
    #[must_use]
    pub fn reports(&self) -> Vec<OstReport> {
        let state = lock(&self.state);
        state.slots.iter().map(|(slot, _)| slot.report).collect()
    }
}

impl Device for MemoryHotplug {
    fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        let mut state = lock(&self.state);
        let Some((slot, extent)) = state.selected() else {
            return;
        };
        answer(ADDRESS, &extent.address.to_le_bytes(), offset, data);
        answer(SIZE, &extent.size.to_le_bytes(), offset, data);
        answer(STATUS, &[slot.status()], offset, data);
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let first = *data.first()?;
        let mut state = lock(&self.state);
        if offset == SELECTOR {
            state.selector = word(data);
            return None;
        }
        let place = Place::Memory(state.selector);
        let (slot, _) = state.selected()?;
        match offset {
            OST_EVENT => slot.report.event = word(data),
            OST_STATUS => {
                slot.report.status = word(data);
                return Some(GuestRequest::OstReport(place, slot.report));
            }
            STATUS => return slot.control(first, place),
            _ => {}
        }
        None
    }

    fn reset(&self) {
        let mut state = lock(&self.state);
        state.selector = 0;
        for (slot, _) in &mut state.slots {
            slot.inserting = false; // a guest that starts anew looks for itself
            slot.report = OstReport::default();
        }
    }

    fn stateful(self: Arc<Self>) -> Option<Arc<dyn Stateful>> {
        Some(self)
    }
}

impl Stateful for MemoryHotplug {
    fn kind(&self) -> &'static str {
        "memory-hotplug"
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        state::encode(&*lock(&self.state))
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let saved: State = state::decode(bytes)?;
        let modules = |state: &State| -> Vec<(bool, Extent)> {
            let slots = state.slots.iter();
            slots
                .map(|(slot, extent)| (slot.present, *extent))
                .collect()
        };
        let is_same = modules(&saved) == modules(&lock(&self.state));
        state::check(is_same, "which slots for memory are taken")?;
        Ok(Box::new(move || *lock(&self.state) = saved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accel::IrqLine;

    fn read(controller: &MemoryHotplug, offset: u64) -> u32 {
        let mut data = [0; 4];
        controller.read(offset, &mut data);
        u32::from_le_bytes(data)
    }

    fn controller() -> MemoryHotplug {
        let events = GeneralEvents::new(IrqLine::new(9).unwrap());
        MemoryHotplug::new(Arc::new(events), 2)
    }

    #[test]
    fn guest_sees_the_module_and_ejects_it() {
        let controller = controller();
        controller.inserted(1, 0x1_2345_0000, 0x2_0000_0000, true);
        assert_eq!(read(&controller, STATUS), 0);
        controller.write(SELECTOR, &[1, 0, 0, 0]);
        let seen = [0, 4, 8, 12, 16, 20].map(|at| read(&controller, at));
        assert_eq!(seen, [0x2345_0000, 1, 0, 2, 0, 3]);
        controller.write(STATUS, &[2]);
        controller.request_removal(1);
        assert_eq!(read(&controller, STATUS), 5);
        let ejected = controller.write(STATUS, &[8]);
        assert_eq!(ejected, Some(GuestRequest::Eject(Place::Memory(1))));
        controller.removed(1);
        assert_eq!(read(&controller, STATUS), 0);
        assert_eq!(read(&controller, ADDRESS), 0);
    }

    #[test]
    fn report_is_passed_on_when_it_is_complete() {
        let controller = controller();
        assert_eq!(controller.write(OST_EVENT, &[1, 0, 0, 0]), None);
        let report = OstReport {
            event: 1,
            status: 0,
        };
        assert_eq!(
            controller.write(OST_STATUS, &[0; 4]),
            Some(GuestRequest::OstReport(Place::Memory(0), report))
        );
        assert_eq!(controller.reports(), [report, OstReport::default()]);
        controller.reset();
        assert_eq!(controller.reports()[0], OstReport::default());
    }

    #[test]
    fn slot_that_is_not_there_answers_nothing() {
        let controller = controller();
        controller.write(SELECTOR, &[0xff; 4]);
        assert_eq!(read(&controller, STATUS), 0);
        assert_eq!(controller.write(STATUS, &[0xff]), None);
        assert_eq!(controller.write(OST_STATUS, &[1]), None);
        controller.read(u64::MAX - 3, &mut [0; 8]);
    }
}

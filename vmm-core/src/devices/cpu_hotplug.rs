//! The controller that CPUs are plugged through, as QEMU's machines have it.
//!
//! | offset | read | write |
//! |--------|------|-------|
//! | 0      | high half of the data (APIC IDs have none) | number of the CPU that the others are about |
//! | 4      | status: bit 0 it is there, bit 1 it has come, bit 2 it is to go | bits 1 and 2 acknowledge, bit 3 ejects |
//! | 5      |      | command: what the data is |
//! | 8      | data | data  |
//!
//! Commands: 0 goes to the next CPU with an event, whose number is then the
//! data; 1 and 2 take event and status of an `_OST` report; 3 makes the APIC ID
//! the data.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::gpe::{Event, GeneralEvents};
use super::hotplug::{OstReport, Place, Slot, answer, word};
use super::{Device, GuestRequest};
use crate::state::{self, Invalid, Restore, Stateful};
use crate::sync::lock;

const SELECTOR: u64 = 0;
const STATUS: u64 = 4;
const COMMAND: u64 = 5;
const DATA: u64 = 8;

const NEXT_EVENT: u8 = 0;
const OST_EVENT: u8 = 1;
const OST_STATUS: u8 = 2;
const APIC_ID: u8 = 3;

/// The controller.
#[derive(Debug)]
pub struct CpuHotplug {
    events: Arc<GeneralEvents>,
    apic_ids: Vec<u32>,
    state: Mutex<State>,
}

#[derive(Debug, Serialize, Deserialize)]
struct State {
    selector: u32,
    command: u8,
    slots: Vec<Slot>,
}

impl State {
    fn selected(&mut self) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(self.selector).ok()?)
    }

    /// Selects the next CPU with an event, from the selected one on; if there
    /// is none, nothing changes.
    fn next_event(&mut self) {
        let start = usize::try_from(self.selector).unwrap_or(usize::MAX);
        let count = self.slots.len();
        let found = (0..count)
            .map(|step| start.saturating_add(step) % count)
            .find(|&index| self.slots[index].has_event());
        if let Some(index) = found {
            self.selector = u32::try_from(index).unwrap_or(u32::MAX);
        }
    }
}

impl CpuHotplug {
    /// Number of ports that the controller takes.
    pub const PORTS: u64 = 12;

    /// A controller of places for CPUs with these APIC IDs; the first
    /// `present` are taken.
    #[must_use]
    pub fn new(events: Arc<GeneralEvents>, apic_ids: Vec<u32>, present: u32) -> Self {
        let slots = (0u32..).zip(&apic_ids).map(|(index, _)| Slot {
            present: index < present,
            ..Slot::default()
        });
        let state = State {
            selector: 0,
            command: 0,
            slots: slots.collect(),
        };
        Self {
            events,
            apic_ids,
            state: Mutex::new(state),
        }
    }

    fn change(&self, index: u32, change: impl FnOnce(&mut Slot)) {
        let mut state = lock(&self.state);
        let slot = usize::try_from(index).ok();
        if let Some(slot) = slot.and_then(|index| state.slots.get_mut(index)) {
            change(slot);
        }
    }

    /// Tells the guest that CPU `index` has come.
    pub fn inserted(&self, index: u32) {
        self.change(index, Slot::insert);
        self.events.raise(Event::Cpu);
    }

    /// Asks the guest to let CPU `index` go.
    pub fn request_removal(&self, index: u32) {
        self.change(index, |slot| slot.removing = true);
        self.events.raise(Event::Cpu);
    }

    /// CPU `index` has gone.
    pub fn removed(&self, index: u32) {
        self.change(index, Slot::remove);
    }

    /// The guest's last report on each CPU.
    #[must_use]
    pub fn reports(&self) -> Vec<OstReport> {
        let state = lock(&self.state);
        state.slots.iter().map(|slot| slot.report).collect()
    }
}

impl Device for CpuHotplug {
    fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        let mut state = lock(&self.state);
        let (selector, command) = (state.selector, state.command);
        let Some(slot) = state.selected() else {
            return;
        };
        answer(STATUS, &[slot.status()], offset, data);
        let value = match command {
            NEXT_EVENT => selector,
            APIC_ID => {
                let index = usize::try_from(selector).ok();
                let id = index.and_then(|index| self.apic_ids.get(index));
                id.copied().unwrap_or_default()
            }
            _ => 0,
        };
        answer(DATA, &value.to_le_bytes(), offset, data);
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let first = *data.first()?;
        let mut state = lock(&self.state);
        let (selector, command) = (state.selector, state.command);
        match offset {
            SELECTOR => state.selector = word(data),
            STATUS => return state.selected()?.control(first, Place::Cpu(selector)),
            COMMAND => {
                state.selected()?; // a CPU that is not there takes no commands
                state.command = first;
                if first == NEXT_EVENT {
                    state.next_event();
                }
            }
            DATA => {
                let slot = state.selected()?;
                match command {
                    OST_EVENT => slot.report.event = word(data),
                    OST_STATUS => {
                        slot.report.status = word(data);
                        let report = slot.report;
                        return Some(GuestRequest::OstReport(Place::Cpu(selector), report));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        None
    }

    fn reset(&self) {
        let mut state = lock(&self.state);
        state.selector = 0;
        state.command = 0;
        for slot in &mut state.slots {
            slot.inserting = false; // a guest that starts anew looks for itself
            slot.report = OstReport::default();
        }
    }

    fn stateful(self: Arc<Self>) -> Option<Arc<dyn Stateful>> {
        Some(self)
    }
}

impl Stateful for CpuHotplug {
    fn kind(&self) -> &'static str {
        "cpu-hotplug"
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        state::encode(&*lock(&self.state))
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let saved: State = state::decode(bytes)?;
        let present =
            |state: &State| -> Vec<bool> { state.slots.iter().map(|slot| slot.present).collect() };
        let is_same = present(&saved) == present(&lock(&self.state));
        state::check(is_same, "which places for CPUs are taken")?;
        Ok(Box::new(move || *lock(&self.state) = saved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accel::IrqLine;

    fn controller() -> CpuHotplug {
        let events = GeneralEvents::new(IrqLine::new(9).unwrap());
        CpuHotplug::new(Arc::new(events), vec![0, 1, 4, 5], 2)
    }

    fn select(controller: &CpuHotplug, index: u32) {
        assert_eq!(controller.write(SELECTOR, &index.to_le_bytes()), None);
    }

    fn status(controller: &CpuHotplug, index: u32) -> u8 {
        select(controller, index);
        let mut data = [0];
        controller.read(STATUS, &mut data);
        data[0]
    }

    fn data(controller: &CpuHotplug, command: u8) -> u32 {
        controller.write(COMMAND, &[command]);
        let mut data = [0; 4];
        controller.read(DATA, &mut data);
        u32::from_le_bytes(data)
    }

    #[test]
    fn guest_finds_what_has_come_and_acknowledges_it() {
        let controller = controller();
        assert_eq!(
            [0, 1, 2, 3].map(|cpu| status(&controller, cpu)),
            [1, 1, 0, 0]
        );
        controller.inserted(2);
        assert_eq!(status(&controller, 2), 3);
        assert_eq!(data(&controller, APIC_ID), 4);
        select(&controller, 0);
        assert_eq!(data(&controller, NEXT_EVENT), 2);
        assert_eq!(controller.write(STATUS, &[2]), None);
        assert_eq!(status(&controller, 2), 1);
        select(&controller, 0);
        assert_eq!(data(&controller, NEXT_EVENT), 0);
    }

    #[test]
    fn guest_is_asked_and_ejects() {
        let controller = controller();
        controller.request_removal(1);
        assert_eq!(status(&controller, 1), 5);
        assert_eq!(controller.write(STATUS, &[4]), None);
        let ejected = controller.write(STATUS, &[8]);
        assert_eq!(ejected, Some(GuestRequest::Eject(Place::Cpu(1))));
        controller.removed(1);
        assert_eq!(status(&controller, 1), 0);
        assert_eq!(controller.write(STATUS, &[8]), None, "it has gone");
    }

    #[test]
    fn report_is_passed_on_when_it_is_complete() {
        let controller = controller();
        select(&controller, 1);
        controller.write(COMMAND, &[OST_EVENT]);
        assert_eq!(controller.write(DATA, &[3, 0, 0, 0]), None);
        controller.write(COMMAND, &[OST_STATUS]);
        let report = OstReport {
            event: 3,
            status: 0x80,
        };
        assert_eq!(
            controller.write(DATA, &[0x80, 0, 0, 0]),
            Some(GuestRequest::OstReport(Place::Cpu(1), report))
        );
        assert_eq!(controller.reports()[1], report);
    }

    #[test]
    fn place_that_is_not_there_answers_nothing() {
        let controller = controller();
        for index in [4, u32::MAX] {
            assert_eq!(status(&controller, index), 0);
            assert_eq!(data(&controller, APIC_ID), 0);
            assert_eq!(controller.write(STATUS, &[0xff]), None);
            assert_eq!(controller.write(DATA, &[1]), None);
        }
        assert_eq!(controller.write(STATUS, &[]), None);
        controller.read(u64::MAX, &mut [0; 8]);
        controller.inserted(99);
    }
}

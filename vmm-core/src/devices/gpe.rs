//! The general-purpose events of ACPI: devices tell the guest that they have
//! something to say.
//!
//! | offset | register |
//! |--------|----------|
//! | 0      | status: one bit for each event; write 1 to clear |
//! | 8      | enable: the events that raise the interrupt |
//!
//! Both are eight bytes wide, as on chipsets; there are events in the first only.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::{Device, GuestRequest};
use crate::accel::IrqLine;
use crate::state::{self, Invalid, Restore, Stateful};
use crate::sync::lock;

const ENABLE: u64 = 8;

/// The events of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A CPU comes, or is to go.
    Cpu = 2,
    /// Memory comes, or is to go.
    Memory = 3,
}

/// The register block with its interrupt line.
#[derive(Debug)]
pub struct GeneralEvents {
    irq: IrqLine,
    registers: Mutex<Registers>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Registers {
    status: u8,
    enable: u8,
}

impl GeneralEvents {
    /// Number of ports that the block takes.
    pub const PORTS: u64 = 16;

    /// A block in power-on state that interrupts through `irq`.
    #[must_use]
    pub fn new(irq: IrqLine) -> Self {
        Self {
            irq,
            registers: Mutex::default(),
        }
    }

    /// Tells the guest of an event.
    pub fn raise(&self, event: Event) {
        let mut registers = lock(&self.registers);
        registers.status |= 1 << event as u8;
        self.interrupt(&registers);
    }

    fn interrupt(&self, registers: &Registers) {
        if registers.status & registers.enable != 0 {
            self.irq.pulse();
        }
    }
}

impl Device for GeneralEvents {
    fn read(&self, offset: u64, data: &mut [u8]) {
        let registers = lock(&self.registers);
        for (at, byte) in (0u64..).zip(data) {
            *byte = match offset.wrapping_add(at) {
                0 => registers.status,
                ENABLE => registers.enable,
                _ => 0,
            };
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let mut registers = lock(&self.registers);
        for (at, byte) in (0u64..).zip(data) {
            match offset.wrapping_add(at) {
                0 => registers.status &= !byte,
                ENABLE => {
                    registers.enable = *byte;
                    self.interrupt(&registers); // the event may have been first
                }
                _ => {}
            }
        }
        None
    }

    fn reset(&self) {
        *lock(&self.registers) = Registers::default();
    }

    fn stateful(self: Arc<Self>) -> Option<Arc<dyn Stateful>> {
        Some(self)
    }
}

impl Stateful for GeneralEvents {
    fn kind(&self) -> &'static str {
        "acpi-events"
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        state::encode(&*lock(&self.registers))
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let saved = state::decode(bytes)?;
        Ok(Box::new(move || *lock(&self.registers) = saved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enabled_event_interrupts_until_it_is_cleared() {
        let events = GeneralEvents::new(IrqLine::new(9).unwrap());
        let interrupted = || events.irq.event().read().is_ok();
        let status = || {
            let mut byte = [0];
            events.read(0, &mut byte);
            byte[0]
        };
        events.raise(Event::Cpu);
        assert!(!interrupted());
        assert_eq!(events.write(ENABLE, &[1 << 2]), None);
        assert!(interrupted());
        assert_eq!(status(), 1 << 2);
        events.raise(Event::Memory);
        events.write(0, &[1 << 2]);
        assert_eq!(status(), 1 << 3);
        events.reset();
        assert_eq!(status(), 0);
    }

    #[test]
    fn odd_accesses_are_harmless() {
        let events = GeneralEvents::new(IrqLine::new(9).unwrap());
        let mut data = [0xff; 16];
        events.read(1, &mut data);
        assert_eq!(data, [0; 16]);
        events.read(u64::MAX - 8, &mut data[..8]);
        assert_eq!(events.write(4, &[0xff; 8]), None);
        assert_eq!(events.write(0, &[]), None);
    }
}

//! The fixed power-management registers of ACPI: power button, sleep, off.
//!
//! | port  | register    | meaning |
//! |-------|-------------|---------|
//! | 0x600 | PM1 status  | bit 8: the power button was pressed; write 1 to clear |
//! | 0x602 | PM1 enable  | bit 8: the power button raises interrupt 9 |
//! | 0x604 | PM1 control | write 0x2000: power off (S5); 0x2400: sleep until woken |

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::{Device, GuestRequest};
use crate::accel::IrqLine;
use crate::state::{self, Invalid, Restore, Stateful};
use crate::sync::lock;

const STATUS: u64 = 0;
const ENABLE: u64 = 2;
const CONTROL: u64 = 4;

const POWER_BUTTON: u16 = 1 << 8;
/// Written to the control register: do it, and what to do.
const SLEEP_ENABLE: u16 = 1 << 13;
const SLEEP_TYPE_SHIFT: u16 = 10;
const SLEEP_TYPE_OFF: u16 = 0;
const SLEEP_TYPE_SUSPEND: u16 = 1;

/// The PM1 register block with its interrupt line.
#[derive(Debug)]
pub struct AcpiPm {
    irq: IrqLine,
    registers: Mutex<Registers>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Registers {
    status: u16,
    enable: u16,
    control: u16,
}

impl AcpiPm {
    /// Number of ports that the block takes.
    pub const PORTS: u64 = 6;

    /// A block in power-on state that interrupts through `irq`.
    #[must_use]
    pub fn new(irq: IrqLine) -> Self {
        Self {
            irq,
            registers: Mutex::default(),
        }
    }

    /// Presses the power button.
    pub fn press_power_button(&self) {
        let mut registers = lock(&self.registers);
        registers.status |= POWER_BUTTON;
        self.interrupt(&registers);
    }

    fn interrupt(&self, registers: &Registers) {
        if registers.status & registers.enable & POWER_BUTTON != 0 {
            self.irq.pulse();
        }
    }
}

impl Device for AcpiPm {
    fn read(&self, offset: u64, data: &mut [u8]) {
        let registers = lock(&self.registers);
        let mut block = [0; 6];
        for (bytes, register) in
            block
                .chunks_exact_mut(2)
                .zip([registers.status, registers.enable, registers.control])
        {
            bytes.copy_from_slice(&register.to_le_bytes());
        }
        let start = usize::try_from(offset).unwrap_or(block.len());
        for (index, byte) in data.iter_mut().enumerate() {
            *byte = block
                .get(start.saturating_add(index))
                .copied()
                .unwrap_or_default();
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let value = match *data {
            [low] => u16::from(low),
            [low, high, ..] => u16::from_le_bytes([low, high]),
            [] => return None,
        };
        let mut registers = lock(&self.registers);
        match offset {
            STATUS => registers.status &= !value,
            ENABLE => {
                registers.enable = value;
                self.interrupt(&registers); // the button may have been first
            }
            CONTROL => {
                registers.control = value & !SLEEP_ENABLE;
                return sleep(value);
            }
            _ => {}
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

impl Stateful for AcpiPm {
    fn kind(&self) -> &'static str {
        "acpi-pm"
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        state::encode(&*lock(&self.registers))
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let saved = state::decode(bytes)?;
        Ok(Box::new(move || *lock(&self.registers) = saved))
    }
}

fn sleep(control: u16) -> Option<GuestRequest> {
    if control & SLEEP_ENABLE == 0 {
        return None;
    }
    match (control >> SLEEP_TYPE_SHIFT) & 7 {
        SLEEP_TYPE_OFF => Some(GuestRequest::Shutdown { exit_code: None }),
        SLEEP_TYPE_SUSPEND => Some(GuestRequest::Suspend),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(pm: &AcpiPm, offset: u64) -> u16 {
        let mut data = [0; 2];
        pm.read(offset, &mut data);
        u16::from_le_bytes(data)
    }

    fn interrupted(pm: &AcpiPm) -> bool {
        pm.irq.event().read().is_ok()
    }

    #[test]
    fn button_interrupts_once_it_is_enabled() {
        let pm = AcpiPm::new(IrqLine::new(9).unwrap());
        pm.press_power_button();
        assert!(!interrupted(&pm));
        assert_eq!(pm.write(ENABLE, &POWER_BUTTON.to_le_bytes()), None);
        assert!(interrupted(&pm));
        assert_eq!(word(&pm, STATUS), POWER_BUTTON);
        pm.write(STATUS, &POWER_BUTTON.to_le_bytes());
        assert_eq!(word(&pm, STATUS), 0);
        pm.press_power_button();
        assert!(interrupted(&pm));
        pm.reset();
        assert_eq!((word(&pm, STATUS), word(&pm, ENABLE)), (0, 0));
    }

    #[test]
    fn control_register_powers_off_or_suspends() {
        let pm = AcpiPm::new(IrqLine::new(9).unwrap());
        let write = |value: u16| pm.write(CONTROL, &value.to_le_bytes());
        assert_eq!(
            write(0x2000),
            Some(GuestRequest::Shutdown { exit_code: None })
        );
        assert_eq!(write(0x2400), Some(GuestRequest::Suspend));
        assert_eq!(write(0x0400), None);
        assert_eq!(write(0x3c00), None);
    }

    #[test]
    fn odd_accesses_are_harmless() {
        let pm = AcpiPm::new(IrqLine::new(9).unwrap());
        let mut data = [0xff; 8];
        pm.read(u64::MAX, &mut data);
        assert_eq!(data, [0; 8]);
        assert_eq!(pm.write(CONTROL, &[]), None);
        assert_eq!(pm.write(5, &[0xff]), None);
    }
}

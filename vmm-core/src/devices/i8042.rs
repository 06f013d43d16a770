//! The keyboard controller, as far as a guest needs it to reset the machine.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use vm_superio::{I8042Device, Trigger};

use super::{Device, GuestRequest};

/// Ports 0x60 to 0x64: command 0xfe to port 0x64 resets, everything reads as 0
/// (no keyboard data, ready for commands).
#[derive(Debug, Default)]
pub struct KeyboardController;

/// Notes that the model pulled its reset line.
#[derive(Clone, Default)]
struct ResetLine(Rc<Cell<bool>>);

impl Trigger for ResetLine {
    type E = Infallible;

    fn trigger(&self) -> Result<(), Infallible> {
        self.0.set(true);
        Ok(())
    }
}

impl Device for KeyboardController {
    fn read(&self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let (Ok(offset), Some(&value)) = (u8::try_from(offset), data.first()) else {
            return None;
        };
        // The model has no state of its own: one per write is enough.
        let line = ResetLine::default();
        let Ok(()) = I8042Device::new(line.clone()).write(offset, value);
        line.0.get().then_some(GuestRequest::Reset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_command_on_the_command_port_resets() {
        assert_eq!(
            KeyboardController.write(4, &[0xfe]),
            Some(GuestRequest::Reset)
        );
        assert_eq!(KeyboardController.write(0, &[0xfe]), None);
        assert_eq!(KeyboardController.write(4, &[0xaa]), None);
        assert_eq!(KeyboardController.write(0x104, &[0xfe]), None);
        assert_eq!(KeyboardController.write(4, &[]), None);
    }
}

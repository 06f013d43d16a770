//! The paravirtual panic port.

use super::{Device, GuestRequest};

/// The guest's kernel has panicked (the only event that is offered).
const PANICKED: u8 = 1;

/// One port: reading tells the events that can be reported, writing reports.
#[derive(Debug, Default)]
pub struct PvPanic;

impl Device for PvPanic {
    fn read(&self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
        if let Some(first) = data.first_mut() {
            *first = PANICKED;
        }
    }

    fn write(&self, _offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let reported = data.first().is_some_and(|events| events & PANICKED != 0);
        reported.then_some(GuestRequest::Panic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_offered_event_reports_a_panic() {
        let mut offered = [0xff];
        PvPanic.read(0, &mut offered);
        assert_eq!(offered, [PANICKED]);
        assert_eq!(PvPanic.write(0, &[PANICKED]), Some(GuestRequest::Panic));
        assert_eq!(PvPanic.write(0, &[2]), None);
        assert_eq!(PvPanic.write(0, &[]), None);
    }
}

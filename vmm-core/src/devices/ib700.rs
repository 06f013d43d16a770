//! The watchdog of the iBASE 700 board.
//!
//! | port  | a write |
//! |-------|---------|
//! | 0x441 | stops the timer |
//! | 0x443 | starts it anew: 30 seconds, less 2 for each step of the low 4 bits |

use std::sync::{Arc, Mutex};

use super::{Device, GuestRequest, Requester};
use crate::clock::{ClockKind, Clocks, SECOND, Timer};
use crate::qom::{Object, TypeInfo, base};
use crate::state::{self, Invalid, Restore, Stateful};
use crate::sync::lock;

/// The type of it, for `-device`.
pub static IB700: TypeInfo = TypeInfo::new("ib700", &base::ISA_DEVICE)
    .described("iBASE 700")
    .created_by(|cx| {
        let services = cx.services;
        let device = Ib700::new(&services.clocks, services.requester.clone());
        let pio = &services.buses.pio;
        pio.insert(Ib700::PORT, Ib700::PORTS, Arc::clone(&device) as _)?;
        Ok(device)
    });

/// Offset of the port that starts the timer; the one that stops it is at 0.
const START: u64 = 2;
const LONGEST: u64 = 30;

/// The watchdog; it counts the guest's time.
#[derive(Debug)]
pub struct Ib700 {
    clocks: Clocks,
    timer: Timer,
    /// When it expires; the timer may be a little behind.
    deadline: Mutex<Option<u64>>,
}

impl Ib700 {
    /// The first port.
    pub const PORT: u64 = 0x441;
    /// Number of ports that the device takes.
    pub const PORTS: u64 = 4;

    /// A watchdog at rest, which tells `requester` when it expires.
    #[must_use]
    pub fn new(clocks: &Clocks, requester: Requester) -> Arc<Self> {
        Arc::new_cyclic(|device: &std::sync::Weak<Self>| {
            let device = device.clone();
            let expire = move || {
                if device.upgrade().is_some_and(|device| device.expire()) {
                    requester.ask(GuestRequest::Watchdog);
                }
            };
            Self {
                clocks: clocks.clone(),
                timer: clocks.timer(ClockKind::Vm, expire),
                deadline: Mutex::default(),
            }
        })
    }

    /// Whether the time is up; says so once.
    fn expire(&self) -> bool {
        let now = self.clocks.now(ClockKind::Vm);
        lock(&self.deadline)
            .take_if(|deadline| *deadline <= now)
            .is_some()
    }

    fn stop(&self) {
        *lock(&self.deadline) = None;
        self.timer.cancel();
    }
}

impl Object for Ib700 {}

impl Device for Ib700 {
    fn read(&self, _offset: u64, data: &mut [u8]) {
        data.fill(0xff);
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let value = *data.first()?;
        if offset < START {
            self.stop();
        } else {
            let timeout = (LONGEST - 2 * u64::from(value & 0xf)) * SECOND;
            let deadline = self.clocks.now(ClockKind::Vm) + timeout;
            *lock(&self.deadline) = Some(deadline);
            self.timer.set(deadline);
        }
        None
    }

    fn reset(&self) {
        self.stop();
    }

    fn stateful(self: Arc<Self>) -> Option<Arc<dyn Stateful>> {
        Some(self)
    }
}

impl Stateful for Ib700 {
    fn kind(&self) -> &'static str {
        "ib700"
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        state::encode(&*lock(&self.deadline))
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let saved: Option<u64> = state::decode(bytes)?;
        Ok(Box::new(move || {
            *lock(&self.deadline) = saved; // by the guest's clock, which goes back, too
            match saved {
                Some(deadline) => self.timer.set(deadline),
                None => self.timer.cancel(),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use super::*;

    fn watchdog() -> (Clocks, Arc<Ib700>, Receiver<GuestRequest>) {
        let clocks = Clocks::manual(0);
        clocks.resume();
        let (sender, requests) = mpsc::channel();
        let requester = Requester::new(move |request| {
            let _ = sender.send(request);
        });
        let device = Ib700::new(&clocks, requester);
        (clocks, device, requests)
    }

    #[test]
    fn expires_once_after_the_chosen_time() {
        for (value, seconds) in [(0, 30), (1, 28), (14, 2), (0x1f, 0)] {
            let (clocks, device, requests) = watchdog();
            assert_eq!(device.write(START, &[value]), None);
            if seconds > 0 {
                clocks.advance(seconds * SECOND - 1);
                assert!(requests.try_recv().is_err(), "{value}");
            }
            clocks.advance(1);
            assert_eq!(requests.try_recv(), Ok(GuestRequest::Watchdog), "{value}");
            clocks.advance(60 * SECOND);
            assert!(requests.try_recv().is_err(), "{value}");
        }
    }

    #[test]
    fn start_stop_and_reset_put_it_off() {
        let (clocks, device, requests) = watchdog();
        for _ in 0..3 {
            device.write(START, &[14]);
            clocks.advance(SECOND);
        }
        device.write(0, &[0]);
        clocks.advance(60 * SECOND);
        device.write(START, &[14]);
        device.reset();
        clocks.advance(60 * SECOND);
        assert!(requests.try_recv().is_err());
    }

    #[test]
    fn time_of_a_stopped_guest_does_not_count() {
        let (clocks, device, requests) = watchdog();
        device.write(START, &[14]);
        clocks.pause();
        clocks.advance(60 * SECOND);
        assert!(requests.try_recv().is_err());
        clocks.resume();
        clocks.advance(2 * SECOND);
        assert!(requests.try_recv().is_ok());
    }
}

//! The PC's clock and CMOS memory, for reading.
//!
//! Time is the host's in UTC. Writes to the clock are dropped: a guest keeps
//! time by its timer. CMOS bytes hold the memory size and the number of CPUs
//! where PC firmware leaves them.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Device, GuestRequest};
use crate::sync::lock;

const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;
const STATUS_C: u8 = 0x0c;
const STATUS_D: u8 = 0x0d;
const CENTURY: u8 = 0x32;
const CPUS: u8 = 0x5f;

/// Registers that time is read from.
const CLOCK: [u8; 8] = [0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, CENTURY];

/// Ports 0x70 (index) and 0x71 (data).
#[derive(Debug)]
pub struct Rtc {
    state: Mutex<State>,
    power_on: [u8; 128],
}

#[derive(Debug)]
struct State {
    index: u8,
    memory: [u8; 128],
}

impl Rtc {
    /// Number of ports that the device takes.
    pub const PORTS: u64 = 2;

    /// A clock on a board with `ram_size` bytes of memory and `cpus` CPUs.
    #[must_use]
    pub fn new(ram_size: u64, cpus: u32) -> Self {
        let mut memory = [0; 128];
        memory[usize::from(STATUS_A)] = 0x26; // 32768 Hz, no update in progress
        memory[usize::from(STATUS_B)] = 0x02; // 24 hours, BCD
        memory[usize::from(STATUS_D)] = 0x80; // the battery is good
        // KiB below 1 MiB; KiB from 1 MiB, up to 64 MiB; 64 KiB units from 16 MiB
        put_word(&mut memory, 0x15, 640);
        let extended = ram_size.saturating_sub(1 << 20) >> 10;
        put_word(&mut memory, 0x17, extended);
        put_word(&mut memory, 0x30, extended);
        put_word(
            &mut memory,
            0x34,
            ram_size.min(3 << 30).saturating_sub(16 << 20) >> 16,
        );
        memory[usize::from(CPUS)] = u8::try_from(cpus.saturating_sub(1)).unwrap_or(u8::MAX);
        Self {
            state: Mutex::new(State { index: 0, memory }),
            power_on: memory,
        }
    }
}

fn put_word(memory: &mut [u8; 128], at: usize, value: u64) {
    let word = u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes();
    memory[at..at + 2].copy_from_slice(&word);
}

impl Device for Rtc {
    fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0xff);
        let state = lock(&self.state);
        if let (1, Some(first)) = (offset, data.first_mut()) {
            *first = match CLOCK.iter().position(|&register| register == state.index) {
                Some(field) => bcd(now()[field]),
                None if state.index == STATUS_C => 0, // no interrupt is pending
                None => state.memory[usize::from(state.index)],
            };
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let value = *data.first()?;
        let mut state = lock(&self.state);
        match offset {
            0 => state.index = value & 0x7f, // bit 7 gates NMI on a PC; not here
            _ if state.index > STATUS_D && state.index != CENTURY => {
                let index = usize::from(state.index);
                state.memory[index] = value;
            }
            _ => {}
        }
        None
    }

    fn reset(&self) {
        *lock(&self.state) = State {
            index: 0,
            memory: self.power_on,
        };
    }
}

fn bcd(value: u8) -> u8 {
    (value / 10) << 4 | (value % 10)
}

fn now() -> [u8; 8] {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    fields(seconds)
}

/// Second, minute, hour, weekday (Sunday is 1), day, month, year, century of a
/// Unix time.
fn fields(seconds: u64) -> [u8; 8] {
    let days = seconds / 86400;
    let of_day = seconds % 86400;
    // Years that begin in March have their leap day last; eras of 400 years
    // have 146097 days. 719468 days lie between 0000-03-01 and the epoch.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let weekday = (days + 4) % 7 + 1;
    [
        of_day % 60,
        of_day / 60 % 60,
        of_day / 3600,
        weekday,
        day,
        month,
        year % 100,
        year / 100 % 100,
    ]
    .map(|field| u8::try_from(field).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(rtc: &Rtc, index: u8) -> u8 {
        rtc.write(0, &[index]);
        let mut data = [0];
        rtc.read(1, &mut data);
        data[0]
    }

    #[test]
    fn unix_times_become_calendar_fields() {
        assert_eq!(fields(0), [0, 0, 0, 5, 1, 1, 70, 19]); // a Thursday
        assert_eq!(fields(951_782_399), [59, 59, 23, 2, 28, 2, 0, 20]); // before 2000-02-29
        assert_eq!(fields(951_782_400), [0, 0, 0, 3, 29, 2, 0, 20]);
        assert_eq!(fields(1_704_067_199), [59, 59, 23, 1, 31, 12, 23, 20]);
        assert_eq!(fields(4_107_542_400), [0, 0, 0, 2, 1, 3, 0, 21]); // 2100 is no leap year
    }

    #[test]
    fn status_says_a_good_clock_that_never_updates() {
        let rtc = Rtc::new(64 << 20, 2);
        assert_eq!(register(&rtc, STATUS_A) & 0x80, 0);
        assert_eq!(register(&rtc, STATUS_D), 0x80);
        assert_eq!(register(&rtc, CPUS), 1);
        assert_eq!(register(&rtc, 0x80 | CENTURY), bcd(now()[7]));
    }

    #[test]
    fn memory_is_written_and_reset_but_the_clock_is_not() {
        let rtc = Rtc::new(64 << 20, 1);
        for (index, kept) in [
            (0x40, true),
            (0x7f, true),
            (CENTURY, false),
            (STATUS_A, false),
        ] {
            rtc.write(0, &[index]);
            rtc.write(1, &[0xa5]);
            assert_eq!(register(&rtc, index) == 0xa5, kept, "{index:#x}");
        }
        rtc.reset();
        assert_eq!(register(&rtc, 0x40), 0);
    }
}

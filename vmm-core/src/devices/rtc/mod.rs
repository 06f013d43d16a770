//! The PC's real-time clock (MC146818) with its CMOS memory.
//!
//! Port 0x70 chooses a register, port 0x71 reads and writes it. Periodic, alarm
//! and update interrupts come on interrupt 8. Date and time are worked out when
//! they are looked at; only interrupts need a timer.
//!
//! A periodic interrupt is lost when the guest has not yet acknowledged the one
//! before. Lost ones are counted if the configuration asks for it, and come
//! when the guest acknowledges, a few at a time.

mod base;
mod calendar;
mod registers;

use std::sync::{Arc, Mutex, Weak};

use serde::{Deserialize, Serialize};

pub use base::{BadBase, RtcBase, RtcConfig};
use qmp_runtime::json::{Map, Value};

use super::{Device, GuestRequest};
use crate::accel::IrqLine;
use crate::clock::{ClockKind, Clocks, SECOND, Timer};
use crate::qom::{Access, Kind, Object, Property, TypeInfo, base as base_types};
use crate::state::{self, Invalid, Restore, Stateful};
use crate::sync::lock;
use base::Reference;
use registers::{
    ALARM, CENTURY, CENTURY_PS2, HOURS_24, INTERRUPT, PERIODIC, Registers, SET, SQUARE_WAVE,
    STATUS_A, STATUS_B, STATUS_C, STATUS_D, UPDATE, UPDATING,
};

/// The type of the board's clock.
pub static MC146818: TypeInfo = TypeInfo::new("mc146818rtc", &base_types::ISA_DEVICE)
    .described("The clock of a PC")
    .properties(&[
        Property::new("date", Kind::other("struct tm")).access(Access::Read),
        Property::new("iobase", Kind::UINT16).default_uint(Rtc::PORT),
        Property::new("irq", Kind::UINT8).default_uint(Rtc::IRQ as u64),
        Property::new("lost_tick_policy", Kind::STR).access(Access::Read),
    ]);

/// Frequency of the oscillator.
const OSCILLATOR: u64 = 32_768;
/// How long before an update the guest is warned, in nanoseconds.
const WARNING: i128 = 8 * SECOND as i128 / OSCILLATOR as i128;
/// Lost interrupts that are made up for between two that are on time.
const MADE_UP_AT_ONCE: u32 = 20;
/// An alarm is due at least once in this time, in seconds.
const DAY: i64 = 86_400;
const NANOSECONDS: i128 = SECOND as i128;
const INTERRUPTS: u8 = PERIODIC | ALARM | UPDATE;

/// The clock.
#[derive(Debug)]
pub struct Rtc {
    irq: IrqLine,
    clocks: Clocks,
    clock: ClockKind,
    slew: bool,
    reference: Reference,
    timer: Timer,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    index: u8,
    registers: Registers,
    time: Time,
    /// The second that flags have been raised up to.
    seen: i64,
    /// The next periodic interrupt, in ticks of the oscillator.
    tick: Option<u64>,
    /// Periodic interrupts that the guest has missed.
    lost: u64,
    /// How many were made up for since the last that was on time.
    made_up: u32,
}

/// What the clock shows, in nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Time {
    /// That much more than the machine's clock.
    Running { ahead: i128 },
    /// The registers, and that much of a second.
    Held { fraction: i128 },
}

impl Rtc {
    /// The first port.
    pub const PORT: u64 = 0x70;
    /// Number of ports that the device takes.
    pub const PORTS: u64 = 2;
    /// The clock's interrupt.
    pub const IRQ: u32 = 8;

    /// A clock that runs, over CMOS memory with these bytes.
    #[must_use]
    pub fn new(config: RtcConfig, cmos: &Cmos, irq: IrqLine, clocks: &Clocks) -> Arc<Self> {
        let mut registers = cmos.0;
        registers[usize::from(STATUS_A)] = 0x26; // 32768 Hz, 1024 interrupts a second
        registers[usize::from(STATUS_B)] = HOURS_24;
        registers[usize::from(STATUS_D)] = 0x80; // the battery is good
        let reference = Reference::new(config.base, clocks);
        let seconds = reference.shown(clocks);
        // within the second, it goes with the host's
        let host = i128::from(clocks.now(ClockKind::Host));
        let shown = i128::from(seconds) * NANOSECONDS + host % NANOSECONDS;
        let state = State {
            index: 0,
            registers,
            time: Time::Running {
                ahead: shown - i128::from(clocks.now(config.clock)),
            },
            seen: seconds,
            tick: None,
            lost: 0,
            made_up: 0,
        };
        Arc::new_cyclic(|device: &Weak<Self>| {
            let device = device.clone();
            let timer = clocks.timer(config.clock, move || {
                if let Some(device) = device.upgrade() {
                    device.work();
                }
            });
            Self {
                irq,
                clocks: clocks.clone(),
                clock: config.clock,
                slew: config.slew,
                reference,
                timer,
                state: Mutex::new(state),
            }
        })
    }

    /// Forgets the periodic interrupts that the guest has missed.
    pub fn reset_reinjection(&self) {
        let mut state = lock(&self.state);
        let now = self.clocks.now(self.clock);
        // those that have come due and that the timer has not got to, too
        self.catch_up(&mut state, now);
        self.plan(&mut state, now);
        state.lost = 0;
    }

    /// Does what is due, and sets the timer for what is next.
    fn work(&self) {
        let mut state = lock(&self.state);
        let now = self.clocks.now(self.clock);
        self.catch_up(&mut state, now);
        self.plan(&mut state, now);
    }

    /// Raises the flags of what has happened up to `now`.
    fn catch_up(&self, state: &mut State, now: u64) {
        state.count_seconds(now);
        let period = registers::period(&state.registers);
        if let (Some(due), Some(period)) = (state.tick, period)
            && let Some(late) = ticks(now).checked_sub(due)
        {
            let count = late / period + 1;
            state.tick = Some(due + count * period);
            state.periodic(count, self.slew);
        }
        self.update_line(state);
    }

    /// Raises the interrupt line if a flag asks for it and it is down.
    fn update_line(&self, state: &mut State) {
        let enabled = state.registers[usize::from(STATUS_B)] & INTERRUPTS;
        let flags = &mut state.registers[usize::from(STATUS_C)];
        if *flags & enabled != 0 && *flags & INTERRUPT == 0 {
            *flags |= INTERRUPT;
            self.irq.pulse();
        }
    }

    /// Sets the timer for the next moment that may bring an interrupt.
    fn plan(&self, state: &mut State, now: u64) {
        let enabled = state.registers[usize::from(STATUS_B)];
        if enabled & PERIODIC == 0 {
            state.tick = None;
        } else if state.tick.is_none()
            && let Some(period) = registers::period(&state.registers)
        {
            // in step with the oscillator
            state.tick = Some((ticks(now) / period + 1) * period);
        }
        let second = match state.time {
            Time::Running { ahead } if enabled & (ALARM | UPDATE) != 0 => {
                let left = NANOSECONDS - (i128::from(now) + ahead).rem_euclid(NANOSECONDS);
                Some(now.saturating_add(u64::try_from(left).unwrap_or(SECOND)))
            }
            _ => None,
        };
        match state.tick.map(moment).into_iter().chain(second).min() {
            Some(deadline) => self.timer.set(deadline),
            None => self.timer.cancel(),
        }
    }

    fn read_register(&self) -> u8 {
        let mut state = lock(&self.state);
        let now = self.clocks.now(self.clock);
        let index = match state.index {
            CENTURY_PS2 => CENTURY,
            index => index,
        };
        if registers::is_time(index) {
            state.show(now);
        } else if index == STATUS_A {
            let a = state.registers[usize::from(STATUS_A)];
            let updating = if state.is_updating(now) { UPDATING } else { 0 };
            return a | updating;
        } else if index == STATUS_C {
            self.catch_up(&mut state, now);
            let flags = std::mem::take(&mut state.registers[usize::from(STATUS_C)]);
            state.make_up();
            self.update_line(&mut state);
            self.plan(&mut state, now);
            return flags;
        }
        state.registers[usize::from(index)]
    }

    fn write_register(&self, value: u8) -> Option<GuestRequest> {
        let mut state = lock(&self.state);
        let now = self.clocks.now(self.clock);
        self.catch_up(&mut state, now);
        let index = match state.index {
            CENTURY_PS2 => CENTURY,
            index => index,
        };
        let set = match index {
            STATUS_A => {
                let before = state.registers[usize::from(STATUS_A)];
                state.tick = None;
                let set = state.control(now, |registers| {
                    registers[usize::from(STATUS_A)] = value & !UPDATING;
                });
                if registers::divider_is_reset(before)
                    && !registers::divider_is_reset(value)
                    && let Time::Running { ahead } = &mut state.time
                {
                    // the first update comes half a second after
                    let fraction = (i128::from(now) + *ahead).rem_euclid(NANOSECONDS);
                    *ahead += NANOSECONDS / 2 - fraction;
                }
                set
            }
            STATUS_B => state.control(now, |registers| {
                let update = if value & SET == 0 { 0 } else { UPDATE };
                registers[usize::from(STATUS_B)] = value & !update;
            }),
            STATUS_C | STATUS_D => None,
            _ if registers::is_time(index) => state.set(now, index, value),
            _ => {
                state.registers[usize::from(index)] = value;
                None
            }
        };
        self.update_line(&mut state);
        self.plan(&mut state, now);
        drop(state);
        set.map(|seconds| GuestRequest::ClockSet {
            ahead: self.reference.ahead(seconds, &self.clocks),
        })
    }
}

impl State {
    /// The second that the clock shows, if it runs.
    fn second(&self, now: u64) -> Option<i64> {
        match self.time {
            Time::Running { ahead } => {
                let second = (i128::from(now) + ahead).div_euclid(NANOSECONDS);
                i64::try_from(second).ok()
            }
            Time::Held { .. } => None,
        }
    }

    fn is_updating(&self, now: u64) -> bool {
        match self.time {
            Time::Running { ahead } => {
                (i128::from(now) + ahead).rem_euclid(NANOSECONDS) >= NANOSECONDS - WARNING
            }
            Time::Held { .. } => false,
        }
    }

    /// Raises the update and alarm flags for the seconds that have passed.
    fn count_seconds(&mut self, now: u64) {
        let Some(second) = self.second(now) else {
            return;
        };
        if second > self.seen {
            let mut flags = UPDATE;
            let first = (self.seen + 1).max(second - DAY);
            if (first..=second).any(|second| registers::alarm_matches(&self.registers, second)) {
                flags |= ALARM;
            }
            self.registers[usize::from(STATUS_C)] |= flags;
        }
        self.seen = second;
    }

    /// `count` periodic interrupts are due.
    fn periodic(&mut self, count: u64, slew: bool) {
        self.made_up = 0;
        let flags = &mut self.registers[usize::from(STATUS_C)];
        if slew {
            let missed = if *flags & PERIODIC == 0 {
                count - 1
            } else {
                count
            };
            self.lost = self.lost.saturating_add(missed);
        }
        *flags |= PERIODIC;
    }

    /// After an acknowledgement: one of the lost interrupts.
    fn make_up(&mut self) {
        let enabled = self.registers[usize::from(STATUS_B)] & PERIODIC != 0;
        if enabled && self.lost > 0 && self.made_up < MADE_UP_AT_ONCE {
            self.lost -= 1;
            self.made_up += 1;
            self.registers[usize::from(STATUS_C)] |= PERIODIC;
        }
    }

    /// Puts what the clock shows into the registers.
    fn show(&mut self, now: u64) {
        if let Some(second) = self.second(now) {
            registers::put(&mut self.registers, second);
        }
    }

    /// Writes a part of date or time; what is shown then, if the clock runs.
    fn set(&mut self, now: u64, index: u8, value: u8) -> Option<i64> {
        self.show(now);
        self.registers[usize::from(index)] = value;
        let Time::Running { ahead } = self.time else {
            return None;
        };
        let fraction = (i128::from(now) + ahead).rem_euclid(NANOSECONDS);
        Some(self.run(now, fraction))
    }

    /// Changes a control register, which may stop the clock or start it again;
    /// what it shows in that case.
    fn control(&mut self, now: u64, change: impl FnOnce(&mut Registers)) -> Option<i64> {
        if let Time::Running { .. } = self.time {
            self.show(now);
        }
        change(&mut self.registers);
        match (self.time, registers::is_running(&self.registers)) {
            (Time::Running { ahead }, false) => {
                let fraction = (i128::from(now) + ahead).rem_euclid(NANOSECONDS);
                self.time = Time::Held { fraction };
                None
            }
            (Time::Held { fraction }, true) => Some(self.run(now, fraction)),
            _ => None,
        }
    }

    /// Lets the clock run from what the registers say.
    fn run(&mut self, now: u64, fraction: i128) -> i64 {
        let second = registers::get(&self.registers);
        self.time = Time::Running {
            ahead: i128::from(second) * NANOSECONDS + fraction - i128::from(now),
        };
        self.seen = second;
        second
    }
}

impl Object for Rtc {
    fn get(&self, property: &str) -> Option<Value> {
        match property {
            "date" => {
                let mut state = lock(&self.state);
                state.show(self.clocks.now(self.clock));
                let date = calendar::Fields::at(registers::get(&state.registers));
                Some(Value::Object(Map::from_iter([
                    ("tm_year".to_owned(), (date.year - 1900).into()),
                    ("tm_mon".to_owned(), (date.month - 1).into()),
                    ("tm_mday".to_owned(), date.day.into()),
                    ("tm_hour".to_owned(), date.hour.into()),
                    ("tm_min".to_owned(), date.minute.into()),
                    ("tm_sec".to_owned(), date.second.into()),
                ])))
            }
            "lost_tick_policy" => Some(if self.slew { "slew" } else { "discard" }.into()),
            _ => None,
        }
    }
}

/// Ticks of the oscillator up to a moment.
fn ticks(nanoseconds: u64) -> u64 {
    scale(nanoseconds, OSCILLATOR, SECOND)
}

/// The moment of a tick: none is due before it.
fn moment(tick: u64) -> u64 {
    scale(tick, SECOND, OSCILLATOR).saturating_add(1)
}

fn scale(value: u64, by: u64, over: u64) -> u64 {
    let scaled = u128::from(value) * u128::from(by) / u128::from(over);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

impl Device for Rtc {
    fn is_bytewise(&self) -> bool {
        true
    }

    fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0xff);
        if let (1, Some(first)) = (offset, data.first_mut()) {
            *first = self.read_register();
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let value = *data.first()?;
        if offset == 0 {
            lock(&self.state).index = value & 0x7f; // bit 7 gates NMI on a PC; not here
            return None;
        }
        self.write_register(value)
    }

    /// Time and memory live on a battery; interrupts do not survive.
    fn reset(&self) {
        let mut state = lock(&self.state);
        state.registers[usize::from(STATUS_B)] &= !(PERIODIC | ALARM | SQUARE_WAVE);
        state.registers[usize::from(STATUS_C)] = 0;
        state.lost = 0;
        state.made_up = 0;
        self.plan(&mut state, self.clocks.now(self.clock));
    }

    fn stateful(self: Arc<Self>) -> Option<Arc<dyn Stateful>> {
        Some(self)
    }
}

/// What of the clock is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    index: u8,
    registers: Vec<u8>,
    time: Time,
    seen: i64,
    tick: Option<u64>,
    lost: u64,
    made_up: u32,
    /// What it ran by at that moment, if that is of no meaning elsewhere.
    now: u64,
}

/// Moments that are far beyond all that there can be, in nanoseconds.
const FAR: i128 = 1 << 90;

impl Stateful for Rtc {
    fn kind(&self) -> &'static str {
        "mc146818rtc"
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        let state = lock(&self.state);
        state::encode(&Saved {
            index: state.index,
            registers: state.registers.to_vec(),
            time: state.time,
            seen: state.seen,
            tick: state.tick,
            lost: state.lost,
            made_up: state.made_up,
            now: match self.clock {
                ClockKind::Rt => self.clocks.now(self.clock),
                ClockKind::Vm | ClockKind::Host => 0,
            },
        })
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let mut saved: Saved = state::decode(bytes)?;
        let Ok(registers) = saved.registers.as_slice().try_into() else {
            return Err(Invalid::new("there are not 128 registers"));
        };
        state::check(saved.index < 128, "the selected register")?;
        let is_near = match saved.time {
            Time::Running { ahead } => ahead.unsigned_abs() < FAR.unsigned_abs(),
            Time::Held { fraction } => (0..NANOSECONDS).contains(&fraction),
        };
        state::check(is_near, "the time")?;
        let second = i128::from(saved.seen) * NANOSECONDS;
        state::check(
            second.unsigned_abs() < FAR.unsigned_abs(),
            "the last second",
        )?;
        Ok(Box::new(move || {
            let now = self.clocks.now(self.clock);
            if self.clock == ClockKind::Rt {
                // it means something in one process only: go on from what was shown
                if let Time::Running { ahead } = &mut saved.time {
                    *ahead += i128::from(saved.now) - i128::from(now);
                }
                saved.tick = None;
            }
            let mut state = lock(&self.state);
            *state = State {
                index: saved.index,
                registers,
                time: saved.time,
                seen: saved.seen,
                tick: saved.tick,
                lost: saved.lost,
                made_up: saved.made_up,
            };
            self.plan(&mut state, now);
        }))
    }
}

/// Bytes of CMOS memory as PC firmware leaves them for a kernel.
#[derive(Debug, Clone)]
pub struct Cmos([u8; 128]);

impl Cmos {
    /// What `low` bytes of memory below 4 GiB, `high` above, and `cpus` CPUs
    /// are told by.
    #[must_use]
    pub fn new(low: u64, high: u64, cpus: u32) -> Self {
        const MIB: u64 = 1 << 20;
        let mut cmos = Self([0; 128]);
        let extended = low.saturating_sub(MIB) >> 10;
        cmos.put(0x15, 2, 640); // KiB below 1 MiB
        cmos.put(0x17, 2, extended); // KiB from 1 MiB on, as many as fit
        cmos.put(0x30, 2, extended);
        cmos.put(0x34, 2, low.saturating_sub(16 * MIB) >> 16); // 64 KiB units
        cmos.put(0x5b, 3, high >> 16);
        cmos.put(0x5f, 1, u64::from(cpus.saturating_sub(1)));
        cmos
    }

    fn put(&mut self, at: usize, size: usize, value: u64) {
        let most = (1 << (8 * size)) - 1;
        let bytes = value.min(most).to_le_bytes();
        self.0[at..at + size].copy_from_slice(&bytes[..size]);
    }
}

#[cfg(test)]
mod tests;

//! The clock's registers, and how date and time are written in them.

use super::calendar::Fields;

pub(super) const SECONDS: u8 = 0x00;
pub(super) const SECONDS_ALARM: u8 = 0x01;
pub(super) const MINUTES: u8 = 0x02;
pub(super) const MINUTES_ALARM: u8 = 0x03;
pub(super) const HOURS: u8 = 0x04;
pub(super) const HOURS_ALARM: u8 = 0x05;
pub(super) const WEEKDAY: u8 = 0x06;
pub(super) const DAY: u8 = 0x07;
pub(super) const MONTH: u8 = 0x08;
pub(super) const YEAR: u8 = 0x09;
pub(super) const STATUS_A: u8 = 0x0a;
pub(super) const STATUS_B: u8 = 0x0b;
pub(super) const STATUS_C: u8 = 0x0c;
pub(super) const STATUS_D: u8 = 0x0d;
pub(super) const CENTURY: u8 = 0x32;
/// Where PS/2s have the century.
pub(super) const CENTURY_PS2: u8 = 0x37;

/// Status A: date and time are about to change.
pub(super) const UPDATING: u8 = 1 << 7;
/// Status B: date and time stand and may be written.
pub(super) const SET: u8 = 1 << 7;
/// Status B and C: the periodic, alarm and update interrupts.
pub(super) const PERIODIC: u8 = 1 << 6;
pub(super) const ALARM: u8 = 1 << 5;
pub(super) const UPDATE: u8 = 1 << 4;
/// Status B: a square wave comes out.
pub(super) const SQUARE_WAVE: u8 = 1 << 3;
/// Status B: numbers are binary, not BCD.
const BINARY: u8 = 1 << 2;
/// Status B: hours are counted to 24.
pub(super) const HOURS_24: u8 = 1 << 1;
/// Status C: the interrupt line is up.
pub(super) const INTERRUPT: u8 = 1 << 7;
/// Hours of a clock that counts to 12: it is past noon.
const PM: u8 = 1 << 7;
/// An alarm register with both bits matches everything.
const ANY: u8 = 0xc0;

/// All registers: the clock's, and memory behind them.
pub(super) type Registers = [u8; 128];

/// Whether `index` is part of the date or of the time.
pub(super) fn is_time(index: u8) -> bool {
    matches!(
        index,
        SECONDS | MINUTES | HOURS | WEEKDAY | DAY | MONTH | YEAR | CENTURY
    )
}

/// Whether date and time go on.
pub(super) fn is_running(registers: &Registers) -> bool {
    let divider = registers[usize::from(STATUS_A)] & 0x70;
    registers[usize::from(STATUS_B)] & SET == 0 && divider <= 0x20
}

/// Whether the divider of the clock's oscillator is held in reset.
pub(super) fn divider_is_reset(status_a: u8) -> bool {
    status_a & 0x60 == 0x60
}

/// Ticks of the 32768 Hz oscillator from one periodic interrupt to the next.
pub(super) fn period(registers: &Registers) -> Option<u64> {
    let rate = match registers[usize::from(STATUS_A)] & 0xf {
        0 => return None,
        rate @ 1..=2 => rate + 7,
        rate => rate,
    };
    Some(1 << (rate - 1))
}

fn encode(registers: &Registers, value: i64) -> u8 {
    let value = u8::try_from(value.rem_euclid(100)).unwrap_or_default();
    if registers[usize::from(STATUS_B)] & BINARY == 0 {
        (value / 10) << 4 | (value % 10)
    } else {
        value
    }
}

fn decode(registers: &Registers, value: u8) -> i64 {
    if registers[usize::from(STATUS_B)] & BINARY == 0 {
        i64::from(value >> 4) * 10 + i64::from(value & 0xf)
    } else {
        i64::from(value)
    }
}

fn decode_hour(registers: &Registers, value: u8) -> i64 {
    if registers[usize::from(STATUS_B)] & HOURS_24 != 0 {
        return decode(registers, value);
    }
    let hour = decode(registers, value & !PM) % 12;
    hour + if value & PM == 0 { 0 } else { 12 }
}

/// Writes date and time into their registers.
pub(super) fn put(registers: &mut Registers, seconds: i64) {
    let fields = Fields::at(seconds);
    let hour = if registers[usize::from(STATUS_B)] & HOURS_24 != 0 {
        encode(registers, fields.hour)
    } else {
        let of_12 = match fields.hour % 12 {
            0 => 12,
            hour => hour,
        };
        encode(registers, of_12) | if fields.hour >= 12 { PM } else { 0 }
    };
    registers[usize::from(HOURS)] = hour;
    for (index, value) in [
        (SECONDS, fields.second),
        (MINUTES, fields.minute),
        (WEEKDAY, Fields::weekday(seconds)),
        (DAY, fields.day),
        (MONTH, fields.month),
        (YEAR, fields.year),
        (CENTURY, fields.year.div_euclid(100)),
    ] {
        registers[usize::from(index)] = encode(registers, value);
    }
}

/// Reads date and time from their registers, whatever is in them.
pub(super) fn get(registers: &Registers) -> i64 {
    let field = |index: u8| decode(registers, registers[usize::from(index)]);
    Fields {
        year: field(CENTURY) * 100 + field(YEAR),
        month: field(MONTH),
        day: field(DAY),
        hour: decode_hour(registers, registers[usize::from(HOURS)]),
        minute: field(MINUTES),
        second: field(SECONDS),
    }
    .seconds()
}

/// Whether the alarm is set for this moment.
pub(super) fn alarm_matches(registers: &Registers, seconds: i64) -> bool {
    let now = Fields::at(seconds);
    let hour = registers[usize::from(HOURS_ALARM)];
    let matches = |index: u8, now: i64| {
        let alarm = registers[usize::from(index)];
        alarm & ANY == ANY || decode(registers, alarm) == now
    };
    matches(SECONDS_ALARM, now.second)
        && matches(MINUTES_ALARM, now.minute)
        && (hour & ANY == ANY || decode_hour(registers, hour) == now.hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registers(status_b: u8) -> Registers {
        let mut registers = [0; 128];
        registers[usize::from(STATUS_B)] = status_b;
        registers
    }

    #[test]
    fn every_format_reads_back_what_it_writes() {
        for status_b in [0, BINARY, HOURS_24, BINARY | HOURS_24] {
            let mut registers = registers(status_b);
            for seconds in (1_700_000_000..1_700_090_000).step_by(599) {
                put(&mut registers, seconds);
                assert_eq!(get(&registers), seconds, "{status_b:#x}");
            }
        }
    }

    #[test]
    fn hours_are_counted_as_status_b_says() {
        for (status_b, midnight, noon, evening) in [
            (0, 0x12, 0x92, 0x91),
            (BINARY, 12, 0x80 | 12, 0x80 | 11),
            (HOURS_24, 0, 0x12, 0x23),
            (BINARY | HOURS_24, 0, 12, 23),
        ] {
            let mut registers = registers(status_b);
            for (hour, expected) in [(0, midnight), (12, noon), (23, evening)] {
                put(&mut registers, hour * 3600);
                assert_eq!(
                    registers[usize::from(HOURS)],
                    expected,
                    "{status_b:#x} {hour}"
                );
            }
        }
    }

    #[test]
    fn any_bytes_are_some_time() {
        for byte in 0..=u8::MAX {
            let mut registers = [byte; 128];
            let seconds = get(&registers);
            put(&mut registers, seconds);
        }
    }
}

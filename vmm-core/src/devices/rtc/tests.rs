use super::registers::{
    DAY, HOURS, HOURS_ALARM, MINUTES, MINUTES_ALARM, MONTH, SECONDS, SECONDS_ALARM, WEEKDAY, YEAR,
};
use super::*;

/// 2023-11-14 22:13:20, a Tuesday.
const START: u64 = 1_700_000_000 * SECOND;

struct Bench {
    clocks: Clocks,
    rtc: Arc<Rtc>,
}

impl Bench {
    fn new(config: RtcConfig) -> Self {
        let clocks = Clocks::manual(START);
        let cmos = Cmos::new(64 << 20, 0, 2);
        let rtc = Rtc::new(config, &cmos, IrqLine::new(8).unwrap(), &clocks);
        Self { clocks, rtc }
    }

    fn read(&self, index: u8) -> u8 {
        self.rtc.write(0, &[index]);
        let mut data = [0];
        self.rtc.read(1, &mut data);
        data[0]
    }

    fn write(&self, index: u8, value: u8) -> Option<GuestRequest> {
        self.rtc.write(0, &[index]);
        self.rtc.write(1, &[value])
    }

    /// Pulses of the line since the last call.
    fn interrupts(&self) -> u64 {
        self.rtc.irq.event().read().unwrap_or_default()
    }

    fn time(&self) -> [u8; 3] {
        [HOURS, MINUTES, SECONDS].map(|index| self.read(index))
    }
}

fn bench() -> Bench {
    Bench::new(RtcConfig::default())
}

#[test]
fn clock_shows_the_hosts_time_and_goes_on() {
    let bench = bench();
    assert_eq!(bench.time(), [0x22, 0x13, 0x20]);
    let date = [CENTURY, YEAR, MONTH, DAY, WEEKDAY].map(|index| bench.read(index));
    assert_eq!(date, [0x20, 0x23, 0x11, 0x14, 3]);
    assert_eq!(bench.read(CENTURY_PS2), 0x20);
    bench.clocks.advance(45 * SECOND);
    assert_eq!(bench.time(), [0x22, 0x14, 0x05]);
}

#[test]
fn clock_runs_by_what_it_is_told() {
    for (clock, stopped, going) in [
        (ClockKind::Vm, 0x20, 0x21),
        (ClockKind::Rt, 0x25, 0x26),
        (ClockKind::Host, 0x25, 0x26),
    ] {
        let bench = Bench::new(RtcConfig {
            clock,
            ..RtcConfig::default()
        });
        bench.clocks.advance(5 * SECOND);
        assert_eq!(bench.read(SECONDS), stopped, "{clock:?}");
        bench.clocks.resume();
        bench.clocks.advance(SECOND);
        assert_eq!(bench.read(SECONDS), going, "{clock:?}");
    }
}

#[test]
fn clock_starts_at_a_date() {
    let bench = Bench::new(RtcConfig {
        base: "2006-06-17T16:01:21".parse().unwrap(),
        ..RtcConfig::default()
    });
    assert_eq!(bench.time(), [0x16, 0x01, 0x21]);
    assert_eq!([YEAR, MONTH].map(|index| bench.read(index)), [0x06, 0x06]);
    // an hour later than it should be
    let set = Some(GuestRequest::ClockSet { ahead: 3600 });
    assert_eq!(bench.write(HOURS, 0x17), set);
}

#[test]
fn setting_a_running_clock_is_told_at_once() {
    let bench = bench();
    let set = |ahead| Some(GuestRequest::ClockSet { ahead });
    assert_eq!(bench.write(MINUTES, 0x14), set(60));
    bench.clocks.advance(10 * SECOND);
    assert_eq!(bench.write(MINUTES, 0x13), set(0));
    assert_eq!(bench.time(), [0x22, 0x13, 0x30]);
}

#[test]
fn time_that_is_set_while_held_counts_on_release() {
    let bench = bench();
    bench.clocks.advance(SECOND / 4);
    assert_eq!(bench.write(STATUS_B, SET | HOURS_24), None);
    for (index, value) in [(HOURS, 0x01), (MINUTES, 0x02), (SECONDS, 0x03)] {
        assert_eq!(bench.write(index, value), None);
    }
    bench.clocks.advance(100 * SECOND);
    assert_eq!(bench.time(), [0x01, 0x02, 0x03]);
    let ahead = (3723 - (22 * 3600 + 13 * 60 + 20)) - 100;
    let set = Some(GuestRequest::ClockSet { ahead });
    assert_eq!(bench.write(STATUS_B, HOURS_24), set);
    bench.clocks.advance(SECOND * 3 / 4 - 1); // a quarter had passed before
    assert_eq!(bench.read(SECONDS), 0x03);
    bench.clocks.advance(1);
    assert_eq!(bench.read(SECONDS), 0x04);
}

#[test]
fn divider_reset_stops_the_clock_until_half_a_second_after() {
    let bench = bench();
    bench.write(STATUS_A, 0x76);
    bench.clocks.advance(10 * SECOND);
    assert_eq!(bench.read(SECONDS), 0x20);
    bench.write(STATUS_A, 0x26);
    bench.clocks.advance(SECOND / 2 - 1);
    assert_eq!(bench.read(SECONDS), 0x20);
    bench.clocks.advance(1);
    assert_eq!(bench.read(SECONDS), 0x21);
}

#[test]
fn update_is_announced_just_before() {
    let bench = bench();
    assert_eq!(bench.read(STATUS_A), 0x26);
    bench.clocks.advance(SECOND - 244_000);
    assert_eq!(bench.read(STATUS_A), 0xa6);
    bench.clocks.advance(244_000);
    assert_eq!(bench.read(STATUS_A), 0x26);
}

#[test]
fn update_interrupt_comes_each_second_once_acknowledged() {
    let bench = bench();
    bench.write(STATUS_B, UPDATE | HOURS_24);
    bench.clocks.advance(3 * SECOND);
    assert_eq!(bench.interrupts(), 1, "the line stays up");
    assert_eq!(bench.read(STATUS_C), INTERRUPT | UPDATE);
    assert_eq!(bench.read(STATUS_C), 0);
    bench.clocks.advance(SECOND);
    assert_eq!(bench.interrupts(), 1);
    bench.write(STATUS_B, HOURS_24);
    bench.read(STATUS_C);
    bench.clocks.advance(3 * SECOND);
    assert_eq!(bench.interrupts(), 0);
    assert_eq!(bench.read(STATUS_C), UPDATE, "the flag comes without it");
}

#[test]
fn alarm_comes_at_its_time() {
    for (alarm, after) in [
        ([0x22, 0x13, 0x25], 5),
        ([0xff, 0xff, 0x19], 59),
        ([0xff, 0x00, 0x00], 2800),
        ([0xc0, 0xc0, 0xc0], 1),
        ([0x22, 0x13, 0x20], 86_400),
    ] {
        let bench = bench();
        for (index, value) in [HOURS_ALARM, MINUTES_ALARM, SECONDS_ALARM]
            .into_iter()
            .zip(alarm)
        {
            bench.write(index, value);
        }
        bench.write(STATUS_B, ALARM | HOURS_24);
        bench.clocks.advance(after * SECOND - 1);
        assert_eq!(bench.interrupts(), 0, "{alarm:x?}");
        bench.clocks.advance(1);
        assert_eq!(bench.interrupts(), 1, "{alarm:x?}");
        assert_eq!(bench.read(STATUS_C), INTERRUPT | ALARM | UPDATE);
    }
}

#[test]
fn periodic_interrupt_has_the_rate_of_status_a() {
    for (rate, hertz) in [(6, 1024), (15, 2), (3, 8192), (1, 256), (2, 128)] {
        let bench = bench();
        bench.write(STATUS_A, 0x20 | rate);
        bench.write(STATUS_B, PERIODIC | HOURS_24);
        let mut count = 0;
        for _ in 0..2 * hertz {
            bench.clocks.advance(SECOND / hertz);
            count += bench.interrupts();
            bench.read(STATUS_C);
        }
        assert!(count.abs_diff(2 * hertz) <= 1, "{count} at {hertz} Hz");
    }
    let bench = bench();
    bench.write(STATUS_A, 0x20);
    bench.write(STATUS_B, PERIODIC | HOURS_24);
    bench.clocks.advance(10 * SECOND);
    assert_eq!(bench.interrupts(), 0);
}

fn missed(slew: bool) -> Bench {
    let bench = Bench::new(RtcConfig {
        slew,
        ..RtcConfig::default()
    });
    bench.write(STATUS_A, 0x2f); // 2 Hz
    bench.write(STATUS_B, PERIODIC | HOURS_24);
    bench.clocks.advance(5 * SECOND + 1);
    assert_eq!(bench.interrupts(), 1);
    bench
}

/// Acknowledges until nothing more comes.
fn made_up(bench: &Bench) -> u64 {
    let mut count = 0;
    while bench.read(STATUS_C) & INTERRUPT != 0 {
        count += bench.interrupts();
    }
    count
}

#[test]
fn lost_interrupts_are_made_up_for_only_if_asked() {
    assert_eq!(made_up(&missed(true)), 9);
    assert_eq!(made_up(&missed(false)), 0);
}

#[test]
fn reset_of_reinjection_forgets_lost_interrupts() {
    let bench = missed(true);
    bench.rtc.reset_reinjection();
    assert_eq!(made_up(&bench), 0);
    bench.clocks.advance(SECOND / 2);
    assert_eq!(bench.interrupts(), 1, "those on time still come");
}

#[test]
fn backlog_comes_a_few_at_a_time() {
    let bench = missed(true);
    bench.clocks.advance(10 * SECOND);
    assert_eq!(made_up(&bench), 20);
    bench.clocks.advance(SECOND / 2);
    assert_eq!(made_up(&bench), 10); // 1 on time and the other 9
}

#[test]
fn status_says_a_good_clock_and_cannot_be_overwritten() {
    let bench = bench();
    assert_eq!(bench.read(STATUS_D), 0x80);
    bench.write(STATUS_D, 0);
    bench.write(STATUS_C, 0xff);
    assert_eq!((bench.read(STATUS_C), bench.read(STATUS_D)), (0, 0x80));
    bench.write(STATUS_A, 0xa6);
    assert_eq!(bench.read(STATUS_A), 0x26);
}

#[test]
fn memory_and_time_survive_a_reset_and_interrupts_do_not() {
    let bench = bench();
    bench.write(0x40, 0xa5);
    bench.write(MINUTES, 0x30);
    bench.write(STATUS_B, PERIODIC | HOURS_24);
    bench.rtc.reset();
    bench.clocks.advance(SECOND);
    assert_eq!(bench.interrupts(), 0);
    assert_eq!(bench.read(0x40), 0xa5);
    assert_eq!(bench.read(MINUTES), 0x30);
    assert_eq!(bench.read(STATUS_B), HOURS_24);
}

#[test]
fn cmos_tells_memory_and_cpus() {
    let bytes = |low, high, cpus| {
        let Cmos(bytes) = Cmos::new(low, high, cpus);
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let above = u32::from_le_bytes([bytes[0x5b], bytes[0x5c], bytes[0x5d], 0]);
        ([0x15, 0x17, 0x30, 0x34].map(word), above, bytes[0x5f])
    };
    let small = ([640, 3072, 3072, 0], 0, 0);
    assert_eq!(bytes(4 << 20, 0, 1), small);
    let large = ([640, 0xffff, 0xffff, 0xbf00], 0x1_0000, 3);
    assert_eq!(bytes(3 << 30, 4 << 30, 4), large);
}

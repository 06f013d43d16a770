//! How fast guests write to memory, measured while they run and while they stand still.

use std::time::{Duration, Instant};

use vmm_core::guests;
use vmm_core::machine::{Cause, DirtyRateMode, Machine};

use crate::differential::peer::both_work;
use crate::differential::script::Step::Do;
use crate::differential::script::play;
use crate::fixture::{Fixture, LIMIT};

const TIME: Duration = Duration::from_millis(100);
const MODES: [DirtyRateMode; 2] = [DirtyRateMode::Sampling(16384), DirtyRateMode::Bitmap];

fn dirty_guest() -> Option<Fixture> {
    let fixture = Fixture::guest(guests::dirty().unwrap().boot(), |config| {
        config.ram_size = 16 << 20;
    })?;
    fixture.expect("dirty\n");
    Some(fixture)
}

/// The rate in MiB per second.
fn measure(machine: &Machine, mode: DirtyRateMode) -> Option<u64> {
    machine.measure_dirty_rate(mode, TIME).unwrap();
    await_end(machine)
}

fn await_end(machine: &Machine) -> Option<u64> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let last = machine.dirty_rate().unwrap();
        if !last.is_measuring {
            return last.rate;
        }
        assert!(Instant::now() < deadline, "it takes too long");
        std::thread::sleep(TIME / 10);
    }
}

// proves: calc-dirty-rate, query-dirty-rate
#[test]
fn guest_that_writes_has_a_rate_and_one_that_stands_still_has_none() {
    let Some(fixture) = dirty_guest() else {
        return;
    };
    let machine = &fixture.machine;
    assert_eq!(machine.dirty_rate(), None);
    // It can write to all of its memory, 16 MiB, once in that time, as far as a bitmap tells.
    let most = 16 * 1000 / u64::try_from(TIME.as_millis()).unwrap();
    for mode in MODES {
        let rate = measure(machine, mode).unwrap();
        assert!((1..=most).contains(&rate), "{mode:?}: {rate} MiB/s");
    }
    machine.stop().unwrap();
    for mode in MODES {
        assert_eq!(measure(machine, mode), Some(0), "{mode:?}");
    }
    machine.cont().unwrap();
    assert!(measure(machine, DirtyRateMode::Bitmap) > Some(0));
}

#[test]
fn reset_ends_the_log_and_the_end_of_the_machine_ends_the_wait() {
    let Some(fixture) = dirty_guest() else {
        return;
    };
    let machine = &fixture.machine;
    machine
        .measure_dirty_rate(DirtyRateMode::Bitmap, TIME * 20)
        .unwrap();
    machine.reset(Cause::HostQmpSystemReset).unwrap();
    assert_eq!(await_end(machine), None);
    assert!(measure(machine, DirtyRateMode::Bitmap) > Some(0));
    machine
        .measure_dirty_rate(DirtyRateMode::Bitmap, LIMIT * 10)
        .unwrap();
    let again = machine.measure_dirty_rate(DirtyRateMode::Bitmap, TIME);
    assert!(again.is_err(), "one at a time");
    let begin = Instant::now();
    drop(fixture);
    assert!(begin.elapsed() < LIMIT, "nobody waits for it");
}

#[test]
fn requests_are_refused_alike() {
    if !both_work() {
        return;
    }
    let mut script = vec![
        Do("{'execute': 'query-dirty-rate'}"),
        Do("{'execute': 'query-dirty-rate', 'arguments': {'calc-time-unit': 'millisecond'}}"),
    ];
    script.extend(
        [
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 0}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 61}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': -1}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 49, 'calc-time-unit': 'millisecond'}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 60001, 'calc-time-unit': 'millisecond'}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 9223372036854775807}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'sample-pages': 127}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'sample-pages': 16385}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'sample-pages': -1}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'mode': 'dirty-ring'}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'mode': 'dirty-ring', 'sample-pages': 200}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'mode': 'dirty-bitmap', 'sample-pages': 200}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 60}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 0}}",
        ]
        .map(Do),
    );
    play(&guests::spin().unwrap(), &[], &script);
}

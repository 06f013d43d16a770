//! The real-time clock, as guests see it.

use std::time::{Duration, Instant};

use vmm_core::guests;
use vmm_core::machine::MachineEvent;

use crate::fixture::Fixture;

#[test]
fn setting_the_clock_is_told_with_its_offset() {
    let boot = guests::set_clock().unwrap().boot();
    let Some(fixture) = Fixture::guest(boot, |config| {
        config.rtc.base = "2030-01-02T03:00:00".parse().unwrap();
    }) else {
        return;
    };
    fixture.machine.wait();
    assert_eq!(fixture.console(), "minute 04\n");
    let events = fixture.events();
    let [_, MachineEvent::RtcChange { offset, path }, _] = &events[..] else {
        panic!("{events:?}");
    };
    // four minutes and five seconds, less the time that has passed
    assert!((180..=245).contains(offset), "{offset}");
    let clock = fixture.machine.tree().at(path).unwrap();
    assert_eq!(clock.type_info().name, "mc146818rtc");
    let date = clock.get("date").unwrap();
    assert_eq!(
        (&date["tm_year"], &date["tm_min"]),
        (&130.into(), &4.into())
    );
}

/// A guest that was stopped long enough to miss a dozen ticks.
fn late(slew: bool) -> Option<Fixture> {
    let boot = guests::clock_ticks().unwrap().boot();
    let fixture = Fixture::guest(boot, |config| config.rtc.slew = slew)?;
    fixture.await_word(guests::TICKS, 2);
    fixture.machine.stop().unwrap();
    fixture.console();
    fixture.stay_silent(Duration::from_millis(400));
    Some(fixture)
}

#[test]
fn missed_ticks_are_made_up_for() {
    let Some(fixture) = late(true) else { return };
    let before = fixture.word(guests::BACKLOG);
    fixture.machine.cont().unwrap();
    fixture.await_word(guests::BACKLOG, before + 8);
}

// proves: rtc-reset-reinjection
#[test]
fn reset_of_reinjection_forgets_missed_ticks() {
    for (slew, reset) in [(true, true), (false, false)] {
        let Some(fixture) = late(slew) else { return };
        let (ticks, since) = (fixture.word(guests::TICKS), Instant::now());
        if reset {
            fixture.machine.reset_rtc_reinjection().unwrap();
        }
        fixture.machine.cont().unwrap();
        fixture.await_word(guests::TICKS, ticks + 8);
        // A dozen that are made up for come at once; a host that is slow only gives time to more.
        let counted = fixture.word(guests::TICKS) - ticks;
        let due = since.elapsed().as_secs_f64() * f64::from(guests::CLOCK_TICKS_PER_SECOND);
        assert!(f64::from(counted) < due + 3.0, "{counted} of {due}");
    }
}

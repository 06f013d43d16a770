//! Rate limits in virtual time.

#![expect(unsafe_code, reason = "the table of a record, see `codec/table.rs`")]

use super::*;
use crate::command::EventInfo;
use crate::json::Style;
use crate::policy::CompatPolicy;
use crate::record;

struct Port {
    id: String,
    count: i64,
}
record!(Port, [("id", id), ("count", count)]);

struct Clock {
    limiter: Limiter,
    start: Instant,
}

impl Clock {
    fn new() -> Self {
        Clock {
            limiter: Limiter::default(),
            start: Instant::now(),
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    /// What goes out at once when this happens.
    fn happens(&mut self, millis: u64, name: &'static str, id: &str, count: i64) -> Option<i64> {
        let data = Port {
            id: id.into(),
            count,
        };
        let info = EventInfo::new(name).data();
        let stamp = Duration::from_millis(millis);
        let line = EventLine::new(&info, &data, stamp, CompatPolicy::default());
        let now = self.at(millis);
        let line = self.limiter.offer(name, &data, line, now)?;
        Some(count_of(&line))
    }

    /// What goes out when the time has come to this.
    fn expires(&mut self, millis: u64) -> Vec<i64> {
        let lines = self.limiter.expire(self.at(millis));
        lines.iter().map(count_of).collect()
    }
}

fn count_of(line: &EventLine) -> i64 {
    let value: serde_json::Value = serde_json::from_slice(line.layout(Style::Line)).unwrap();
    value["data"]["count"].as_i64().unwrap()
}

#[test]
fn first_goes_out_at_once_and_last_of_a_burst_at_the_end_of_the_second() {
    let mut clock = Clock::new();
    assert_eq!(clock.happens(0, "RTC_CHANGE", "", 1), Some(1));
    for count in 2..=5 {
        assert_eq!(clock.happens(10, "RTC_CHANGE", "", count), None);
    }
    assert_eq!(clock.expires(999), [0; 0]);
    assert_eq!(clock.limiter.next(), Some(clock.at(1000)));
    assert_eq!(clock.expires(1000), [5]);
    // That one starts a second of its own.
    assert_eq!(clock.happens(1500, "RTC_CHANGE", "", 6), None);
    assert_eq!(clock.expires(2000), [6]);
    assert_eq!(clock.expires(3000), [0; 0]);
    assert_eq!(clock.limiter.next(), None);
    assert_eq!(clock.happens(3001, "RTC_CHANGE", "", 7), Some(7));
}

#[test]
fn event_held_back_has_the_time_when_it_happened() {
    let mut clock = Clock::new();
    clock.happens(0, "WATCHDOG", "", 1);
    clock.happens(250, "WATCHDOG", "", 2);
    let lines = clock.limiter.expire(clock.at(1000));
    let text = String::from_utf8_lossy(lines[0].layout(Style::Line));
    assert!(
        text.contains(r#"{"seconds": 0, "microseconds": 250000}"#),
        "{text}"
    );
}

#[test]
fn each_key_has_a_limit_of_its_own() {
    let mut clock = Clock::new();
    assert_eq!(clock.happens(0, "VSERPORT_CHANGE", "a", 1), Some(1));
    assert_eq!(clock.happens(1, "VSERPORT_CHANGE", "b", 2), Some(2));
    assert_eq!(clock.happens(2, "VSERPORT_CHANGE", "b", 3), None);
    assert_eq!(clock.happens(3, "VSERPORT_CHANGE", "a", 4), None);
    assert_eq!(clock.happens(4, "VSERPORT_CHANGE", "a", 5), None);
    // In the order in which their seconds end.
    assert_eq!(clock.expires(2000), [5, 3]);
}

#[test]
fn other_events_are_never_held_back() {
    let mut clock = Clock::new();
    for count in 0..100 {
        assert_eq!(clock.happens(0, "STOP", "", count), Some(count));
    }
    assert_eq!(clock.limiter.next(), None);
}

#[test]
fn events_beyond_the_bound_on_keys_are_sent_as_they_come() {
    let mut clock = Clock::new();
    for key in 0..MAX_WINDOWS as i64 + 10 {
        let id = key.to_string();
        assert_eq!(clock.happens(0, "VSERPORT_CHANGE", &id, key), Some(key));
    }
    assert_eq!(clock.limiter.windows.len(), MAX_WINDOWS);
    assert_eq!(clock.happens(1, "VSERPORT_CHANGE", "9999", 7), Some(7));
}

//! How often events are sent. No clock: the time is given.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::EventLine;
use crate::codec::{AnyJson, View};

/// How many limits run at once; events beyond them are sent as they come.
const MAX_WINDOWS: usize = 4096;

/// A bound on how often an event is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The event's name.
    pub event: &'static str,
    /// The member of its data that tells apart what has a limit each, such as the device; none when all of
    /// the name share one.
    pub key: Option<&'static str>,
    /// The least time between two of them.
    pub interval: Duration,
}

impl RateLimit {
    /// The limits that QEMU 10.0 has.
    pub const QEMU: [RateLimit; 9] = [
        RateLimit::a_second("BALLOON_CHANGE", None),
        RateLimit::a_second("BLOCK_IO_ERROR", Some("qom-path")),
        RateLimit::a_second("HV_BALLOON_STATUS_REPORT", None),
        RateLimit::a_second("MEMORY_DEVICE_SIZE_CHANGE", Some("qom-path")),
        RateLimit::a_second("QUORUM_FAILURE", None),
        RateLimit::a_second("QUORUM_REPORT_BAD", Some("node-name")),
        RateLimit::a_second("RTC_CHANGE", None),
        RateLimit::a_second("VSERPORT_CHANGE", Some("id")),
        RateLimit::a_second("WATCHDOG", None),
    ];

    const fn a_second(event: &'static str, key: Option<&'static str>) -> Self {
        RateLimit {
            event,
            key,
            interval: Duration::from_secs(1),
        }
    }
}

/// Holds events back.
#[derive(Debug)]
pub(super) struct Limiter {
    limits: Vec<RateLimit>,
    windows: BTreeMap<(&'static str, String), Window>,
}

/// The time behind an event during which others of its kind are held back.
#[derive(Debug)]
struct Window {
    interval: Duration,
    end: Instant,
    /// The last one held back.
    last: Option<EventLine>,
}

impl Default for Limiter {
    fn default() -> Self {
        Limiter::new(&RateLimit::QEMU)
    }
}

impl Limiter {
    pub(super) fn new(limits: &[RateLimit]) -> Self {
        Limiter {
            limits: limits.to_vec(),
            windows: BTreeMap::new(),
        }
    }

    /// Takes an event; gives it back if it is to be sent at once.
    pub(super) fn offer(
        &mut self,
        name: &str,
        data: &dyn AnyJson,
        line: EventLine,
        now: Instant,
    ) -> Option<EventLine> {
        let Some(limit) = self.limits.iter().find(|limit| limit.event == name) else {
            return Some(line);
        };
        let key = limit.key.map(|key| text_of(data, key)).unwrap_or_default();
        if let Some(window) = self.windows.get_mut(&(limit.event, key.clone())) {
            window.last = Some(line);
            return None;
        }
        if self.windows.len() < MAX_WINDOWS {
            let window = Window {
                interval: limit.interval,
                end: now + limit.interval,
                last: None,
            };
            self.windows.insert((limit.event, key), window);
        }
        Some(line)
    }

    /// When something has to be done next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.windows.values().map(|window| window.end).min()
    }

    /// What is to be sent now that its time has come; each starts a new time.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<EventLine> {
        let mut due = Vec::new();
        self.windows.retain(|_, window| {
            if window.end > now {
                return true;
            }
            let Some(line) = window.last.take() else {
                return false;
            };
            due.push((window.end, line));
            window.end = now + window.interval;
            true
        });
        due.sort_by_key(|&(end, _)| end);
        due.into_iter().map(|(_, line)| line).collect()
    }
}

/// The text of a member of an event's data; empty if there is none.
fn text_of(data: &dyn AnyJson, name: &str) -> String {
    let mut members = data.record().iter();
    match members.find(|(place, _)| place.name() == name) {
        Some((_, slot)) => match slot.view() {
            View::Str(text) => text.into_owned(),
            _ => String::new(),
        },
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;

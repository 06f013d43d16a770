//! What time a guest's clock shows at first, and what it is compared with.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::calendar::Fields;
use crate::clock::{ClockKind, Clocks, SECOND};

/// What the clock shows at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RtcBase {
    /// The host's time in UTC.
    #[default]
    Utc,
    /// The host's time in its time zone.
    LocalTime,
    /// This many seconds after the epoch.
    At(i64),
}

/// The text is none of `utc`, `localtime` and a date with or without a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid datetime format; valid formats: utc, localtime, '2006-06-17T16:01:21' or '2006-06-17'"
)]
pub struct BadBase;

impl FromStr for RtcBase {
    type Err = BadBase;

    fn from_str(text: &str) -> Result<Self, BadBase> {
        match text {
            "utc" => Ok(Self::Utc),
            "localtime" => Ok(Self::LocalTime),
            _ => {
                let date: DateTime = text.parse().map_err(|_| BadBase)?;
                let moment = TimeZone::UTC.to_timestamp(date).map_err(|_| BadBase)?;
                Ok(Self::At(moment.as_second()))
            }
        }
    }
}

/// How a guest's clock is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RtcConfig {
    /// What it shows at first.
    pub base: RtcBase,
    /// What it runs by.
    pub clock: ClockKind,
    /// Whether periodic interrupts that the guest missed are made up for.
    pub slew: bool,
}

/// What the guest's clock would show had nobody set it.
#[derive(Debug)]
pub(super) struct Reference {
    base: RtcBase,
    zone: TimeZone,
    /// How far the clock is behind the host's by configuration, in seconds.
    behind: i64,
}

impl Reference {
    pub(super) fn new(base: RtcBase, clocks: &Clocks) -> Self {
        let behind = match base {
            RtcBase::At(moment) => host(clocks) - moment,
            RtcBase::Utc | RtcBase::LocalTime => 0,
        };
        let zone = match base {
            RtcBase::LocalTime => TimeZone::system(),
            RtcBase::Utc | RtcBase::At(_) => TimeZone::UTC,
        };
        Self { base, zone, behind }
    }

    /// What the clock shows now, in seconds.
    pub(super) fn shown(&self, clocks: &Clocks) -> i64 {
        let moment = host(clocks) - self.behind;
        let offset =
            Timestamp::from_second(moment).map_or(0, |at| self.zone.to_offset(at).seconds());
        moment + i64::from(offset)
    }

    /// How far a clock that shows `shown` is ahead, in seconds.
    pub(super) fn ahead(&self, shown: i64, clocks: &Clocks) -> i64 {
        let moment = match self.base {
            RtcBase::LocalTime => self.moment(Fields::at(shown)).unwrap_or(shown),
            RtcBase::Utc | RtcBase::At(_) => shown,
        };
        moment - (host(clocks) - self.behind)
    }

    /// The moment at which clocks of the zone show `fields`.
    fn moment(&self, fields: Fields) -> Option<i64> {
        let date = DateTime::new(
            fields.year.try_into().ok()?,
            fields.month.try_into().ok()?,
            fields.day.try_into().ok()?,
            fields.hour.try_into().ok()?,
            fields.minute.try_into().ok()?,
            fields.second.try_into().ok()?,
            0,
        );
        let moment = self.zone.to_timestamp(date.ok()?).ok()?;
        Some(moment.as_second())
    }
}

/// Seconds of the host's clock.
fn host(clocks: &Clocks) -> i64 {
    i64::try_from(clocks.now(ClockKind::Host) / SECOND).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_is_a_zone_or_a_date() {
        for (text, base) in [
            ("utc", Ok(RtcBase::Utc)),
            ("localtime", Ok(RtcBase::LocalTime)),
            ("2006-06-17T16:01:21", Ok(RtcBase::At(1_150_560_081))),
            ("2006-06-17", Ok(RtcBase::At(1_150_502_400))),
            ("2006-13-17", Err(BadBase)),
            ("now", Err(BadBase)),
        ] {
            assert_eq!(text.parse(), base, "{text}");
        }
    }

    #[test]
    fn local_time_is_compared_in_its_zone() {
        let clocks = Clocks::manual(1_700_000_000 * SECOND);
        let reference = Reference {
            base: RtcBase::LocalTime,
            zone: TimeZone::fixed(jiff::tz::offset(2)),
            behind: 0,
        };
        let shown = reference.shown(&clocks);
        assert_eq!(shown, 1_700_007_200);
        assert_eq!(reference.ahead(shown, &clocks), 0);
        assert_eq!(reference.ahead(shown - 60, &clocks), -60);
    }
}

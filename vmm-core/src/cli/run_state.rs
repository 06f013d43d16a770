//! How the machine runs: when it starts, what ends it, and its clock.

use super::UsageError;
use super::apply::{Builder, Taken};
use super::params::Params;
use crate::clock::ClockKind;

impl Builder {
    pub(super) fn run_option(&mut self, name: &str, value: &str) -> Result<Taken, UsageError> {
        match name {
            "S" => self.options.machine.paused = true,
            "preconfig" => self.options.machine.preconfig = true,
            "no-reboot" => self.action("reboot=shutdown")?,
            "no-shutdown" => self.action("shutdown=pause")?,
            "action" => self.action(value)?,
            "watchdog-action" => self.action(&format!("watchdog={value}"))?,
            "rtc" => self.rtc(value)?,
            _ => return Ok(Taken::No),
        }
        Ok(Taken::Yes)
    }

    fn action(&mut self, value: &str) -> Result<(), UsageError> {
        fn set<T: std::str::FromStr<Err: std::fmt::Display>>(
            place: &mut T,
            params: &mut Params,
            key: &str,
        ) -> Result<(), UsageError> {
            if let Some(value) = params.take(key) {
                *place = value.parse().map_err(|error| {
                    UsageError::new(format!(
                        "Parameter '{key}' does not accept value '{value}': {error}"
                    ))
                })?;
            }
            Ok(())
        }
        let mut params = Params::parse(value, None);
        let actions = &mut self.options.machine.actions;
        set(&mut actions.reboot, &mut params, "reboot")?;
        set(&mut actions.shutdown, &mut params, "shutdown")?;
        set(&mut actions.panic, &mut params, "panic")?;
        set(&mut actions.watchdog, &mut params, "watchdog")?;
        Ok(params.finish()?)
    }

    fn rtc(&mut self, value: &str) -> Result<(), UsageError> {
        let mut params = Params::parse(value, None);
        let rtc = &mut self.options.machine.rtc;
        if let Some(base) = params.take("base") {
            rtc.base = base
                .parse()
                .map_err(|error| UsageError::new(format!("{error}")))?;
        }
        let invalid = |value: &str| UsageError::new(format!("invalid option value '{value}'"));
        if let Some(clock) = params.take("clock") {
            rtc.clock = match clock.as_str() {
                "host" => ClockKind::Host,
                "rt" => ClockKind::Rt,
                "vm" => ClockKind::Vm,
                other => return Err(invalid(other)),
            };
        }
        if let Some(policy) = params.take("driftfix") {
            rtc.slew = match policy.as_str() {
                "none" => false,
                "slew" => true,
                other => return Err(invalid(other)),
            };
        }
        Ok(params.finish()?)
    }
}

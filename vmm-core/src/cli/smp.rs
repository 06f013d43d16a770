//! `-smp`: CPUs and how they are grouped.

use super::UsageError;
use super::params::Params;
use crate::machine::SmpConfig;

/// Reads what `-smp` takes.
pub(super) fn parse(value: &str) -> Result<SmpConfig, UsageError> {
    let mut params = Params::parse(value, Some("cpus"));
    let number = |key: &str, text: Option<&str>| match text {
        None => Ok(None),
        Some(text) => text
            .parse::<u32>()
            .map(Some)
            .map_err(|_| UsageError::new(format!("Parameter 'smp.{key}' expects integer"))),
    };
    let cpus = number("cpus", params.first().filter(|first| !first.is_empty()))?;
    let mut part = |key: &str| number(key, params.take(key).as_deref());
    let smp = SmpConfig {
        cpus,
        max_cpus: part("maxcpus")?,
        sockets: part("sockets")?,
        dies: part("dies")?,
        cores: part("cores")?,
        threads: part("threads")?,
    };
    let mut deeper = vec![("dies", smp.dies)];
    for level in ["drawers", "books", "clusters", "modules"] {
        deeper.push((level, part(level)?));
    }
    for (level, count) in deeper {
        if count.is_some_and(|count| count > 1) {
            return Err(UsageError::new(format!(
                "{level} > 1 not supported by this machine's CPU topology"
            )));
        }
    }
    match params.next_key() {
        None => Ok(smp),
        Some(key) => Err(UsageError::new(format!(
            "Parameter 'smp.{key}' is unexpected"
        ))),
    }
}

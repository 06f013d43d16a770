//! `-smp`: CPUs and how they are grouped.

use super::UsageError;
use super::params::Params;
use crate::machine::SmpConfig;

/// Takes what `-smp` said of the board.
pub(super) fn take(params: &mut Params) -> Result<SmpConfig, UsageError> {
    let mut part = |part: &str| {
        let key = format!("smp.{part}");
        let number = params.take(&key).map(|text| text.parse::<u32>());
        let number = number.transpose();
        number.map_err(|_| UsageError::new(format!("Parameter '{key}' expects integer")))
    };
    let smp = SmpConfig {
        cpus: part("cpus")?,
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
    params.no_more_of("smp")?;
    Ok(smp)
}

//! `-trace`: which trace events are on from the start.

use std::fs;

use super::params::Params;
use super::{Options, UsageError};

/// The names of all trace events.
pub(super) fn help() -> String {
    crate::qmp::declare_trace_events();
    let names = crate::trace::names();
    names.into_iter().map(|name| name + "\n").collect()
}

/// Reads one option; a file of events has a name or a pattern in each line, `-` in front of those to switch off, and
/// comments behind `#`.
pub(super) fn parse(value: &str, options: &mut Options) -> Result<(), UsageError> {
    let mut params = Params::parse(value, Some("enable"));
    let enable = params.first().map(str::to_owned);
    let events = params.take("events");
    let file = params.take("file");
    params.finish()?;
    options.trace_events.extend(enable.map(|name| (name, true)));
    if let Some(path) = events {
        let text = fs::read_to_string(&path)
            .map_err(|error| UsageError::new(format!("events={path}: {error}")))?;
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        options
            .trace_events
            .extend(lines.map(|line| match line.strip_prefix('-') {
                Some(name) => (name.to_owned(), false),
                None => (line.to_owned(), true),
            }));
    }
    if let Some(file) = file {
        options.trace_file = Some(file.into());
    }
    Ok(())
}

//! `-trace`: which trace events are on from the start.

use std::fs;

use super::params::Params;
use super::{Options, UsageError};
use crate::qmp::os_text;

/// The names of all trace events.
fn help() -> String {
    crate::qmp::declare_trace_events();
    let names = crate::trace::names();
    names.into_iter().map(|name| name + "\n").collect()
}

fn asks_for_help(name: &str) -> bool {
    name == "help" || name == "?"
}

/// Trace events that are switched on or off from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSwitch {
    /// A name or a pattern.
    pub name: String,
    /// Whether they are to be on.
    pub on: bool,
    /// The option that says so, as far as messages name it.
    pub option: Option<String>,
}

impl TraceSwitch {
    /// Reads a name or a pattern; `-` in front says that its events are to be off.
    fn new(name: &str, option: Option<String>) -> Self {
        let off = name.strip_prefix('-');
        TraceSwitch {
            name: off.unwrap_or(name).to_owned(),
            on: off.is_none(),
            option,
        }
    }
}

/// Reads `-d`: of the things that QEMU can log, trace events are all that there is.
pub(super) fn log_items(value: &str, options: &mut Options) -> Result<Option<String>, UsageError> {
    for item in value.split(',') {
        match item.strip_prefix("trace:") {
            Some(name) if asks_for_help(name) => return Ok(Some(help())),
            Some(name) => options.trace_events.push(TraceSwitch::new(name, None)),
            None if asks_for_help(item) => {
                let text =
                    "trace:PATTERN   trace events by name or pattern; trace:help lists them\n";
                return Ok(Some(text.to_owned()));
            }
            None => {
                let text = format!("{item}: this cannot be logged; trace:PATTERN can");
                return Err(UsageError::new(text));
            }
        }
    }
    Ok(None)
}

/// Reads one option, or answers it with the list of events; a file of events has a name or a pattern
/// in each line, `-` in front of those to switch off, and comments behind `#`.
pub(super) fn parse(value: &str, options: &mut Options) -> Result<Option<String>, UsageError> {
    let mut params = Params::parse(value, Some("enable"));
    let enable = params.first().map(str::to_owned);
    let events = params.take("events");
    let file = params.take("file");
    params.finish()?;
    if let Some(name) = enable {
        if asks_for_help(&name) {
            return Ok(Some(help()));
        }
        let option = Some(format!("-trace {value}"));
        options.trace_events.push(TraceSwitch::new(&name, option));
    }
    if let Some(path) = events {
        let text = fs::read_to_string(&path)
            .map_err(|error| UsageError::new(format!("{path}: {}", os_text(&error))))?;
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let switches = lines.map(|line| TraceSwitch::new(line, Some(path.clone())));
        options.trace_events.extend(switches);
    }
    if let Some(file) = file {
        options.trace_file = Some(file.into());
    }
    Ok(None)
}

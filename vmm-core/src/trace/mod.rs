//! Trace events: lines that tell what the process does, each switched on and off by its name.
//!
//! There are two for every command that is implemented, `qmp_enter_…` and `qmp_exit_…`, as in QEMU. They come from the
//! protocol's trace points, by the crate `tracing`, of which this is a subscriber for the whole process.

mod pattern;
mod subscriber;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};

use crate::sync::lock;
use pattern::Pattern;

/// There is no trace event of this name; the words are QEMU's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown event \"{0}\"")]
pub struct UnknownTraceEvent(pub String);

/// What is listened to, and where it is written.
#[derive(Debug, Default)]
struct Traces {
    /// Whether any event is on: looked at before each command.
    any: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Lists commands whose events are not in `events` yet: few processes ever ask for any.
    declared: Option<fn() -> Vec<&'static str>>,
    /// Every event, and whether it is on.
    events: BTreeMap<String, bool>,
    /// Standard error without one.
    file: Option<File>,
}

fn traces() -> &'static Traces {
    static TRACES: OnceLock<Traces> = OnceLock::new();
    TRACES.get_or_init(Traces::default)
}

/// The state, with all events that were declared.
fn state() -> MutexGuard<'static, State> {
    let mut state = lock(&traces().state);
    let declared = state.declared.take();
    for command in declared.map(|list| list()).unwrap_or_default() {
        let command: String = command
            .chars()
            .map(|letter| match letter.is_ascii_alphanumeric() {
                true => letter,
                false => '_',
            })
            .collect();
        for end in ["enter", "exit"] {
            let name = format!("qmp_{end}_{command}");
            state.events.entry(name).or_insert(false);
        }
    }
    state
}

/// Declares the events of the commands in a list, and has them written once they are on.
pub(crate) fn declare(commands: fn() -> Vec<&'static str>) {
    lock(&traces().state).declared = Some(commands);
    subscriber::install();
}

/// Has events written to a file, in place of standard error.
///
/// # Errors
/// It cannot be made.
pub(crate) fn write_to(path: &std::path::Path) -> io::Result<()> {
    lock(&traces().state).file = Some(File::create(path)?);
    Ok(())
}

/// The events that fit a name or pattern, and whether they are on.
///
/// # Errors
/// There is none of this name; a pattern may fit none.
pub fn states(name: &str) -> Result<Vec<(String, bool)>, UnknownTraceEvent> {
    let pattern = Pattern::new(name);
    let state = state();
    let events = state.events.iter();
    let mut found: Vec<_> = events
        .filter(|(name, _)| pattern.fits(name))
        .map(|(name, on)| (name.clone(), *on))
        .collect();
    if found.is_empty() && !pattern.is_wild() {
        return Err(UnknownTraceEvent(name.to_owned()));
    }
    // The end of a command, then its beginning.
    let of_command = |name: &str| name.splitn(3, '_').nth(2).unwrap_or_default().to_owned();
    found.sort_by(|(one, _), (other, _)| {
        (of_command(one).cmp(&of_command(other))).then_with(|| other.cmp(one))
    });
    Ok(found)
}

/// Switches the events that fit a name or pattern on or off.
///
/// # Errors
/// There is none of this name; a pattern may fit none.
pub fn switch(name: &str, on: bool) -> Result<(), UnknownTraceEvent> {
    let pattern = Pattern::new(name);
    let mut state = state();
    let mut is_known = pattern.is_wild();
    for (name, state) in &mut state.events {
        if pattern.fits(name) {
            *state = on;
            is_known = true;
        }
    }
    let any = state.events.values().any(|on| *on);
    drop(state);
    if traces().any.swap(any, Ordering::Relaxed) != any {
        subscriber::listen_anew();
    }
    match is_known {
        true => Ok(()),
        false => Err(UnknownTraceEvent(name.to_owned())),
    }
}

/// Writes the line of an event that is on.
fn write(end: &str, command: &str, rest: std::fmt::Arguments<'_>) {
    let name = format!("qmp_{end}_{}", command.replace(['-', '.'], "_"));
    let state = state();
    if state.events.get(&name) == Some(&true) {
        let line = format!("{name} {rest}\n");
        // There is nobody to tell if this fails.
        let _ = match state.file.as_ref() {
            Some(mut file) => file.write_all(line.as_bytes()),
            None => io::stderr().write_all(line.as_bytes()),
        };
    }
}

/// The names of all events.
#[must_use]
pub fn names() -> BTreeSet<String> {
    state().events.keys().cloned().collect()
}

//! Trace points at the beginning and the end of every command, by the crate `tracing`.
//!
//! Both are events of level `TRACE`. That with the target [`ENTER`] comes when the arguments have been found sound,
//! and has the fields `command` and `arguments`, which is JSON; that with [`EXIT`] comes ahead of the reply, with
//! `command`, `result` (JSON, or the error's description) and `success`. Where nobody listens they cost a look at a
//! number.

use tracing::{Level, event_enabled, trace};

use crate::error::QmpError;
use crate::json::{Document, NodeId, Style, Writer};

/// The target of events that tell the beginning of a command.
pub const ENTER: &str = "qmp::enter";
/// The target of events that tell the end of a command.
pub const EXIT: &str = "qmp::exit";

/// A command is about to run with sound arguments.
pub(crate) fn enter(document: &Document, arguments: Option<NodeId>) {
    if !event_enabled!(target: ENTER, Level::TRACE) {
        return;
    }
    let find = |name| document.get(document.root(), name);
    let command = find("execute").or_else(|| find("exec-oob"));
    let command = command.and_then(|name| document.str(name));
    let Some(command) = command else {
        return;
    };
    let mut text = Writer::new(Style::Line);
    match arguments {
        Some(arguments) => text.node(document, arguments),
        None => {
            text.begin_object();
            text.end_object();
        }
    }
    let text = String::from_utf8_lossy(text.bytes());
    trace!(target: ENTER, command = &*command, arguments = &*text);
}

/// A command has run; `out` has the beginning of its reply if there is one.
pub(crate) fn exit(command: &str, result: Result<Option<&Writer>, &QmpError>) {
    if !event_enabled!(target: EXIT, Level::TRACE) {
        return;
    }
    let success = result.is_ok();
    let text = match result {
        Ok(Some(out)) => returned(out.bytes()),
        Ok(None) => "{}".to_owned(),
        Err(error) => error.desc().to_owned(),
    };
    trace!(target: EXIT, command, result = &*text, success);
}

/// The value in the beginning of a reply, in one line.
fn returned(reply: &[u8]) -> String {
    let reply = String::from_utf8_lossy(reply);
    let value = reply.split_once(": ").map_or("", |(_, value)| value);
    let mut line = String::with_capacity(value.len());
    // No line breaks off within a string.
    for part in value.lines() {
        if line.ends_with(',') {
            line.push(' ');
        }
        line += part.trim_start();
    }
    line
}

//! Values and events for people to read.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use qmp_runtime::client::RawEvent;
use qmp_runtime::json::Value;

const KEY: Style = AnsiColor::Blue.on_default();
const TEXT: Style = AnsiColor::Green.on_default();
const OTHER: Style = AnsiColor::Cyan.on_default();
const EVENT: Style = AnsiColor::Yellow.on_default();
const ERROR: Style = AnsiColor::Red.on_default();

/// A value over several lines, in colours.
pub(crate) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(value, Some(0), &mut out);
    out
}

/// An event on one line, in colours, with the time of day in UTC.
pub(crate) fn event(event: &RawEvent) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "{EVENT}{} {}{EVENT:#}",
        time(event.timestamp),
        clean(&event.name)
    );
    if event.has_data() {
        out.push(' ');
        write(&data(event), None, &mut out);
    }
    out
}

/// The data of an event, or what is wrong with it.
pub(crate) fn data(event: &RawEvent) -> Value {
    let data = event.data();
    data.unwrap_or_else(|error| error.desc().into())
}

pub(crate) fn error(text: impl std::fmt::Display) -> String {
    format!("{ERROR}{}{ERROR:#}", clean(&text.to_string()))
}

/// Text of a server without what would command the terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .filter(|&ch| !ch.is_control() || matches!(ch, '\n' | '\t'))
        .collect()
}

/// Text of the human monitor, which ends a line or has none.
pub(crate) fn lines(text: &str) -> String {
    let mut text = clean(text);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn time(timestamp: Option<Duration>) -> String {
    let Some(since_epoch) = timestamp else {
        return "--:--:--".into();
    };
    let seconds = since_epoch.as_secs() % (24 * 60 * 60);
    let millis = since_epoch.subsec_millis();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

/// Writes a value; on one line without a level.
fn write(value: &Value, level: Option<usize>, out: &mut String) {
    let inner = level.map(|level| level + 1);
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push('{');
            for (at, (key, value)) in members.iter().enumerate() {
                separate(at, inner, out);
                let _ = write!(
                    out,
                    "{KEY}{}{KEY:#}: ",
                    clean(&Value::from(key.as_str()).to_string())
                );
                write(value, inner, out);
            }
            new_line(level, out);
            out.push('}');
        }
        Value::Array(elements) if !elements.is_empty() => {
            out.push('[');
            for (at, value) in elements.iter().enumerate() {
                separate(at, inner, out);
                write(value, inner, out);
            }
            new_line(level, out);
            out.push(']');
        }
        Value::String(_) => {
            let _ = write!(out, "{TEXT}{}{TEXT:#}", clean(&value.to_string()));
        }
        Value::Object(_) | Value::Array(_) => {
            let _ = write!(out, "{value}");
        }
        _ => {
            let _ = write!(out, "{OTHER}{value}{OTHER:#}");
        }
    }
}

fn separate(at: usize, level: Option<usize>, out: &mut String) {
    if at > 0 {
        out.push_str(if level.is_some() { "," } else { ", " });
    }
    new_line(level, out);
}

fn new_line(level: Option<usize>, out: &mut String) {
    if let Some(level) = level {
        out.push('\n');
        out.push_str(&"  ".repeat(level));
    }
}

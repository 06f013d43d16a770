//! Help on commands and events, from what the server tells of them.

use std::fmt::Write as _;

use crate::complete::brief;
use crate::input::{arguments_so_far, as_object, tag_value};
use crate::schema::{Member, Object, Schema, Type, closest};
use crate::words::Word;
use qmp_runtime::json::{Map, Value};

/// How many levels of objects in objects are shown.
const LEVELS: usize = 3;
/// How wide lists of names are.
const WIDTH: usize = 78;

const GENERAL: &str = "\
COMMAND [KEY=VALUE …]   run a command; values are converted as the server expects
  KEY.MEMBER=VALUE      a member of an object; KEY.0.MEMBER=VALUE in a list of them
  KEY=A,B               a list
  KEY=\"a b\"             a text with blanks in it
  KEY={'a': [1, true]}  JSON with either quotes; may go on over several lines
  <PATH                 sends a descriptor of the file, for getfd and add-fd
!COMMAND …              run it out of band: beside those that are running
{'execute': 'COMMAND'}  a request as it goes over the wire
help [COMMAND|EVENT]    what there is; what it takes and returns
help COMMAND KEY=VALUE  the same, given this: for unions
hmp TEXT                a command of the human monitor
exit                    leave, as Ctrl-D does; Ctrl-C gives up a line or a command
";

/// The answer to `help`.
pub(crate) fn help(words: &[Word<'_>], schema: &Schema) -> Result<String, String> {
    let Some((name, rest)) = words.split_first() else {
        return Ok(overview(schema));
    };
    let mut out = String::new();
    let name = name.text.trim_start_matches('!');
    if let Some(command) = schema.commands.get(name) {
        let mut notes = command.features.clone();
        if command.oob {
            notes.push("can run out of band".into());
        }
        let _ = writeln!(out, "command {name}{}", noted(&notes));
        let given = arguments_so_far(name, rest, schema);
        match &command.arguments {
            None => out.push_str("  its arguments are not known\n"),
            Some(ty) => members_of(schema, ty, &given, &mut out),
        }
        if let Some(result) = command.result.as_deref() {
            returns(schema, result, &mut out);
        }
        return Ok(out);
    }
    if let Some(ty) = schema.events.get(name) {
        let _ = writeln!(out, "event {name}");
        members_of(schema, ty, &Map::new(), &mut out);
        return Ok(out);
    }
    let names = schema.commands.keys().chain(schema.events.keys());
    Err(match closest(name, names.map(String::as_str)) {
        Some(close) => format!("there is no '{name}'; did you mean '{close}'?"),
        None => format!("there is no '{name}'; 'help' lists what there is"),
    })
}

fn overview(schema: &Schema) -> String {
    let mut out = GENERAL.to_owned();
    for (what, names) in [
        ("commands", schema.commands.keys().collect::<Vec<_>>()),
        ("events", schema.events.keys().collect()),
    ] {
        if names.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{} {what}:", names.len());
        columns(&names, &mut out);
    }
    out
}

/// Names in columns, to be read downwards.
fn columns(names: &[&String], out: &mut String) {
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0) + 2;
    let count = (WIDTH / width).max(1);
    let rows = names.len().div_ceil(count);
    for row in 0..rows {
        let line: String = (0..count)
            .filter_map(|column| names.get(column * rows + row))
            .map(|name| format!("{name:width$}"))
            .collect();
        let _ = writeln!(out, "  {}", line.trim_end());
    }
}

fn noted(notes: &[String]) -> String {
    if notes.is_empty() {
        String::new()
    } else {
        format!("  ({})", notes.join(", "))
    }
}

fn members_of(schema: &Schema, ty: &str, given: &Map<String, Value>, out: &mut String) {
    if let Some(object) = as_object(schema, ty) {
        members(schema, object, Some(given), 1, out);
    }
}

fn members(
    schema: &Schema,
    object: &Object,
    given: Option<&Map<String, Value>>,
    level: usize,
    out: &mut String,
) {
    let indent = "  ".repeat(level);
    let tag = tag_value(object, given);
    for member in schema.members(object, tag) {
        let mark = if member.optional { "[" } else { "" };
        let end = if member.optional { "]" } else { "" };
        let ty = brief(schema, &member.ty);
        let notes = noted(&member.features);
        let _ = writeln!(out, "{indent}{mark}{}=<{ty}>{end}{notes}", member.name);
        values(schema, member, level, out);
        let inner = given.and_then(|given| given.get(&member.name)?.as_object());
        let element = match schema.ty(&member.ty) {
            Some(Type::Array(element)) => element,
            _ => &member.ty,
        };
        if let Some(object) = as_object(schema, element)
            && (level < LEVELS || inner.is_some())
        {
            members(schema, object, inner, level + 1, out);
        }
    }
    if let (None, Some(name)) = (tag, &object.tag) {
        let _ = writeln!(
            out,
            "{indent}… and more, depending on {name}: help COMMAND {name}=…"
        );
    }
}

/// The values of an enumeration that are too many to stand in its type.
fn values(schema: &Schema, member: &Member, level: usize, out: &mut String) {
    let values = schema.values(&member.ty);
    if values.len() <= 4 {
        return;
    }
    let indent = "  ".repeat(level + 2);
    let mut line = indent.clone();
    for value in values {
        if line.len() + value.len() > WIDTH {
            let _ = writeln!(out, "{}", line.trim_end());
            line.clone_from(&indent);
        }
        line.push_str(value);
        line.push(' ');
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

fn returns(schema: &Schema, ty: &str, out: &mut String) {
    let element = match schema.ty(ty) {
        Some(Type::Array(element)) => element,
        _ => ty,
    };
    match as_object(schema, element) {
        Some(object) if object.members.is_empty() && object.tag.is_none() => {
            out.push_str("returns nothing\n");
        }
        Some(object) => {
            let many = if element == ty { "" } else { "a list of " };
            let _ = writeln!(out, "returns {many}");
            members(schema, object, None, 1, out);
        }
        None => {
            let _ = writeln!(out, "returns {}", brief(schema, ty));
        }
    }
}

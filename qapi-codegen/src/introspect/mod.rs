//! The introspection back end: what QEMU answers to `query-qmp-schema`.

mod entry;
mod list;

use qapi_parser::Schema;
use serde_json::Value;

use crate::options::Conditions;

/// What the list is to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What becomes of `if` conditions. Numbers of masked types count those left out, as in QEMU.
    pub conditions: Conditions,
    /// Whether types have their names; otherwise numbers hide those that are not predefined, so that
    /// clients are not tempted to rely on them.
    pub unmasked: bool,
    /// Whether conditions are told, under keys of our own: `if`, `features-if`, `values-if`.
    pub with_conditions: bool,
}

/// The entries, in QEMU's order: commands and events as defined, then types as first used.
pub fn entries(schema: &Schema, options: &Options) -> Vec<Value> {
    list::List::new(schema, options).into_entries()
}

/// The entries as a JSON array, one entry on a line.
pub fn text(schema: &Schema, options: &Options) -> String {
    let lines: Vec<String> = entries(schema, options)
        .iter()
        .map(Value::to_string)
        .collect();
    if lines.is_empty() {
        "[]\n".to_owned()
    } else {
        format!("[\n{}\n]\n", lines.join(",\n"))
    }
}

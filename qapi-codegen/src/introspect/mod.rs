//! The introspection back end: what QEMU answers to `query-qmp-schema`.

mod entry;
mod list;

use qapi_parser::Schema;
use qapi_parser::schema::{Cond, EntityId};
use serde_json::{Value, json};

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
    list::List::new(schema, options).into_entries(&|_| true)
}

/// A condition as nested JSON: a symbol, or an object `all`, `any` or `not`; null for none.
pub fn condition(cond: &Cond) -> Value {
    let all = |terms: &[Cond]| Value::Array(terms.iter().map(condition).collect());
    match cond {
        Cond::Always => Value::Null,
        Cond::Symbol(name) => Value::String(name.to_string()),
        Cond::All(terms) => json!({ "all": all(terms) }),
        Cond::Any(terms) => json!({ "any": all(terms) }),
        Cond::Not(term) => json!({ "not": condition(term) }),
    }
}

/// The entries as a JSON array, one entry on a line.
pub fn text(schema: &Schema, options: &Options) -> String {
    text_of(schema, options, &|_| true)
}

/// As [`text`], of some commands and events.
pub(crate) fn text_of(
    schema: &Schema,
    options: &Options,
    wanted: &dyn Fn(EntityId) -> bool,
) -> String {
    let entries = list::List::new(schema, options).into_entries(wanted);
    let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
    if lines.is_empty() {
        "[]\n".to_owned()
    } else {
        format!("[\n{}\n]\n", lines.join(",\n"))
    }
}

//! From what a server answers to `query-qmp-schema` to a schema: the way back of [`crate::introspect`].
//!
//! Introspection hides the names of types, the bases of structs and unions, the sizes of integers and
//! the documentation. Names are made up from where types are used; the rest stays lost, and means
//! nothing on the wire. What clients can see survives: the introspection of the schema is that of the
//! server, but for the numbers of its types.

mod entry;
mod names;
mod usage;
mod write;

use std::fmt;

use qapi_parser::{Outcome, Schema, check_str};
use serde_json::Value;

use crate::introspect;
use entry::Entries;
use usage::Usage;

/// A schema made of introspection data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The text of the schema, laid out.
    pub text: String,
    /// How many commands it has.
    pub commands: usize,
    /// How many events it has.
    pub events: usize,
    /// Types that no command or event leads to, by their names in the text. Servers tell of types
    /// whose users are configured out.
    pub unused: Vec<String>,
}

/// Why no schema could be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError(String);

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ImportError {}

/// Makes a schema of the array that a server answers to `query-qmp-schema`, or of the whole reply.
///
/// `origin` is a word on where the data is from, for the comment at the top.
///
/// # Errors
///
/// Data that is no introspection data, with the entry at fault, and data that no schema can have, such
/// as a name with a quote in it.
pub fn import(answer: &Value, origin: &str) -> Result<Imported, ImportError> {
    let entries = Entries::read(answer).map_err(ImportError)?;
    let usage = Usage::of(&entries);
    let names = names::of(&entries, &usage);
    let text = write::text(&entries, &usage, &names, origin);
    let text = qapi_parser::fmt::format(&text).map_err(|failure| {
        let problem = failure.diagnostics.first();
        refused(problem.map_or("it cannot be laid out", |one| &one.message))
    })?;
    let schema = checked(check_str("imported.json", &text))?;
    confirm(&entries, &usage, &schema)?;
    let unused = usage.unused(&entries).map(|index| names[index].clone());
    Ok(Imported {
        commands: entries.count("command"),
        events: entries.count("event"),
        unused: unused.collect(),
        text,
    })
}

fn checked(outcome: Outcome) -> Result<Schema, ImportError> {
    let problem = outcome.diagnostics.iter().find(|one| one.is_error());
    match (outcome.schema, problem) {
        (Some(schema), _) => Ok(schema),
        (None, Some(problem)) => Err(refused(&match &problem.context {
            Some(context) => format!("{} '{}': {}", context.kind, context.name, problem.message),
            None => problem.message.clone(),
        })),
        (None, None) => Err(refused("it cannot be checked")),
    }
}

fn refused(why: &str) -> ImportError {
    ImportError(format!(
        "the data is not what a QAPI schema can give: {why}"
    ))
}

/// Takes the way back, and compares.
fn confirm(entries: &Entries, usage: &Usage, schema: &Schema) -> Result<(), ImportError> {
    let again = Value::Array(introspect::entries(schema, &introspect::Options::default()));
    let again = Entries::read(&again).map_err(ImportError)?;
    let found = Usage::of(&again).in_order(&again);
    let wanted = usage.in_order(entries);
    let differing = wanted.iter().zip(&found).find(|(one, other)| one != other);
    match differing {
        None if found.len() == wanted.len() => Ok(()),
        None => Err(refused("it has entries that no schema can have")),
        Some((entry, _)) => Err(refused(&format!(
            "no schema gives the entry {}",
            entry.describe()
        ))),
    }
}

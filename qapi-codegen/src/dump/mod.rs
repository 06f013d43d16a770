//! The checked schema as JSON, in the layout in which QEMU's own front end can be dumped for
//! comparison.
//!
//! Files are told relative to the current folder: run from the top of a source tree, the same
//! schema gives the same text wherever the tree lies.

mod docs;
mod entity;
mod parts;
mod place;

use qapi_codegen::introspect;
use qapi_parser::Schema;
use serde_json::{Map, Value, json};

pub(crate) use place::Places;

/// The whole schema: its modules, how many entities there are of each kind, and the entities in
/// order, with the include directives among them.
pub(crate) fn schema(schema: &Schema, places: &Places<'_>) -> Value {
    let root = schema
        .sources()
        .file(0)
        .map(|file| places.file(file.path()));
    let modules: Vec<&str> = schema
        .modules()
        .iter()
        .map(|module| module.name.as_str())
        .collect();
    let entities = entities(schema, places);
    json!({
        "root": root,
        "modules": modules,
        "counts": counts(&entities),
        "introspection-entries": introspect::entries(schema, &introspect::Options::default()).len(),
        "entities": entities,
    })
}

/// The documentation comments in order, those that belong to no definition included.
pub(crate) fn documentation(schema: &Schema, places: &Places<'_>) -> Value {
    docs::all(schema, places)
}

/// JSON with one element of the longest lists on a line, for reading and for line-wise comparison.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Array(elements) => format!("{}\n", lines(elements)),
        Value::Object(keys) => {
            let key = |(key, value): (&String, &Value)| match value {
                Value::Array(elements) => format!("{}: {}", json!(key), lines(elements)),
                other => format!("{}: {other}", json!(key)),
            };
            let keys: Vec<String> = keys.iter().map(key).collect();
            format!("{{\n{}\n}}\n", keys.join(",\n"))
        }
        other => format!("{other}\n"),
    }
}

fn lines(elements: &[Value]) -> String {
    if elements.is_empty() {
        return "[]".to_owned();
    }
    let lines: Vec<String> = elements.iter().map(Value::to_string).collect();
    format!("[\n{}\n]", lines.join(",\n"))
}

/// An include directive stands in front of the entities that it brings in.
fn entities(schema: &Schema, places: &Places<'_>) -> Vec<Value> {
    let mut includes = schema.includes().iter().peekable();
    let mut out = Vec::new();
    for at in 0..=schema.entities().len() {
        while let Some(include) = includes.next_if(|include| include.before <= at) {
            out.push(json!({
                "kind": "include",
                "name": schema.module(include.target).name,
                "module": schema.module(include.module).name,
                "info": places.of(Some(include.span)),
            }));
        }
        let entity = schema.entities().get(at);
        out.extend(entity.map(|entity| entity::object(schema, places, entity)));
    }
    out
}

/// How many there are of each kind; those that no definition names apart.
fn counts(entities: &[Value]) -> Value {
    let mut names: Vec<String> = entities.iter().map(counted_as).collect();
    names.sort();
    let mut counts = Map::new();
    for run in names.chunk_by(|a, b| a == b) {
        counts.extend(run.first().map(|name| (name.clone(), json!(run.len()))));
    }
    Value::Object(counts)
}

fn counted_as(entity: &Value) -> String {
    let kind = entity["kind"].as_str().unwrap_or_default();
    match entity["implicit"].as_bool() {
        Some(true) => format!("{kind} (implicit)"),
        _ => kind.to_owned(),
    }
}

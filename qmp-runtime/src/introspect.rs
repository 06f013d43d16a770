//! The answer to `query-qmp-schema`: what is implemented and what is reachable from it, masked.

use std::collections::{HashMap, HashSet};

use crate::json::Value;

/// Picks the commands and events out of a schema, with all types that they reach; the names of the
/// types become numbers in the order of their first use, as QEMU masks them.
///
/// `schema` is the unmasked data, a JSON array of `SchemaInfo`; anything else gives an empty list.
///
/// What has an `if` condition stays if it holds with the symbols for which `defined` says so; without
/// that, conditions are not looked at.
pub(crate) fn select(
    schema: &str,
    defined: Option<&dyn Fn(&str) -> bool>,
    command: &dyn Fn(&str) -> bool,
    event: &dyn Fn(&str) -> bool,
) -> Value {
    let Ok(Value::Array(entries)) = serde_json::from_str(schema) else {
        return Value::Array(Vec::new());
    };
    let mut types = HashMap::new();
    let mut selection = Vec::new();
    for mut entry in entries {
        if defined.is_some_and(|defined| !settle(&mut entry, defined)) {
            continue;
        }
        let name = entry["name"].as_str().unwrap_or_default().to_owned();
        match entry["meta-type"].as_str() {
            Some("command") if !command(&name) => {}
            Some("event") if !event(&name) => {}
            Some("command" | "event") => selection.push(entry),
            _ => drop(types.insert(name, entry)),
        }
    }
    let mut mask = Mask::default();
    for entry in &mut selection {
        mask.entry(entry);
    }
    // Masking an entry may bring in more types, which queue up behind it.
    let mut at = 0;
    while let Some(name) = mask.used.get(at).cloned() {
        at += 1;
        if let Some(mut entry) = types.remove(&name) {
            mask.entry(&mut entry);
            entry["name"] = Value::String(mask.mask(&name));
            selection.push(entry);
        }
    }
    Value::Array(selection)
}

/// Evaluates the conditions in an entry, which it has under keys beside the protocol's; whether its own
/// holds.
fn settle(entry: &mut Value, defined: &dyn Fn(&str) -> bool) -> bool {
    let Some(object) = entry.as_object_mut() else {
        return true;
    };
    if object
        .shift_remove("if")
        .is_some_and(|cond| !holds(&cond, defined))
    {
        return false;
    }
    for (list, conditions) in [("features", "features-if"), ("values", "values-if")] {
        let conditions = object.shift_remove(conditions).unwrap_or_default();
        if let Some(names) = object.get_mut(list).and_then(Value::as_array_mut) {
            names.retain(|name| holds(&conditions[name.as_str().unwrap_or_default()], defined));
        }
    }
    for list in ["members", "variants"] {
        if let Some(parts) = object.get_mut(list).and_then(Value::as_array_mut) {
            parts.retain_mut(|part| settle(part, defined));
        }
    }
    true
}

/// Whether a condition holds: a symbol, or `all`, `any` or `not` of others; none always does.
fn holds(cond: &Value, defined: &dyn Fn(&str) -> bool) -> bool {
    let terms = |key: &str| cond.get(key).and_then(Value::as_array);
    match cond {
        Value::String(symbol) => defined(symbol),
        _ if terms("all").is_some() => terms("all")
            .into_iter()
            .flatten()
            .all(|term| holds(term, defined)),
        _ if terms("any").is_some() => terms("any")
            .into_iter()
            .flatten()
            .any(|term| holds(term, defined)),
        _ => cond.get("not").is_none_or(|term| !holds(term, defined)),
    }
}

/// The types met so far and the numbers that stand for them.
#[derive(Default)]
struct Mask {
    used: Vec<String>,
    known: HashSet<String>,
    numbers: HashMap<String, usize>,
}

impl Mask {
    /// Masks all types that an entry names, in the order in which QEMU meets them.
    fn entry(&mut self, entry: &mut Value) {
        for key in ["arg-type", "ret-type", "element-type"] {
            self.reference(entry, key);
        }
        for (list, key) in [("members", "type"), ("variants", "type")] {
            let elements = entry.get_mut(list).and_then(Value::as_array_mut);
            for element in elements.into_iter().flatten() {
                self.reference(element, key);
            }
        }
    }

    fn reference(&mut self, place: &mut Value, key: &str) {
        if let Some(Value::String(name)) = place.get_mut(key) {
            *name = self.mask(name);
        }
    }

    fn mask(&mut self, name: &str) -> String {
        if self.known.insert(name.to_owned()) {
            self.used.push(name.to_owned());
        }
        if let Some(element) = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
        {
            return format!("[{}]", self.mask(element));
        }
        if PREDEFINED.contains(&name) {
            return name.to_owned();
        }
        let next = self.numbers.len();
        self.numbers
            .entry(name.to_owned())
            .or_insert(next)
            .to_string()
    }
}

/// The types whose names are not masked.
const PREDEFINED: [&str; 6] = ["str", "int", "number", "bool", "null", "any"];

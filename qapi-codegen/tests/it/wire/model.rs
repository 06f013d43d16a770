//! What QEMU's own generator says of its schema: the introspection data, and, as that knows but one type
//! of integers, the members' types from the generator's model.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::corpus;

/// The types by name.
#[derive(Debug)]
pub(super) struct Model {
    entries: HashMap<String, Value>,
    /// The types of members by that of the object, and the elements of arrays.
    exact: HashMap<(String, String), String>,
    /// Members that have a condition: a peer for which it does not hold lacks them.
    conditional: HashSet<(String, String)>,
}

fn read(name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(corpus::path(&format!("oracle/{name}"))?);
    Some(serde_json::from_str(&text.expect("it can be read")).expect("it is JSON"))
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().expect("it is text").to_owned()
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Model {
    pub(super) fn load() -> Option<Model> {
        let entries = read("introspect.10.0.2.qmp.unmasked.json")?;
        let entries = list(&entries).map(|entry| (text(&entry["name"]), entry.clone()));
        let mut exact = HashMap::new();
        let mut conditional = HashSet::new();
        let model = read("ir.10.0.2.qmp.json")?;
        for entity in list(&model["entities"]) {
            let name = text(&entity["name"]);
            for member in list(&entity["members"]).filter(|member| member["type"].is_string()) {
                let key = (name.clone(), text(&member["name"]));
                if !member["if"].is_null() {
                    conditional.insert(key.clone());
                }
                exact.insert(key, text(&member["type"]));
            }
            for one in list(&entity["alternatives"]) {
                let ty = text(&one["type"]);
                let json = if ty.ends_with("List") { "array" } else { "int" };
                let is_number = ty.starts_with("int") || ty.starts_with("uint") || ty == "size";
                if is_number || json == "array" {
                    exact.insert((name.clone(), format!("<{json}>")), ty);
                }
            }
            if entity["gen"] == false {
                exact.insert((name.clone(), "gen".to_owned()), "false".to_owned());
            }
            if entity["element-type"].is_string() {
                exact.insert((name, "[]".to_owned()), text(&entity["element-type"]));
            }
        }
        Some(Model {
            entries: entries.collect(),
            exact,
            conditional,
        })
    }

    pub(super) fn entry(&self, name: &str) -> &Value {
        self.entries
            .get(name)
            .unwrap_or_else(|| panic!("no {name}"))
    }

    /// The entries of a meta-type, in the order of their names.
    pub(super) fn all(&self, meta_type: &str) -> Vec<&Value> {
        let mut all: Vec<&Value> = self.entries.values().collect();
        all.retain(|entry| entry["meta-type"] == meta_type);
        all.sort_by_key(|entry| text(&entry["name"]));
        all
    }

    /// The type of a member as the schema has it; commands' and events' own members included.
    pub(super) fn exact(&self, object: &str, member: &str) -> &str {
        let key = (object.to_owned(), member.to_owned());
        self.exact.get(&key).map_or("int", String::as_str)
    }

    /// Whether a member has a condition.
    pub(super) fn is_conditional(&self, object: &str, member: &str) -> bool {
        let key = (object.to_owned(), member.to_owned());
        self.conditional.contains(&key)
    }

    /// The type of an integer, or of the elements, that an alternate takes.
    pub(super) fn alternative(&self, alternate: &str, json: &str) -> &str {
        self.exact(alternate, &format!("<{json}>"))
    }

    /// The type that a union adds for this value of its tag; none for a value that it does not have.
    pub(super) fn branch(&self, union: &str, case: &str) -> Option<&str> {
        let variants = &self.entry(union)["variants"];
        let branch = list(variants).find(|one| one["case"] == case)?;
        branch["type"].as_str()
    }
}

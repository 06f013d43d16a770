//! Random values of a type, and values that are nearly of it.

use serde_json::Value;

use super::json::Tree;
use super::model::{Model, list, text};
use super::validator::in_range;

/// A string for every occasion: empty, escaped, beyond ASCII, and such as look like other things.
const TEXTS: [&str; 7] = ["", "a", "node0", "\"\\\n\t", "é\u{1F600}", "null", "1"];
const INTEGERS: [&str; 14] = [
    "0",
    "1",
    "-1",
    "127",
    "128",
    "255",
    "256",
    "65535",
    "2147483647",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "-9223372036854775808",
];
/// What no integer type holds.
const TOO_LARGE: [&str; 3] = ["18446744073709551616", "-9223372036854775809", "1e3"];
/// How deep a value may get before optional members and elements are left out.
const DEPTH: usize = 4;

pub(super) struct Values<'m> {
    pub(super) model: &'m Model,
    pub(super) random: fastrand::Rng,
}

impl Values<'_> {
    pub(super) fn value(&mut self, ty: &str, exact: &str, depth: usize) -> Tree {
        let entry = self.model.entry(ty);
        match entry["meta-type"].as_str() {
            Some("builtin") => self.builtin(&entry["json-type"], exact),
            Some("enum") => {
                let values: Vec<&Value> = list(&entry["values"]).collect();
                Tree::str(&text(values[self.random.usize(..values.len())]))
            }
            Some("array") => {
                let element = text(&entry["element-type"]);
                let exact = self.model.exact(exact, "[]");
                let count = if depth > DEPTH {
                    0
                } else {
                    self.random.usize(..3)
                };
                Tree::List(
                    (0..count)
                        .map(|_| self.value(&element, exact, depth + 1))
                        .collect(),
                )
            }
            Some("alternate") => {
                let members: Vec<&Value> = list(&entry["members"]).collect();
                // Deep down the last one, which is no object.
                let chosen = if depth > DEPTH {
                    members.len() - 1
                } else {
                    self.random.usize(..members.len())
                };
                let member = text(&members[chosen]["type"]);
                let json = if member.starts_with('[') {
                    "array"
                } else {
                    "int"
                };
                self.value(&member, self.model.alternative(ty, json), depth + 1)
            }
            _ => {
                let mut members = Vec::new();
                self.object(ty, &mut members, depth);
                self.random.shuffle(&mut members);
                Tree::Object(members)
            }
        }
    }

    fn builtin(&mut self, json: &Value, exact: &str) -> Tree {
        match json.as_str().expect("it has a JSON type") {
            "string" => Tree::str(TEXTS[self.random.usize(..TEXTS.len())]),
            "boolean" => Tree::leaf(if self.random.bool() { "true" } else { "false" }),
            "null" => Tree::leaf("null"),
            "number" => Tree::leaf(["0", "-1.5", "1e-7", "3"][self.random.usize(..4)]),
            "int" => {
                // What wraps is not the same when it is written again.
                let wraps = |text: &str| text.starts_with('-') && exact.starts_with(['u', 's']);
                let fits = |text: &&&str| in_range(exact, text) && !wraps(text);
                let fitting: Vec<_> = INTEGERS.iter().filter(fits).collect();
                Tree::leaf(*fitting[self.random.usize(..fitting.len())])
            }
            _ => {
                let any = [
                    "null",
                    "true",
                    "12",
                    "-0.25",
                    "\"a\"",
                    "[1,[]]",
                    "{\"b\":null}",
                ];
                let value: Value =
                    serde_json::from_str(any[self.random.usize(..any.len())]).expect("it is JSON");
                Tree::of(&value)
            }
        }
    }

    fn object(&mut self, ty: &str, members: &mut Vec<(String, Tree)>, depth: usize) {
        let entry = self.model.entry(ty);
        let chance = if depth > DEPTH { 0 } else { 40 };
        for member in list(&entry["members"]) {
            let name = text(&member["name"]);
            if member.get("default").is_some() && self.random.u32(..100) >= chance {
                continue;
            }
            let exact = self.model.exact(ty, &name);
            let value = self.value(&text(&member["type"]), exact, depth + 1);
            members.push((name, value));
        }
        let tag = entry["tag"].as_str();
        let chosen = tag.and_then(|tag| members.iter().find(|(name, _)| name == tag));
        let Some(case) = chosen.and_then(|(_, value)| value.text()) else {
            return;
        };
        if let Some(branch) = self.model.branch(ty, &case) {
            self.object(branch, members, depth);
        }
    }

    /// Changes one thing somewhere.
    pub(super) fn mutated(&mut self, mut tree: Tree) -> Tree {
        let place = self.random.usize(..tree.count());
        let random = &mut self.random;
        let Some(node) = tree.nth(place) else {
            return tree;
        };
        match (node, random.u32(..3)) {
            (Tree::Object(members), 0) if !members.is_empty() => {
                members.remove(random.usize(..members.len()));
            }
            (Tree::Object(members), 1) if !members.is_empty() => {
                let again = members[random.usize(..members.len())].clone();
                members.push(again);
            }
            (Tree::Object(members), 2) => members.push(("x-unknown".to_owned(), Tree::leaf("1"))),
            (node, _) if node.kind() == "int" => {
                let all: Vec<&str> = INTEGERS.iter().chain(&TOO_LARGE).copied().collect();
                *node = Tree::leaf(all[random.usize(..all.len())]);
            }
            (node, 0) if node.kind() == "string" => *node = Tree::str("unknown value"),
            (node, _) => {
                let others = ["null", "true", "7", "1.5", "\"b\"", "[]", "{}"];
                let value: Value =
                    serde_json::from_str(others[random.usize(..others.len())]).expect("it is JSON");
                *node = Tree::of(&value);
            }
        }
        tree
    }
}

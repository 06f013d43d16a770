//! Whether a value is one of a type, told from QEMU's data about its schema and from nothing of ours.

use std::collections::HashSet;

use super::json::Tree;
use super::model::{Model, list, text};

/// A type as the introspection data names it, and as the schema does.
type Type<'t> = (&'t str, &'t str);

pub(super) struct Validator<'m> {
    pub(super) model: &'m Model,
    /// Whether members, enumeration values, branches and alternatives that are not known are let be.
    pub(super) lenient: bool,
}

impl Validator<'_> {
    pub(super) fn accepts(&self, (ty, exact): Type<'_>, tree: &Tree) -> bool {
        let entry = self.model.entry(ty);
        match entry["meta-type"].as_str() {
            Some("builtin") => self.builtin(&entry["json-type"], exact, tree),
            Some("enum") => {
                let known =
                    |text: &String| list(&entry["values"]).any(|value| value == text.as_str());
                tree.text().is_some_and(|text| self.lenient || known(&text))
            }
            Some("array") => {
                let element = text(&entry["element-type"]);
                let exact = self.model.exact(exact, "[]");
                match tree {
                    Tree::List(list) => list.iter().all(|one| self.accepts((&element, exact), one)),
                    _ => false,
                }
            }
            Some("alternate") => self.alternate(ty, tree),
            _ => self.object(ty, tree),
        }
    }

    fn builtin(&self, json: &serde_json::Value, exact: &str, tree: &Tree) -> bool {
        match json.as_str().expect("it has a JSON type") {
            "value" => has_no_double(tree),
            "number" => matches!(tree.kind(), "int" | "number"),
            "int" => {
                matches!(tree, Tree::Leaf(text) if tree.kind() == "int" && in_range(exact, text))
            }
            json => tree.kind() == json,
        }
    }

    fn alternate(&self, ty: &str, tree: &Tree) -> bool {
        let kind = tree.kind();
        for member in list(&self.model.entry(ty)["members"]) {
            let member = text(&member["type"]);
            let entry = self.model.entry(&member);
            let takes = match entry["meta-type"].as_str() {
                Some("builtin") => entry["json-type"].as_str().expect("it has one").to_owned(),
                Some("enum") => "string".to_owned(),
                Some("array") => "array".to_owned(),
                _ => "object".to_owned(),
            };
            let number = matches!((takes.as_str(), kind), ("int" | "number", "int" | "number"));
            if takes == kind || number {
                return self.accepts((&member, self.model.alternative(ty, &takes)), tree);
            }
        }
        self.lenient && has_no_double(tree)
    }

    pub(super) fn object(&self, ty: &str, tree: &Tree) -> bool {
        let Tree::Object(members) = tree else {
            return false;
        };
        let names: HashSet<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        let mut known = HashSet::new();
        names.len() == members.len()
            && members.iter().all(|(_, value)| has_no_double(value))
            && self.part(ty, tree, &mut known)
            && (self.lenient || names.iter().all(|&name| known.contains(name)))
    }

    /// Checks the members that a type has, and those of the branch that its tag chooses.
    fn part(&self, ty: &str, tree: &Tree, known: &mut HashSet<String>) -> bool {
        let entry = self.model.entry(ty);
        for member in list(&entry["members"]) {
            let name = text(&member["name"]);
            let exact = self.model.exact(ty, &name);
            let fits = match tree.get(&name) {
                Some(value) => self.accepts((&text(&member["type"]), exact), value),
                None => member.get("default").is_some() || self.model.is_conditional(ty, &name),
            };
            if !fits {
                return false;
            }
            known.insert(name);
        }
        let Some(tag) = entry["tag"].as_str() else {
            return true;
        };
        // A tag may be optional; then there is no branch without it.
        let Some(case) = tree.get(tag).and_then(Tree::text) else {
            return true;
        };
        match self.model.branch(ty, &case) {
            Some(branch) => self.part(branch, tree, known),
            None => true,
        }
    }
}

/// Whether no object in it has a key twice.
fn has_no_double(tree: &Tree) -> bool {
    match tree {
        Tree::Leaf(_) => true,
        Tree::List(list) => list.iter().all(has_no_double),
        Tree::Object(members) => {
            let mut names = HashSet::new();
            members
                .iter()
                .all(|(name, value)| names.insert(name) && has_no_double(value))
        }
    }
}

/// The range of an integer type of the schema. QEMU lets negative numbers wrap in the widest unsigned ones.
pub(super) fn in_range(exact: &str, text: &str) -> bool {
    let Ok(number) = text.parse::<i128>() else {
        return false;
    };
    let range = match exact {
        "int8" => -128..=127,
        "int16" => -32768..=32767,
        "int32" => i32::MIN.into()..=i32::MAX.into(),
        "uint8" => 0..=255,
        "uint16" => 0..=65535,
        "uint32" => 0..=u32::MAX.into(),
        "uint64" | "size" => i64::MIN.into()..=u64::MAX.into(),
        _ => i64::MIN.into()..=i64::MAX.into(),
    };
    range.contains(&number)
}

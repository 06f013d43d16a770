//! Names for types that have numbers: made up from where the types are used.

use std::collections::{HashMap, HashSet};

use heck::ToUpperCamelCase;

use super::entry::{Entries, Entry, Kind};
use super::usage::{Role, Usage, Use};

/// A name that would be longer is made without that of the type that uses it.
const LONGEST: usize = 60;

/// The name of every type by its index; empty for commands, events and arrays.
pub(super) fn of(entries: &Entries, usage: &Usage) -> Vec<String> {
    let mut naming = Naming {
        entries,
        usage,
        names: vec![String::new(); entries.list.len()],
        stems: vec![String::new(); entries.list.len()],
        taken: HashSet::from(["QType".to_owned()]),
        numbers: HashMap::new(),
        members: HashMap::new(),
    };
    let reached = usage.reached.iter().copied();
    let order: Vec<usize> = reached.chain(usage.unused(entries)).collect();
    for &index in &order {
        if let Some(Use {
            role: Role::Member(member),
            in_array,
            ..
        }) = usage.of_type(index).first()
        {
            *naming
                .members
                .entry(element(member, *in_array))
                .or_default() += 1;
        }
    }
    for index in order {
        naming.name(index);
    }
    naming.names
}

struct Naming<'e> {
    entries: &'e Entries,
    usage: &'e Usage,
    names: Vec<String>,
    /// What the names of types used by this one start with.
    stems: Vec<String>,
    taken: HashSet<String>,
    /// The last number behind a name that was taken.
    numbers: HashMap<String, usize>,
    /// How many types are first used by a member that asks for this name.
    members: HashMap<String, usize>,
}

impl Naming<'_> {
    fn name(&mut self, index: usize) {
        let entry = &self.entries.list[index];
        match entry.kind {
            Kind::Builtin => self.names[index].clone_from(&entry.name),
            Kind::Array { .. } | Kind::Command { .. } | Kind::Event { .. } => {}
            _ if is_type_name(&entry.name) => {
                // The data was not masked.
                self.taken.insert(entry.name.clone());
                self.names[index].clone_from(&entry.name);
                self.stems[index].clone_from(&entry.name);
            }
            _ => {
                let (stem, suffix) = self.wanted(index, entry);
                let name = self.claim(&format!("{stem}{suffix}"));
                self.stems[index] = if suffix.is_empty() {
                    name.clone()
                } else {
                    stem
                };
                self.names[index] = name;
            }
        }
    }

    /// A name in two parts; the second is of no use in the names of other types.
    fn wanted(&self, index: usize, entry: &Entry) -> (String, &'static str) {
        let Some(first) = self.usage.of_type(index).first() else {
            return ("Unused".to_owned(), "Type");
        };
        let by = &self.entries.list[first.by];
        let parent = match by.is_head() {
            true => camel(&by.name),
            false => self.stems[first.by].clone(),
        };
        match &first.role {
            Role::Argument if matches!(by.kind, Kind::Event { .. }) => (parent, "Data"),
            Role::Argument => (parent, "Arguments"),
            Role::Result => match by.name.strip_prefix("query-") {
                Some(what) => (camel(what), "Info"),
                None => (parent, "Result"),
            },
            Role::Member(member) => {
                let name = element(member, first.in_array);
                let is_telling = member.contains(['-', '_']) && fit(&name) == name;
                match self.members.get(&name) {
                    Some(1) if is_telling && !self.taken.contains(&name) => (name, ""),
                    _ => (joined(parent, name), ""),
                }
            }
            Role::Branch(case) => (joined(parent, camel(case)), ""),
            Role::Alternative => {
                let what = match entry.kind {
                    Kind::Enum { .. } => "Enum",
                    _ => "Object",
                };
                (joined(parent, what.to_owned()), "")
            }
        }
    }

    /// The name, or the name with the first number that makes it another.
    fn claim(&mut self, wanted: &str) -> String {
        let wanted = fit(wanted);
        let mut name = wanted.clone();
        while !self.taken.insert(name.clone()) {
            let number = self.numbers.entry(wanted.clone()).or_insert(1);
            *number += 1;
            name = format!("{wanted}{number}");
        }
        name
    }
}

fn joined(parent: String, name: String) -> String {
    match parent.len() + name.len() > LONGEST {
        true => name,
        false => parent + &name,
    }
}

fn camel(wire: &str) -> String {
    let name = wire.to_upper_camel_case();
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The name for a member, or for one of several.
fn element(member: &str, in_array: bool) -> String {
    let name = camel(member);
    let single = match name.strip_suffix("ies") {
        Some(start) => Some(format!("{start}y")),
        None => name.strip_suffix('s').map(str::to_owned),
    };
    match single {
        Some(single) if in_array && !single.ends_with('s') => single,
        _ => name,
    }
}

/// Makes the name of a type of it: a capital, a small letter, and no `List` at the end.
fn fit(name: &str) -> String {
    let mut name = name.to_owned();
    if !name.starts_with(|c: char| c.is_ascii_uppercase()) {
        name.insert_str(0, "Type");
    }
    let has_small = name.contains(|c: char| c.is_ascii_lowercase());
    if !has_small || name.ends_with("List") {
        name.push_str("Type");
    }
    name
}

/// Whether the name can be that of a type as it stands.
fn is_type_name(name: &str) -> bool {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric());
    plain && fit(name) == name && name != "QType"
}

//! The text of the schema, before it is laid out.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::entry::{Branch, Entries, Entry, Kind, Member, Named};
use super::usage::{Role, Usage};

/// The whole schema.
pub(super) fn text(entries: &Entries, usage: &Usage, names: &[String], origin: &str) -> String {
    let writer = Writer {
        entries,
        usage,
        names,
    };
    let mut out = header(origin);
    out += &writer.pragma();
    let mut written = HashSet::new();
    for (index, head) in entries.list.iter().enumerate() {
        if head.is_head() {
            out += &writer.types_of(index, &mut written);
            out += &writer.definition(index);
        }
    }
    let unused: Vec<usize> = usage.unused(entries).collect();
    if !unused.is_empty() {
        out += "# Types that the server tells of, but that nothing uses\n\n";
    }
    for index in unused {
        out += &writer.definition(index);
    }
    out
}

fn header(origin: &str) -> String {
    let origin: String = origin.chars().filter(|c| !c.is_control()).collect();
    format!(
        "# Made by `qapi import` from what a server answers to query-qmp-schema:\n# {origin}\n#\n\
         # The names of types are made up from where they are used, bases are part of what has\n\
         # them, and all integers are 'int': servers do not tell.\n\n"
    )
}

struct Writer<'e> {
    entries: &'e Entries,
    usage: &'e Usage,
    names: &'e [String],
}

impl Writer<'_> {
    /// The exceptions that the names and results of old commands and types need.
    fn pragma(&self) -> String {
        let mut lists: [(&str, Vec<&str>); 3] = [
            ("command-name-exceptions", Vec::new()),
            ("command-returns-exceptions", Vec::new()),
            ("member-name-exceptions", Vec::new()),
        ];
        for (index, entry) in self.entries.list.iter().enumerate() {
            if let Kind::Command { result, .. } = &entry.kind {
                if is_odd(&entry.name) {
                    lists[0].1.push(&entry.name);
                }
                if !self.is_object(result) {
                    lists[1].1.push(&entry.name);
                }
            } else if member_names(entry).any(is_odd) {
                lists[2].1.push(&self.names[index]);
            }
        }
        let mut out = String::new();
        for (key, names) in lists.iter().filter(|(_, names)| !names.is_empty()) {
            let _ = write!(out, "{{ 'pragma': {{ '{key}': {} }} }}\n\n", quoted(names));
        }
        out
    }

    /// Whether it is an object or an array of objects.
    fn is_object(&self, ty: &str) -> bool {
        match &self.entries.list[self.entries.index(ty)].kind {
            Kind::Object { .. } => true,
            Kind::Array { element } => {
                let element = &self.entries.list[self.entries.index(element)];
                matches!(element.kind, Kind::Object { .. })
            }
            _ => false,
        }
    }

    /// The types that this command or event is the first to lead to.
    fn types_of(&self, head: usize, written: &mut HashSet<usize>) -> String {
        let mut out = String::new();
        let mut queue = vec![head];
        let mut next = 0;
        while let Some(&index) = queue.get(next) {
            next += 1;
            let mut entry = self.entries.list[index].clone();
            for ty in entry.types_mut() {
                let used = self.entries.index(ty);
                if written.insert(used) {
                    queue.push(used);
                }
            }
            let is_shown = index != head && Some(index) != self.usage.nothing;
            if is_shown && !self.is_inline(index) {
                out += &self.definition(index);
            }
        }
        out
    }

    /// Whether the type is written where it is used: plain arguments of one command or event.
    fn is_inline(&self, index: usize) -> bool {
        let entry = &self.entries.list[index];
        let is_plain = match &entry.kind {
            Kind::Object { members, union } => union.is_none() && !members.is_empty(),
            _ => false,
        };
        let [only] = self.usage.of_type(index) else {
            return false;
        };
        let had_a_name = self.names[index] == entry.name;
        is_plain
            && !had_a_name
            && only.role == Role::Argument
            && !only.in_array
            && entry.features.is_empty()
            && !member_names(entry).any(is_odd)
    }

    /// One definition; nothing for what is not defined by schemas.
    fn definition(&self, index: usize) -> String {
        let entry = &self.entries.list[index];
        let name = &self.names[index];
        let mut out = match &entry.kind {
            Kind::Builtin | Kind::Array { .. } => return String::new(),
            Kind::Enum { values } => {
                let values: Vec<String> = values.iter().map(value).collect();
                format!("'enum': '{name}', 'data': [ {} ]", values.join(", "))
            }
            Kind::Object { members, union } => match union {
                None => format!("'struct': '{name}', 'data': {}", self.members(members)),
                Some((tag, branches)) => format!(
                    "'union': '{name}', 'base': {}, 'discriminator': '{tag}', 'data': {}",
                    self.members(members),
                    self.branches(branches)
                ),
            },
            Kind::Alternate { types } => {
                format!(
                    "'alternate': '{name}', 'data': {}",
                    self.alternatives(types)
                )
            }
            Kind::Command {
                argument,
                result,
                allow_oob,
            } => {
                let mut out = format!("'command': '{}'{}", entry.name, self.data(argument));
                if self.usage.nothing != Some(self.entries.index(result)) {
                    let _ = write!(out, ", 'returns': {}", self.reference(result));
                }
                if *allow_oob {
                    out += ", 'allow-oob': true";
                }
                out
            }
            Kind::Event { argument } => {
                format!("'event': '{}'{}", entry.name, self.data(argument))
            }
        };
        out += &features(&entry.features);
        format!("{{ {out} }}\n\n")
    }

    fn data(&self, argument: &str) -> String {
        let index = self.entries.index(argument);
        match &self.entries.list[index].kind {
            _ if self.usage.nothing == Some(index) => String::new(),
            Kind::Object { members, .. } if self.is_inline(index) => {
                format!(", 'data': {}", self.members(members))
            }
            Kind::Object { union: Some(_), .. } => {
                format!(", 'data': {}, 'boxed': true", self.reference(argument))
            }
            _ => format!(", 'data': {}", self.reference(argument)),
        }
    }

    fn reference(&self, ty: &str) -> String {
        let index = self.entries.index(ty);
        match &self.entries.list[index].kind {
            Kind::Array { element } => {
                format!("[ '{}' ]", self.names[self.entries.index(element)])
            }
            _ => format!("'{}'", self.names[index]),
        }
    }

    fn members(&self, members: &[Member]) -> String {
        let member = |one: &Member| {
            let star = if one.optional { "*" } else { "" };
            let ty = self.reference(&one.ty);
            match features(&one.features) {
                none if none.is_empty() => format!("'{star}{}': {ty}", one.name),
                features => format!("'{star}{}': {{ 'type': {ty}{features} }}", one.name),
            }
        };
        let members: Vec<String> = members.iter().map(member).collect();
        format!("{{ {} }}", members.join(", "))
    }

    /// Branches without members are left to the values of the tag.
    fn branches(&self, branches: &[Branch]) -> String {
        let of_some = |one: &&Branch| self.usage.nothing != Some(self.entries.index(&one.ty));
        let branches = branches.iter().filter(of_some);
        let branches = branches.map(|one| format!("'{}': {}", one.case, self.reference(&one.ty)));
        format!("{{ {} }}", branches.collect::<Vec<_>>().join(", "))
    }

    /// Servers do not tell the names of alternatives, for they are not on the wire.
    fn alternatives(&self, types: &[String]) -> String {
        let mut taken = HashSet::new();
        let one = |ty: &String| {
            let entry = &self.entries.list[self.entries.index(ty)];
            let word = match &entry.kind {
                Kind::Builtin => entry.name.as_str(),
                Kind::Array { .. } => "array",
                Kind::Enum { .. } => "enum",
                _ => "object",
            };
            let mut name = word.to_owned();
            let mut number = 1;
            while !taken.insert(name.clone()) {
                number += 1;
                name = format!("{word}-{number}");
            }
            format!("'{name}': {}", self.reference(ty))
        };
        let alternatives: Vec<String> = types.iter().map(one).collect();
        format!("{{ {} }}", alternatives.join(", "))
    }
}

/// Whether today's rules want an exception for the name of a command, member or value.
fn is_odd(name: &str) -> bool {
    name.contains(|c: char| c == '_' || c.is_ascii_uppercase())
}

fn member_names(entry: &Entry) -> impl Iterator<Item = &str> {
    let (members, values): (&[Member], &[Named]) = match &entry.kind {
        Kind::Object { members, .. } => (members, &[]),
        Kind::Enum { values } => (&[], values),
        _ => (&[], &[]),
    };
    let values = values.iter().map(|one| one.name.as_str());
    members.iter().map(|one| one.name.as_str()).chain(values)
}

fn value(value: &Named) -> String {
    match features(&value.features) {
        none if none.is_empty() => format!("'{}'", value.name),
        features => format!("{{ 'name': '{}'{features} }}", value.name),
    }
}

/// The key with a comma in front; empty without features.
fn features(features: &[String]) -> String {
    match features {
        [] => String::new(),
        some => format!(", 'features': {}", quoted(some)),
    }
}

fn quoted(names: &[impl AsRef<str>]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|one| format!("'{}'", one.as_ref()))
        .collect();
    format!("[ {} ]", names.join(", "))
}

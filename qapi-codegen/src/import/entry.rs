//! Introspection data as typed entries.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// One entry: a command, an event, or a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) features: Vec<String>,
}

/// What an entry is; types are told by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Builtin,
    Array {
        element: String,
    },
    Enum {
        values: Vec<Named>,
    },
    Object {
        members: Vec<Member>,
        /// Tag and branches of a union.
        union: Option<(String, Vec<Branch>)>,
    },
    Alternate {
        types: Vec<String>,
    },
    Command {
        argument: String,
        result: String,
        allow_oob: bool,
    },
    Event {
        argument: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) features: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) optional: bool,
    pub(super) features: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Branch {
    pub(super) case: String,
    pub(super) ty: String,
}

impl Entry {
    /// Kind and name, for messages.
    pub(super) fn describe(&self) -> String {
        format!("{} '{}'", self.meta(), self.name)
    }

    fn meta(&self) -> &'static str {
        match self.kind {
            Kind::Builtin => "builtin",
            Kind::Array { .. } => "array",
            Kind::Enum { .. } => "enum",
            Kind::Object { .. } => "object",
            Kind::Alternate { .. } => "alternate",
            Kind::Command { .. } => "command",
            Kind::Event { .. } => "event",
        }
    }

    /// Whether it is a command or an event.
    pub(super) fn is_head(&self) -> bool {
        matches!(self.kind, Kind::Command { .. } | Kind::Event { .. })
    }

    /// Whether it is an object without anything in it.
    pub(super) fn is_empty(&self) -> bool {
        let bare =
            matches!(&self.kind, Kind::Object { members, union: None } if members.is_empty());
        bare && self.features.is_empty()
    }

    /// The names of the types that it uses, in order, for renaming.
    pub(super) fn types_mut(&mut self) -> Vec<&mut String> {
        match &mut self.kind {
            Kind::Builtin | Kind::Enum { .. } => Vec::new(),
            Kind::Array { element: ty } | Kind::Event { argument: ty } => vec![ty],
            Kind::Command {
                argument, result, ..
            } => vec![argument, result],
            Kind::Alternate { types } => types.iter_mut().collect(),
            Kind::Object { members, union } => {
                let branches = union.iter_mut().flat_map(|(_, branches)| branches);
                let members = members.iter_mut().map(|one| &mut one.ty);
                members.chain(branches.map(|one| &mut one.ty)).collect()
            }
        }
    }
}

/// All entries, in the order of the data.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) list: Vec<Entry>,
    types: HashMap<String, usize>,
}

impl Entries {
    /// Reads an array of entries, or a reply with one.
    pub(super) fn read(answer: &Value) -> Result<Self, String> {
        let answer = answer.get("return").unwrap_or(answer);
        let Value::Array(values) = answer else {
            return Err(
                "the data is not a JSON array; it should be what a server answers to \
                        query-qmp-schema"
                    .to_owned(),
            );
        };
        let mut list = Vec::new();
        let mut types = HashMap::new();
        for (index, value) in values.iter().enumerate() {
            let entry = entry(value).map_err(|why| format!("entry {index} of the data: {why}"))?;
            let known = !entry.is_head() && types.insert(entry.name.clone(), index).is_some();
            if known {
                return Err(format!(
                    "entry {index} of the data: a second {}",
                    entry.describe()
                ));
            }
            list.push(entry);
        }
        let mut entries = Entries { list, types };
        entries.resolve()?;
        Ok(entries)
    }

    /// The index of a type. Every type that is used has one.
    pub(super) fn index(&self, name: &str) -> usize {
        self.types.get(name).copied().unwrap_or_default()
    }

    /// How many entries are of this kind.
    pub(super) fn count(&self, meta: &str) -> usize {
        self.list.iter().filter(|one| one.meta() == meta).count()
    }

    /// Every type that is used must be there.
    fn resolve(&mut self) -> Result<(), String> {
        for index in 0..self.list.len() {
            let described = self.list[index].describe();
            for ty in self.list[index].types_mut() {
                if !self.types.contains_key(ty) {
                    return Err(format!("{described} uses type '{ty}', which has no entry"));
                }
            }
        }
        Ok(())
    }
}

type Object = Map<String, Value>;

fn entry(value: &Value) -> Result<Entry, String> {
    let object = value.as_object().ok_or("it is not an object")?;
    let kind = match text(object, "meta-type")?.as_str() {
        "builtin" => Kind::Builtin,
        "array" => Kind::Array {
            element: text(object, "element-type")?,
        },
        "enum" => Kind::Enum {
            values: values(object)?,
        },
        "object" => Kind::Object {
            members: each(object, "members", member)?,
            union: match object.contains_key("tag") {
                true => Some((name(object, "tag")?, each(object, "variants", branch)?)),
                false => None,
            },
        },
        "alternate" => Kind::Alternate {
            types: each(object, "members", |one| text(one, "type"))?,
        },
        "command" => Kind::Command {
            argument: text(object, "arg-type")?,
            result: text(object, "ret-type")?,
            allow_oob: object.get("allow-oob") == Some(&Value::Bool(true)),
        },
        "event" => Kind::Event {
            argument: text(object, "arg-type")?,
        },
        other => return Err(format!("'meta-type' is '{other}', which is unknown")),
    };
    let is_type_without_name = matches!(kind, Kind::Array { .. });
    let name = match is_type_without_name {
        true => text(object, "name")?,
        false => name(object, "name")?,
    };
    Ok(Entry {
        name,
        kind,
        features: features(object)?,
    })
}

/// Since QEMU 6.2 an array `members`; before, an array `values` alone.
fn values(object: &Object) -> Result<Vec<Named>, String> {
    if object.contains_key("members") {
        return each(object, "members", |one| {
            Ok(Named {
                name: name(one, "name")?,
                features: features(one)?,
            })
        });
    }
    let names = strings(object, "values")?;
    let named = names.into_iter().map(|name| Named {
        name,
        features: Vec::new(),
    });
    Ok(named.collect())
}

fn member(object: &Object) -> Result<Member, String> {
    Ok(Member {
        name: name(object, "name")?,
        ty: text(object, "type")?,
        optional: object.contains_key("default"),
        features: features(object)?,
    })
}

fn branch(object: &Object) -> Result<Branch, String> {
    Ok(Branch {
        case: name(object, "case")?,
        ty: text(object, "type")?,
    })
}

fn features(object: &Object) -> Result<Vec<String>, String> {
    match object.contains_key("features") {
        true => strings(object, "features"),
        false => Ok(Vec::new()),
    }
}

fn array<'v>(object: &'v Object, key: &str) -> Result<&'v Vec<Value>, String> {
    let value = object.get(key).and_then(Value::as_array);
    value.ok_or_else(|| format!("'{key}' is missing or not an array"))
}

fn each<T>(
    object: &Object,
    key: &str,
    read: impl Fn(&Object) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let elements = array(object, key)?.iter();
    let read = |element: &Value| {
        let element = element.as_object();
        read(element.ok_or_else(|| format!("'{key}' has an element that is not an object"))?)
    };
    elements.map(read).collect()
}

fn strings(object: &Object, key: &str) -> Result<Vec<String>, String> {
    let elements = array(object, key)?.iter();
    let read = |element: &Value| match element {
        Value::String(text) => writable(text.clone()),
        _ => Err(format!("'{key}' has an element that is not a string")),
    };
    elements.map(read).collect()
}

fn text(object: &Object, key: &str) -> Result<String, String> {
    let value = object.get(key).and_then(Value::as_str);
    let value = value.ok_or_else(|| format!("'{key}' is missing or not a string"))?;
    Ok(value.to_owned())
}

fn name(object: &Object, key: &str) -> Result<String, String> {
    writable(text(object, key)?)
}

/// A name that can stand between quotes in a schema; whether it is a good one is checked there.
fn writable(name: String) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '\'' | '\\');
    match name.chars().all(is_plain) {
        true => Ok(name),
        false => Err(format!("'{}' cannot be a name", name.escape_default())),
    }
}

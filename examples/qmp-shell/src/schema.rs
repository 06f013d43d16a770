//! What a server says of its commands and events.

use std::collections::{BTreeMap, HashMap};

use qmp_runtime::json::Value;

/// How many lists of lists and choices of choices are followed: a server may tell of endless ones.
pub(crate) const MAX_LEVELS: usize = 4;

/// Commands, events and types of a server. All of it is read leniently: servers of any age are welcome.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    pub(crate) commands: BTreeMap<String, Command>,
    /// Each with the type of its data.
    pub(crate) events: BTreeMap<String, String>,
    types: HashMap<String, Type>,
}

#[derive(Debug, Default)]
pub(crate) struct Command {
    /// The type of the arguments; none where only the name is known.
    pub(crate) arguments: Option<String>,
    pub(crate) result: Option<String>,
    pub(crate) oob: bool,
    /// Success is not answered.
    pub(crate) silent: bool,
    pub(crate) features: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Type {
    /// By its JSON type: `string`, `int`, …
    Builtin(String),
    Enum(Vec<String>),
    /// Of elements of this type.
    Array(String),
    Object(Object),
    /// One of these types.
    Alternate(Vec<String>),
}

#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) members: Vec<Member>,
    /// The member whose value decides which variant's members there are, too.
    pub(crate) tag: Option<String>,
    /// The types of the variants, by value of the tag.
    pub(crate) variants: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) optional: bool,
    pub(crate) features: Vec<String>,
}

impl Schema {
    /// What `query-qmp-schema` has answered.
    pub(crate) fn read(entries: &Value) -> Schema {
        let mut schema = Schema::default();
        for entry in list(entries) {
            let name = text(entry, "name");
            match entry["meta-type"].as_str().unwrap_or_default() {
                "command" => {
                    let command = Command {
                        arguments: Some(text(entry, "arg-type")),
                        result: Some(text(entry, "ret-type")),
                        oob: entry["allow-oob"] == true,
                        silent: false,
                        features: texts(&entry["features"]),
                    };
                    schema.commands.insert(name, command);
                }
                "event" => {
                    schema.events.insert(name, text(entry, "arg-type"));
                }
                meta => {
                    if let Some(ty) = Type::read(meta, entry) {
                        schema.types.insert(name, ty);
                    }
                }
            }
        }
        schema
    }

    /// Leaves just these commands; of those that are new, only the names are known.
    pub(crate) fn retain(&mut self, names: &[String]) {
        let mut known = std::mem::take(&mut self.commands);
        for name in names {
            let command = known.remove(name).unwrap_or_default();
            self.commands.insert(name.clone(), command);
        }
    }

    pub(crate) fn ty(&self, name: &str) -> Option<&Type> {
        self.types.get(name)
    }

    pub(crate) fn object(&self, name: &str) -> Option<&Object> {
        match self.ty(name)? {
            Type::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The members of an object type, with those of the variant that `tag_value` decides for.
    pub(crate) fn members<'s>(
        &'s self,
        object: &'s Object,
        tag_value: Option<&str>,
    ) -> impl Iterator<Item = &'s Member> {
        let variant = object
            .variants
            .iter()
            .find(|(case, _)| Some(case.as_str()) == tag_value)
            .and_then(|(_, ty)| self.object(ty));
        object
            .members
            .iter()
            .chain(variant.into_iter().flat_map(|variant| &variant.members))
    }

    /// A member of an object type. When the tag does not say which variant it is, it may be that of any.
    pub(crate) fn member<'s>(
        &'s self,
        object: &'s Object,
        tag_value: Option<&str>,
        name: &str,
    ) -> Option<&'s Member> {
        object
            .members
            .iter()
            .chain(
                object
                    .variants
                    .iter()
                    .filter(|(case, _)| tag_value.is_none_or(|value| value == case))
                    .filter_map(|(_, ty)| self.object(ty))
                    .flat_map(|variant| &variant.members),
            )
            .find(|member| member.name == name)
    }

    /// The type of a command's arguments, where it is known.
    pub(crate) fn arguments_of(&self, command: &str) -> Option<&str> {
        self.commands.get(command)?.arguments.as_deref()
    }

    /// The values of an enumeration or boolean; nothing for other types.
    pub(crate) fn values(&self, ty: &str) -> Vec<&str> {
        self.values_within(ty, MAX_LEVELS)
    }

    fn values_within(&self, ty: &str, levels: usize) -> Vec<&str> {
        match self.ty(ty) {
            Some(Type::Enum(values)) => values.iter().map(String::as_str).collect(),
            Some(Type::Builtin(json)) if json == "boolean" => vec!["true", "false"],
            Some(Type::Array(element)) if levels > 0 => self.values_within(element, levels - 1),
            Some(Type::Alternate(types)) if levels > 0 => types
                .iter()
                .flat_map(|ty| self.values_within(ty, levels - 1))
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl Type {
    fn read(meta: &str, entry: &Value) -> Option<Type> {
        Some(match meta {
            "builtin" => Type::Builtin(text(entry, "json-type")),
            // Before 6.2 there were only the values.
            "enum" if entry["members"].is_null() => Type::Enum(texts(&entry["values"])),
            "enum" => {
                let members = list(&entry["members"]);
                Type::Enum(members.map(|member| text(member, "name")).collect())
            }
            "array" => Type::Array(text(entry, "element-type")),
            "object" => Type::Object(Object {
                members: list(&entry["members"]).map(Member::read).collect(),
                tag: entry["tag"].as_str().map(str::to_owned),
                variants: list(&entry["variants"])
                    .map(|variant| (text(variant, "case"), text(variant, "type")))
                    .collect(),
            }),
            "alternate" => {
                let members = list(&entry["members"]);
                Type::Alternate(members.map(|member| text(member, "type")).collect())
            }
            _ => return None,
        })
    }
}

impl Member {
    fn read(entry: &Value) -> Member {
        Member {
            name: text(entry, "name"),
            ty: text(entry, "type"),
            optional: entry.get("default").is_some(),
            features: texts(&entry["features"]),
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    list(value)
        .filter_map(|text| Some(text.as_str()?.to_owned()))
        .collect()
}

/// The one of `names` that `wrong` was probably meant to be.
pub(crate) fn closest<'n>(
    wrong: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let distance = |name: &str| strsim::osa_distance(&wrong.to_lowercase(), &name.to_lowercase());
    names
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|&(distance, name)| distance <= 1 + name.len().min(wrong.len()) / 4)
        .min()
        .map(|(_, name)| name)
}

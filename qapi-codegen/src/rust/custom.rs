//! What the user adds to types, or puts in their place.

use std::collections::HashMap;

use qapi_parser::schema::{Command, Entity, EntityId, EntityKind, Event, Schema};
use quote::ToTokens as _;
use syn::parse::Parser as _;

use super::code::Code;
use super::context::is_type;
use super::select::no_match;
use crate::error::Error;
use crate::options::Options;
use crate::pattern::Pattern;

/// The attributes and replacements of types.
#[derive(Debug, Default)]
pub(crate) struct Custom {
    attributes: HashMap<EntityId, Code>,
    external: HashMap<EntityId, Code>,
    /// Attributes of members, by patterns of their paths.
    fields: Vec<(Pattern, Code)>,
    renames: HashMap<String, String>,
}

impl Custom {
    /// Finds the types that the options mean.
    ///
    /// # Errors
    /// An option means no type, or its text is no Rust.
    pub(crate) fn find(schema: &Schema, options: &Options) -> Result<Self, Error> {
        let mut custom = Custom::default();
        let runtime = &options.runtime_path;
        syn::parse_str::<syn::Path>(runtime).map_err(|error| {
            Error::config(format!("'{runtime}' is no path of the runtime: {error}"))
        })?;
        for (pattern, text) in &options.type_attributes {
            let attributes = attribute(text)?;
            for id in matching(schema, pattern)? {
                custom.attributes.entry(id).or_default().add(&attributes);
            }
        }
        for (name, text) in &options.extern_types {
            let path: syn::Path = syn::parse_str(text).map_err(|error| {
                Error::config(format!("'{text}' is no path of a type: {error}"))
            })?;
            for id in matching(schema, &Pattern::exact(name))? {
                custom
                    .external
                    .insert(id, Code::raw(path.to_token_stream().to_string()));
            }
        }
        let paths = || paths(schema);
        for (pattern, text) in &options.field_attributes {
            if !paths().any(|path| pattern.matches(&path)) {
                return Err(no_match(
                    "member",
                    pattern,
                    paths().collect::<Vec<_>>().iter().map(String::as_str),
                ));
            }
            custom.fields.push((pattern.clone(), attribute(text)?));
        }
        for (name, rust) in &options.renames {
            syn::parse_str::<syn::Ident>(rust)
                .map_err(|error| Error::config(format!("'{rust}' is no name: {error}")))?;
            let pattern = Pattern::exact(name);
            let named = schema.entities().iter().filter(|entity| !entity.implicit);
            let known: Vec<String> = named
                .map(|entity| entity.name.to_string())
                .chain(paths())
                .collect();
            if !known.contains(name) {
                return Err(no_match("name", &pattern, known.iter().map(String::as_str)));
            }
            custom.renames.insert(name.clone(), rust.clone());
        }
        Ok(custom)
    }

    /// The attributes for a member or value of a type.
    pub(crate) fn field_attributes(&self, owner: &str, member: &str) -> Code {
        let mut code = Code::default();
        if !self.fields.is_empty() {
            let path = format!("{owner}.{member}");
            let matching = self
                .fields
                .iter()
                .filter(|(pattern, _)| pattern.matches(&path));
            matching.for_each(|(_, attribute)| code.add(attribute));
        }
        code
    }

    /// The name that the user gives to something.
    pub(crate) fn renamed(&self, path: &str) -> Option<&str> {
        self.renames.get(path).map(String::as_str)
    }

    /// The attributes for a type.
    pub(crate) fn attributes(&self, id: EntityId) -> Option<&Code> {
        self.attributes.get(&id)
    }

    /// The type that stands for one of the schema.
    pub(crate) fn external(&self, id: EntityId) -> Option<&Code> {
        self.external.get(&id)
    }
}

fn attribute(text: &str) -> Result<Code, Error> {
    syn::Attribute::parse_outer
        .parse_str(text)
        .map_err(|error| Error::config(format!("'{text}' is no attribute: {error}")))?;
    Ok(Code::raw(format!("{text}\n")))
}

/// The paths of all members and values: the name of what has them, a dot, and theirs.
fn paths(schema: &Schema) -> impl Iterator<Item = String> + '_ {
    schema.entities().iter().flat_map(move |entity| {
        let names: Vec<&str> = match &entity.kind {
            EntityKind::Enum(of) => of.members.iter().map(|one| one.name.as_str()).collect(),
            EntityKind::Struct(of) => of.members.iter().map(|one| one.name.as_str()).collect(),
            EntityKind::Union(of) => {
                let members = of.members.iter().map(|one| one.name.as_str());
                members
                    .chain(of.branches.iter().map(|one| one.case.as_str()))
                    .collect()
            }
            EntityKind::Alternate(of) => of
                .alternatives
                .iter()
                .map(|one| one.name.as_str())
                .collect(),
            EntityKind::Command(Command {
                arg_type: Some(ty), ..
            })
            | EntityKind::Event(Event {
                arg_type: Some(ty), ..
            }) => match &schema.entity(*ty) {
                Entity {
                    implicit: true,
                    kind: EntityKind::Struct(of),
                    ..
                } => of.members.iter().map(|one| one.name.as_str()).collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        names
            .into_iter()
            .map(move |name| format!("{}.{name}", entity.name))
    })
}

fn matching(schema: &Schema, pattern: &Pattern) -> Result<Vec<EntityId>, Error> {
    let types = || {
        (0_u32..)
            .zip(schema.entities())
            .filter(|(_, entity)| is_type(&entity.kind) && !entity.implicit)
    };
    let found = types().filter(|(_, entity)| pattern.matches(&entity.name));
    let found: Vec<EntityId> = found.map(|(index, _)| EntityId(index)).collect();
    if found.is_empty() {
        return Err(no_match(
            "type",
            pattern,
            types().map(|(_, entity)| entity.name.as_str()),
        ));
    }
    Ok(found)
}

//! What the user adds to types, or puts in their place.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use qapi_parser::schema::{EntityId, Schema};
use quote::{ToTokens as _, quote};
use syn::parse::Parser as _;

use super::context::is_type;
use super::select::no_match;
use crate::error::Error;
use crate::options::Options;
use crate::pattern::Pattern;

/// The attributes and replacements of types.
#[derive(Debug, Default)]
pub(crate) struct Custom {
    attributes: HashMap<EntityId, TokenStream>,
    external: HashMap<EntityId, TokenStream>,
}

impl Custom {
    /// Finds the types that the options mean.
    ///
    /// # Errors
    /// An option means no type, or its text is no Rust.
    pub(crate) fn find(schema: &Schema, options: &Options) -> Result<Self, Error> {
        let mut custom = Custom::default();
        for (pattern, text) in &options.type_attributes {
            let attributes = syn::Attribute::parse_outer
                .parse_str(text)
                .map_err(|error| Error::config(format!("'{text}' is no attribute: {error}")))?;
            for id in matching(schema, pattern)? {
                custom
                    .attributes
                    .entry(id)
                    .or_default()
                    .extend(quote!(#(#attributes)*));
            }
        }
        for (name, text) in &options.extern_types {
            let path: syn::Path = syn::parse_str(text).map_err(|error| {
                Error::config(format!("'{text}' is no path of a type: {error}"))
            })?;
            for id in matching(schema, &Pattern::exact(name))? {
                custom.external.insert(id, path.to_token_stream());
            }
        }
        Ok(custom)
    }

    /// The attributes for a type.
    pub(crate) fn attributes(&self, id: EntityId) -> Option<&TokenStream> {
        self.attributes.get(&id)
    }

    /// The type that stands for one of the schema.
    pub(crate) fn external(&self, id: EntityId) -> Option<&TokenStream> {
        self.external.get(&id)
    }
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

//! Documentation comments as rustdoc.

use proc_macro2::TokenStream;
use qapi_parser::schema::EntityId;
use quote::quote;

use super::context::Context;

/// The lines of a documentation comment.
pub(crate) type Docs = Vec<String>;

/// The lines as attributes.
pub(crate) fn attributes(docs: &Docs) -> TokenStream {
    let lines = docs.iter().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
    quote!(#(#[doc = #lines])*)
}

/// A type, command or event.
pub(crate) fn entity(context: &Context<'_>, id: EntityId) -> Docs {
    vec![format!("`{}`", context.entity(id).name)]
}

/// A member that `owner` or its bases document.
pub(crate) fn member(_context: &Context<'_>, _owner: EntityId, name: &str, is_tag: bool) -> Docs {
    vec![if is_tag { format!("`{name}`, with the members that depend on it") } else { format!("`{name}`") }]
}

/// Why something is to go away.
pub(crate) fn deprecation(_context: &Context<'_>, _owner: EntityId) -> Option<String> {
    None
}

/// The enum that holds what depends on a union's tag.
pub(crate) fn tag(context: &Context<'_>, union: EntityId, tag: &str) -> Docs {
    vec![format!("The variants of [`{}`], by `{tag}`.", context.name(union))]
}

/// One branch of a union.
pub(crate) fn branch(case: &str, has_data: bool) -> Docs {
    vec![if has_data { format!("`{case}`") } else { format!("`{case}`: without further members") }]
}

/// One alternative of an alternate.
pub(crate) fn alternative(name: &str) -> Docs {
    vec![format!("`{name}`")]
}

/// The method of a handler for a command.
pub(crate) fn method(context: &Context<'_>, command: EntityId) -> Docs {
    vec![format!("`{}`", context.entity(command).name)]
}

//! The features that have a meaning of their own.

use qapi_parser::schema::{EntityId, Feature};

use super::code::{Code, Ident, code};
use super::context::Context;
use super::docs;

/// Whether something is to go away.
pub(crate) fn is_deprecated(features: &[Feature]) -> bool {
    has(features, "deprecated")
}

/// Whether something may change.
pub(crate) fn is_unstable(features: &[Feature]) -> bool {
    has(features, "unstable")
}

fn has(features: &[Feature], name: &str) -> bool {
    features.iter().any(|feature| feature.name == name)
}

/// The attribute for what is to go away, with the documentation's reason.
pub(crate) fn deprecated(context: &Context<'_>, owner: EntityId, features: &[Feature]) -> Code {
    if !is_deprecated(features) {
        return Code::default();
    }
    match docs::deprecation(context, owner) {
        Some(note) => code!(#[deprecated(note = #note)]),
        None => code!(#[deprecated]),
    }
}

/// The flags of a member in its table.
pub(crate) fn flags(features: &[Feature]) -> Vec<Ident> {
    let known = [
        ("deprecated", is_deprecated(features)),
        ("unstable", is_unstable(features)),
    ];
    known
        .iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| Ident::new(*name))
        .collect()
}

/// The call that puts the features into a command's or event's info.
pub(crate) fn info(context: &Context<'_>, features: &[Feature]) -> Code {
    let kept = features
        .iter()
        .filter(|feature| context.keeps(&feature.cond));
    let names: Vec<&str> = kept.map(|feature| feature.name.as_str()).collect();
    if names.is_empty() {
        Code::default()
    } else {
        code!(.features(&[#(#names),*]))
    }
}

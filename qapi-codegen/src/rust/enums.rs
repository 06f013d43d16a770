//! Enumerations.

use proc_macro2::{Ident, Span, TokenStream};
use qapi_parser::schema::{EntityId, Enum};
use quote::quote;

use super::context::Context;
use super::{docs, features};

/// The name on the wire of the variant of an enumeration without values: no message can hold it.
const NO_VALUE: &str = "\0";

/// The variant of an enumeration without values: a Rust enum without variants could not be decoded
/// into.
pub(crate) fn no_value() -> Ident {
    Ident::new("__NoValue", Span::call_site())
}

/// An enumeration, its names and its table.
pub(crate) fn items(context: &Context<'_>, id: EntityId, of: &Enum) -> Vec<TokenStream> {
    let entity = context.entity(id);
    let name = context.name(id);
    let values = context.values_of(id);
    let docs = docs::attributes(&docs::entity(context, id));
    let deprecated = features::deprecated(context, id, &entity.features);
    let custom = context.attributes(id);
    let mut variants: Vec<TokenStream> = Vec::new();
    for (value, variant) in &values {
        let docs = docs::member(context, id, &value.name, false);
        let docs = docs::attributes(&docs::remarks(context, docs, &value.features, &value.cond));
        let deprecated = features::deprecated(context, id, &value.features);
        variants.push(quote!(#docs #deprecated #variant));
    }
    let mut wire: Vec<&str> = values
        .iter()
        .map(|(value, _)| value.name.as_str())
        .collect();
    let mut idents: Vec<Ident> = values.iter().map(|(_, variant)| variant.clone()).collect();
    let all = idents.clone();
    if of.members.is_empty() || idents.is_empty() {
        let none = no_value();
        variants.push(quote!(#[doc(hidden)] #none));
        wire.push(NO_VALUE);
        idents.push(none);
    }
    let blank = &idents[0];
    vec![
        quote! {
            #docs
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
            #[non_exhaustive]
            #deprecated
            #custom
            pub enum #name { #(#variants,)* }
        },
        quote! {
            impl ::qmp_runtime::codec::Enum for #name {
                const NAMES: &'static [&'static str] = &[#(#wire),*];
                const VARIANTS: &'static [Self] = &[#(Self::#all),*];
            }
        },
        quote!(::qmp_runtime::enumeration!(#name, #blank);),
    ]
}

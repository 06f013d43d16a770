//! Alternates.

use proc_macro2::{Ident, Span, TokenStream};
use qapi_parser::schema::{Alternate, Alternative, Builtin, EntityId, EntityKind};
use quote::quote;

use super::context::{Context, Place};
use super::graph::Hold;
use super::names::{self, Scope};
use super::{docs, features};

/// An alternate as an enum, and its table.
pub(crate) fn items(
    context: &Context<'_>,
    id: EntityId,
    alternate: &Alternate,
) -> Vec<TokenStream> {
    let entity = context.entity(id);
    let name = context.name(id);
    let wire = &entity.name;
    let kept: Vec<(usize, &Alternative)> = alternate
        .alternatives
        .iter()
        .enumerate()
        .filter(|(_, one)| context.keeps(&one.cond))
        .collect();
    let wanted: Vec<String> = kept
        .iter()
        .map(|(_, one)| names::camel(&one.name))
        .collect();
    let variants = Scope::default().claim(&wanted);
    let docs = docs::attributes(&docs::entity(context, id));
    let deprecated = features::deprecated(context, id, &entity.features);
    let custom = context.attributes(id);
    let mut definitions = Vec::new();
    let mut rows = Vec::new();
    let mut blank = None;
    for ((index, one), variant) in kept.into_iter().zip(&variants) {
        let ty = context.ty(one.ty, Place::Types);
        let boxed = context.boxes(id, one.ty, Hold::Alternative);
        let ty = if boxed {
            quote!(::std::boxed::Box<#ty>)
        } else {
            ty
        };
        let docs = docs::member(context, id, &one.name, false);
        let docs = docs::attributes(&docs::remarks(context, docs, &[], &one.cond));
        definitions.push(quote!(#docs #variant(#ty)));
        let kind = kind(context, one.ty);
        rows.push(quote!(#kind => #variant));
        if index == context.blank_choice(id) {
            blank = Some(variant);
        }
    }
    let blank = blank.or(variants.first());
    vec![
        quote! {
            #docs
            #[derive(Debug, Clone, PartialEq)]
            #[non_exhaustive]
            #[allow(clippy::large_enum_variant, reason = "boxes are left to those who store many")]
            #deprecated
            #custom
            pub enum #name { #(#definitions,)* }
        },
        quote!(::qmp_runtime::alternate!(#name, #wire, default = #blank, [#(#rows),*]);),
    ]
}

/// The JSON type by which an alternative is recognised.
fn kind(context: &Context<'_>, ty: EntityId) -> Ident {
    let name = match &context.entity(ty).kind {
        EntityKind::Builtin(Builtin::Str) | EntityKind::Enum(_) => "String",
        EntityKind::Builtin(Builtin::Bool) => "Bool",
        EntityKind::Builtin(Builtin::Null) => "Null",
        EntityKind::Builtin(_) => "Number",
        EntityKind::Array { .. } => "Array",
        _ => "Object",
    };
    Ident::new(name, Span::call_site())
}

//! What depends on the tag of a union.

use proc_macro2::{Ident, TokenStream};
use qapi_parser::schema::{Branch, EntityId, EntityKind, EnumMember, Union};
use quote::quote;

use super::context::{Context, Place};
use super::graph::Hold;
use super::{docs, enums, features};

struct Variant<'s> {
    name: Ident,
    value: &'s EnumMember,
    /// Where the branch stands in the schema; values without one are not generated as data.
    branch: Option<usize>,
    data: Option<TokenStream>,
}

/// The enum with a variant for each value of the tag, and its table.
pub(crate) fn items(context: &Context<'_>, id: EntityId, union: &Union) -> Vec<TokenStream> {
    let name = context.tag_name(id);
    let tag = context.ty(union.tag_type, Place::Types);
    let values = context.values_of(union.tag_type).into_iter();
    let variants: Vec<Variant<'_>> = values
        .map(|(value, name)| variant(context, id, union, value, name))
        .collect();
    let summary = docs::attributes(&docs::tag(context, id, &union.members[union.tag].name));
    let mut definitions: Vec<TokenStream> = variants
        .iter()
        .map(|variant| definition(context, union.tag_type, variant))
        .collect();
    let mut rows: Vec<TokenStream> = variants.iter().map(Variant::row).collect();
    let choice = context.blank_choice(id);
    let chosen = variants
        .iter()
        .find(|variant| variant.branch == Some(choice))
        .or(variants.first());
    let blank = chosen.map_or_else(enums::no_value, |variant| variant.name.clone());
    if variants.is_empty() {
        definitions.push(quote!(#[doc(hidden)] #blank));
        rows.push(quote!(#blank));
    }
    let large = variants
        .iter()
        .any(|variant| variant.data.is_some())
        .then(|| quote!(#[allow(clippy::large_enum_variant, reason = "boxes are left to those who store many")]));
    let custom = context.attributes(id);
    vec![
        quote! {
            #summary
            #[derive(Debug, Clone, PartialEq)]
            #[non_exhaustive]
            #large
            #custom
            pub enum #name { #(#definitions,)* }
        },
        quote!(::qmp_runtime::variants!(#name, #tag, default = #blank, [#(#rows),*]);),
    ]
}

fn variant<'s>(
    context: &Context<'_>,
    id: EntityId,
    union: &Union,
    value: &'s EnumMember,
    name: Ident,
) -> Variant<'s> {
    let branch = union
        .branches
        .iter()
        .position(|branch| branch.case == value.name);
    let kept = branch
        .map(|index| &union.branches[index])
        .filter(|branch| context.keeps(&branch.cond));
    Variant {
        name,
        value,
        branch,
        data: kept.and_then(|branch| data(context, id, branch)),
    }
}

/// The type of a branch's data; none where it has no members.
fn data(context: &Context<'_>, union: EntityId, branch: &Branch) -> Option<TokenStream> {
    let entity = context.entity(branch.ty);
    if entity.implicit && matches!(entity.kind, EntityKind::Struct(_)) {
        return None;
    }
    let ty = context.ty(branch.ty, Place::Types);
    let boxed = context.boxes(union, branch.ty, Hold::Branch);
    Some(if boxed {
        quote!(::std::boxed::Box<#ty>)
    } else {
        ty
    })
}

fn definition(context: &Context<'_>, tag_type: EntityId, variant: &Variant<'_>) -> TokenStream {
    let Variant {
        name, value, data, ..
    } = variant;
    let docs = docs::branch(&value.name, data.is_some());
    let docs = docs::attributes(&docs::remarks(context, docs, &value.features, &value.cond));
    let deprecated = features::deprecated(context, tag_type, &value.features);
    match data {
        Some(data) => quote!(#docs #deprecated #name(#data)),
        None => quote!(#docs #deprecated #name),
    }
}

impl Variant<'_> {
    fn row(&self) -> TokenStream {
        let name = &self.name;
        match &self.data {
            Some(data) => quote!(#name(#data)),
            None => quote!(#name),
        }
    }
}

//! What structs, unions, arguments and event data have in common: public fields, `new`, a table.

use proc_macro2::{Ident, Literal, TokenStream};
use qapi_parser::schema::{Builtin, EntityId, EntityKind, Member};
use quote::quote;

use super::context::{Context, Place};
use super::docs::{self, Docs};
use super::features;
use super::graph::Hold;
use super::names::{self, Scope};

/// More parameters than this need clippy's leave.
const MANY_PARAMETERS: usize = 7;

/// One field.
#[derive(Debug)]
struct Field {
    wire: String,
    name: Ident,
    ty: TokenStream,
    optional: bool,
    /// Taken by `new` as anything that becomes a string.
    is_string: bool,
    attributes: TokenStream,
    flags: Vec<Ident>,
}

/// A struct to be emitted.
#[derive(Debug)]
pub(crate) struct Record {
    name: Ident,
    docs: Docs,
    attributes: TokenStream,
    fields: Vec<Field>,
    tag: Option<usize>,
}

impl Record {
    /// A record without members.
    pub(crate) fn empty(name: Ident, docs: Docs, attributes: TokenStream) -> Self {
        Record {
            name,
            docs,
            attributes,
            fields: Vec::new(),
            tag: None,
        }
    }

    /// A record with the members of the object type `ty`, which `owner` documents.
    pub(crate) fn of(
        context: &Context<'_>,
        (ty, owner): (EntityId, EntityId),
        place: Place,
        name: Ident,
        docs: Docs,
        attributes: TokenStream,
    ) -> Self {
        let members = context.members(ty);
        let wanted: Vec<String> = members
            .iter()
            .map(|member| names::snake(&member.name))
            .collect();
        let names = Scope::default().claim(&wanted);
        let tag_member = context.union(ty).map(|union| &union.members[union.tag]);
        let tag =
            tag_member.and_then(|tag| members.iter().position(|member| std::ptr::eq(*member, tag)));
        let mut fields = Vec::new();
        for (index, (member, name)) in members.into_iter().zip(names).enumerate() {
            let tag_of = (tag == Some(index)).then_some(ty);
            fields.push(Field::new(
                context,
                (ty, owner),
                place,
                member,
                name,
                tag_of,
            ));
        }
        Record {
            name,
            docs,
            attributes,
            fields,
            tag,
        }
    }

    /// The struct, its constructor and its table.
    pub(crate) fn items(&self) -> Vec<TokenStream> {
        let mut items = vec![self.definition()];
        items.extend(self.constructor());
        items.push(self.table());
        items
    }

    fn definition(&self) -> TokenStream {
        let Record {
            name, attributes, ..
        } = self;
        let docs = docs::attributes(&self.docs);
        let default = self
            .fields
            .iter()
            .all(|field| field.optional)
            .then(|| quote!(, Default));
        let fields = self.fields.iter().map(Field::definition);
        quote! {
            #docs
            #[derive(Debug, Clone, PartialEq #default)]
            #attributes
            pub struct #name { #(#fields,)* }
        }
    }

    /// Nothing where there is nothing to give: `Default` does the same.
    fn constructor(&self) -> Option<TokenStream> {
        let required = self.fields.iter().filter(|field| !field.optional);
        let parameters: Vec<TokenStream> = required.map(Field::parameter).collect();
        if parameters.is_empty() {
            return None;
        }
        let name = &self.name;
        let values = self.fields.iter().map(Field::value);
        let leave = (parameters.len() > MANY_PARAMETERS)
            .then(|| quote!(#[allow(clippy::too_many_arguments, reason = "the schema requires as many members")]));
        Some(quote! {
            impl #name {
                /// A value with the required members; the optional ones are absent.
                #leave
                pub fn new(#(#parameters),*) -> Self {
                    Self { #(#values),* }
                }
            }
        })
    }

    fn table(&self) -> TokenStream {
        let name = &self.name;
        let rows = self.fields.iter().map(Field::row);
        let tag = self.tag.map(|index| {
            let index = Literal::usize_unsuffixed(index);
            quote!(, tag = #index)
        });
        quote!(::qmp_runtime::record!(#name, [#(#rows),*] #tag);)
    }
}

impl Field {
    fn new(
        context: &Context<'_>,
        (ty, owner): (EntityId, EntityId),
        place: Place,
        member: &Member,
        name: Ident,
        tag_of: Option<EntityId>,
    ) -> Self {
        let hold = if member.optional {
            Hold::Optional
        } else {
            Hold::Required
        };
        let mut tokens = match tag_of {
            Some(union) if place == Place::Types => {
                let tag = context.tag_name(union);
                quote!(#tag)
            }
            _ => context.ty(member.ty, place),
        };
        if context.boxes(ty, member.ty, hold) {
            tokens = quote!(::std::boxed::Box<#tokens>);
        }
        let docs = docs::member(context, owner, &member.name, tag_of.is_some());
        let docs = docs::attributes(&docs::remarks(
            context,
            docs,
            &member.features,
            &member.cond,
        ));
        let deprecated = features::deprecated(context, owner, &member.features);
        Field {
            wire: member.name.clone(),
            name,
            ty: tokens,
            optional: member.optional,
            is_string: matches!(
                context.entity(member.ty).kind,
                EntityKind::Builtin(Builtin::Str)
            ),
            attributes: quote!(#docs #deprecated),
            flags: features::flags(&member.features),
        }
    }

    fn definition(&self) -> TokenStream {
        let Field {
            name,
            ty,
            attributes,
            ..
        } = self;
        let ty = if self.optional {
            quote!(::std::option::Option<#ty>)
        } else {
            quote!(#ty)
        };
        quote!(#attributes pub #name: #ty)
    }

    fn parameter(&self) -> TokenStream {
        let Field { name, ty, .. } = self;
        if self.is_string {
            quote!(#name: impl ::std::convert::Into<#ty>)
        } else {
            quote!(#name: #ty)
        }
    }

    fn value(&self) -> TokenStream {
        let name = &self.name;
        if self.optional {
            quote!(#name: ::std::option::Option::None)
        } else if self.is_string {
            quote!(#name: #name.into())
        } else {
            quote!(#name)
        }
    }

    fn row(&self) -> TokenStream {
        let Field {
            wire, name, flags, ..
        } = self;
        if flags.is_empty() {
            quote!((#wire, #name))
        } else {
            quote!((#wire, #name, #(#flags)*))
        }
    }
}

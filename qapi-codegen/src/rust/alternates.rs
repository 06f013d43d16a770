//! Alternates.

use qapi_parser::schema::{Alternate, Alternative, Builtin, EntityId, EntityKind};

use super::code::{Code, Ident, code};
use super::context::{Context, Place};
use super::graph::Hold;
use super::names;
use super::{docs, features};

/// An alternate as an enum, and its table.
pub(crate) fn items(context: &Context<'_>, id: EntityId, alternate: &Alternate) -> Vec<Code> {
    let entity = context.entity(id);
    let name = context.name(id);
    let wire = entity.name.as_str();
    let alternatives = alternate.alternatives.iter();
    let kept: Vec<&Alternative> = alternatives
        .filter(|one| context.keeps(&one.cond))
        .collect();
    let (variants, other) = {
        let wanted = kept.iter().map(|one| one.name.as_str());
        names::variants(context.wanted(id, wanted, names::camel).into_iter())
    };
    let docs = docs::attributes(&docs::entity(context, id));
    let deprecated = features::deprecated(context, id, &entity.features);
    let custom = context.attributes(id);
    let mut definitions = Vec::new();
    let mut rows = Vec::new();
    for (one, variant) in kept.into_iter().zip(&variants) {
        let ty = context.ty(one.ty, Place::Types);
        let boxed = context.boxes(id, one.ty, Hold::Alternative);
        let ty = if boxed {
            code!(::std::boxed::Box<#ty>)
        } else {
            ty
        };
        let docs = docs::member(context, id, &one.name, false);
        let docs = docs::attributes(&docs::remarks(context, docs, &[], &one.cond));
        let before = context.before(id, &one.name, &one.cond);
        definitions.push(code!(#docs #before #variant(#ty)));
        let (cfg, kind) = (context.cfg(&one.cond), kind(context, one.ty));
        rows.push(code!(#cfg #kind => #variant));
    }
    vec![
        code! {
            #docs
            #[derive(Clone)]
            #[non_exhaustive]
            #deprecated
            #custom
            pub enum #name {
                #(#definitions,)*
                #[doc = " A value of a type that these bindings do not know."]
                #other(::qmp_runtime::codec::UnrecognizedValue),
            }
        },
        code!(::qmp_runtime::alternate!(#name, #wire, #other, [#(#rows),*]);),
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
    Ident::new(name)
}

//! Enumerations.

use qapi_parser::schema::EntityId;

use super::code::{Code, code};
use super::context::Context;
use super::{docs, features};

/// An enumeration and its table.
pub(crate) fn items(context: &Context<'_>, id: EntityId) -> Vec<Code> {
    let entity = context.entity(id);
    let name = context.name(id);
    let (values, other) = context.values(id);
    let docs = docs::attributes(&docs::entity(context, id));
    let deprecated = features::deprecated(context, id, &entity.features);
    let custom = context.attributes(id);
    let variants = values.iter().map(|(value, variant)| {
        let docs = docs::member(context, id, &value.name, false);
        let docs = docs::attributes(&docs::remarks(context, docs, &value.features, &value.cond));
        let deprecated = features::deprecated(context, id, &value.features);
        let before = context.before(id, &value.name, &value.cond);
        code!(#docs #deprecated #before #variant)
    });
    let rows = values.iter().map(|(value, variant)| {
        let wire = value.name.as_str();
        let cfg = context.cfg(&value.cond);
        let flags = features::flags(&value.features);
        if flags.is_empty() {
            code!(#cfg #variant = #wire)
        } else {
            code!(#cfg #variant = #wire (#(#flags)*))
        }
    });
    vec![
        code! {
            #docs
            #[derive(Clone, Copy)]
            #[non_exhaustive]
            #deprecated
            #custom
            pub enum #name {
                #(#variants,)*
                #[doc = " A value that these bindings do not know."]
                #other(::qmp_runtime::codec::Unrecognized),
            }
        },
        code!(::qmp_runtime::enumeration!(#name, #other, [#(#rows),*]);),
    ]
}

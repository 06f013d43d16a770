//! The types of commands' arguments and events' data.

use qapi_parser::schema::EntityId;

use super::code::{Code, Ident, code};
use super::context::{Context, Place};
use super::docs;
use super::features;
use super::record::Record;

/// What a command or event carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Nothing.
    None,
    /// Members that are listed with it.
    Members(EntityId),
    /// A named type.
    Named(EntityId),
    /// Whatever comes (`gen: false`).
    Anything,
}

impl Payload {
    /// The payload of an argument type.
    pub(crate) fn of(context: &Context<'_>, ty: Option<EntityId>) -> Self {
        match ty {
            None => Payload::None,
            Some(id) if !context.entity(id).implicit => Payload::Named(id),
            Some(id) if context.members(id).is_empty() => Payload::None,
            Some(id) => Payload::Members(id),
        }
    }
}

/// The struct of the command or event `id`, and its table.
pub(crate) fn items(context: &Context<'_>, id: EntityId, payload: Payload) -> Vec<Code> {
    let name = context.name(id);
    let docs = docs::entity(context, id);
    let attributes = features::deprecated(context, id, &context.entity(id).features);
    match payload {
        Payload::None => Record::empty(name, docs, attributes).items(),
        Payload::Members(ty) => {
            Record::of(context, (ty, id), Place::Beside, name, docs, attributes).items()
        }
        Payload::Named(ty) => {
            let default = context.has_default(ty);
            wrapper(
                &name,
                &docs::attributes(&docs),
                &attributes,
                &context.ty(ty, Place::Beside),
                default,
            )
        }
        Payload::Anything => {
            let map =
                code!(::qmp_runtime::json::Map<::std::string::String, ::qmp_runtime::json::Value>);
            wrapper(&name, &docs::attributes(&docs), &attributes, &map, true)
        }
    }
}

fn wrapper(
    name: &Ident,
    docs: &Code,
    attributes: &Code,
    inner: &Code,
    has_default: bool,
) -> Vec<Code> {
    let default = has_default.then(|| code!(, Default));
    vec![
        code! {
            #docs
            #[derive(Clone #default)]
            #attributes
            pub struct #name(#[doc = " The members."] pub #inner);
        },
        code!(::qmp_runtime::wrapper!(#name, #inner);),
    ]
}

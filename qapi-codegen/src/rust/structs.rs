//! Structs, and the part of a union that does not depend on its tag.

use qapi_parser::schema::EntityId;

use super::code::{Code, code};
use super::context::{Context, Place};
use super::record::Record;
use super::{docs, features};

/// A struct or union as a Rust struct.
pub(crate) fn items(context: &Context<'_>, id: EntityId) -> Vec<Code> {
    let deprecated = features::deprecated(context, id, &context.entity(id).features);
    let custom = context.attributes(id);
    let attributes = code!(#deprecated #custom);
    let docs = docs::entity(context, id);
    Record::of(
        context,
        (id, id),
        Place::Types,
        context.name(id),
        docs,
        attributes,
    )
    .items()
}

//! Events: the type of the data, with what the schema says of the event.

use qapi_parser::schema::{EntityId, Event};

use super::arguments::{self, Payload};
use super::code::{Code, code};
use super::context::Context;
use super::features;

/// An event's type and its `Event` implementation.
pub(crate) fn items(context: &Context<'_>, id: EntityId, event: &Event) -> Vec<Code> {
    let payload = Payload::of(context, event.arg_type);
    let mut items = arguments::items(context, id, payload);
    let entity = context.entity(id);
    let name = context.name(id);
    let wire = entity.name.as_str();
    let data = (payload != Payload::None).then(|| code!(.data()));
    let features = features::info(context, &entity.features);
    items.push(code! {
        impl ::qmp_runtime::Event for #name {
            const INFO: ::qmp_runtime::EventInfo = ::qmp_runtime::EventInfo::new(#wire) #data #features;
        }
    });
    items
}

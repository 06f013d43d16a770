//! Documentation comments: in full, and what they say of an entity in short.

use qapi_parser::doc::{Description, Doc, Section, SectionKind};
use qapi_parser::schema::{Entity, EntityId, EntityKind, Member, Schema};
use serde_json::{Map, Value, json};

use super::parts::keys;
use super::place::Places;

/// All of them, as they stand in the files, an included file at the place of its directive.
pub(super) fn all(schema: &Schema, places: &Places<'_>) -> Value {
    let mut free = schema.free_docs().iter().peekable();
    let mut out = Vec::new();
    for at in 0..=schema.entities().len() {
        while let Some(one) = free.next_if(|one| one.before <= at) {
            out.push(in_full(places, &one.doc, &[]));
        }
        let entity = schema.entities().get(at);
        out.extend(entity.and_then(|entity| {
            let doc = entity.doc.as_ref()?;
            Some(in_full(places, doc, &undocumented(schema, entity, doc)))
        }));
    }
    Value::Array(out)
}

/// What is not described has an empty text.
fn in_full(places: &Places<'_>, doc: &Doc, undocumented: &[&str]) -> Value {
    let mut out = keys(json!({ "symbol": doc.symbol.as_deref() }));
    out.extend(keys(places.of(doc.span)));
    let mut arguments = texts(&doc.members);
    let stubs = undocumented.iter();
    arguments.extend(stubs.map(|name| ((*name).to_owned(), json!(""))));
    let section = |one: &Section| json!({ "kind": kind(one.kind), "text": one.text.as_str() });
    out.extend(keys(json!({
        "body": doc.body.as_str(),
        "args": arguments,
        "features": texts(&doc.features),
        "sections": doc.sections.iter().map(section).collect::<Value>(),
    })));
    Value::Object(out)
}

fn texts(descriptions: &[Description]) -> Map<String, Value> {
    let text = |one: &Description| (one.name.to_string(), json!(one.text.as_str()));
    descriptions.iter().map(text).collect()
}

/// What an entity's comment describes and what it does not; null without one.
pub(super) fn summary(schema: &Schema, places: &Places<'_>, entity: &Entity) -> Value {
    let Some(doc) = &entity.doc else {
        return Value::Null;
    };
    let mut out = keys(places.of(doc.span));
    let sections = doc.sections.iter().map(|one| kind(one.kind));
    out.extend(keys(json!({
        "members": names(&doc.members),
        "undocumented": undocumented(schema, entity, doc),
        "features": names(&doc.features),
        "sections": sections.collect::<Vec<_>>(),
    })));
    Value::Object(out)
}

fn names(descriptions: &[Description]) -> Vec<&str> {
    descriptions.iter().map(|one| one.name.as_str()).collect()
}

fn undocumented<'s>(schema: &'s Schema, entity: &'s Entity, doc: &Doc) -> Vec<&'s str> {
    let parts = described_parts(schema, entity).into_iter();
    parts.filter(|name| doc.member(name).is_none()).collect()
}

/// The members, values, arguments or alternatives that its own comment is to describe.
fn described_parts<'s>(schema: &'s Schema, entity: &'s Entity) -> Vec<&'s str> {
    match &entity.kind {
        EntityKind::Enum(of) => of.members.iter().map(|one| one.name.as_str()).collect(),
        EntityKind::Struct(of) => own_members(&of.local_members),
        EntityKind::Union(of) => written_in_place(schema, Some(of.base)),
        EntityKind::Alternate(of) => {
            let names = of.alternatives.iter().map(|one| one.name.as_str());
            names.collect()
        }
        EntityKind::Command(of) => written_in_place(schema, of.arg_type),
        EntityKind::Event(of) => written_in_place(schema, of.arg_type),
        EntityKind::Builtin(_) | EntityKind::Array { .. } => Vec::new(),
    }
}

/// The members of a type without a definition of its own, which its user describes.
fn written_in_place(schema: &Schema, id: Option<EntityId>) -> Vec<&str> {
    let entity = id.map(|id| schema.entity(id));
    match entity.map(|entity| (entity.implicit, &entity.kind)) {
        Some((true, EntityKind::Struct(of))) => own_members(&of.local_members),
        _ => Vec::new(),
    }
}

fn own_members(members: &[Member]) -> Vec<&str> {
    members.iter().map(|one| one.name.as_str()).collect()
}

fn kind(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Plain => "Plain",
        SectionKind::Todo => "Todo",
        other => other.as_str(),
    }
}

//! Comments that leave something out, where QEMU lets it pass.

use foldhash::{HashSet, HashSetExt as _};

use crate::diagnostic::{Code, Diagnostic};
use crate::doc::Doc;
use crate::schema::{Entity, EntityId, EntityKind, Member, Schema};
use crate::source::Span;

use super::{keyword, place, warning};

/// Definitions with a comment, and it.
fn documented(schema: &Schema) -> impl Iterator<Item = (&Entity, &Doc)> {
    let entities = schema.entities().iter().filter(|entity| !entity.implicit);
    entities.filter_map(|entity| Some((entity, entity.doc.as_deref()?)))
}

/// Documented definitions without a `Since:` section.
pub(super) fn since(schema: &Schema) -> Vec<Diagnostic> {
    let missing = documented(schema).filter(|(_, doc)| doc.since().is_none());
    missing
        .filter_map(|(entity, doc)| {
            let kind = keyword(entity);
            let message = format!("{kind} '{}' does not say since when", entity.name);
            let span = doc.span.or_else(|| place(entity))?.at_start();
            let help = "add a line '# Since: VERSION' to the comment";
            Some(warning(Code::MissingSince, message, span).help(help))
        })
        .collect()
}

/// Members, values and branches that the comment of their definition does not describe.
pub(super) fn undocumented(schema: &Schema) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (entity, doc) in documented(schema) {
        let mut described = HashSet::new();
        described.extend(doc.members.iter().map(|one| one.name.as_str()));
        for (name, span) in parts(schema, entity) {
            if let Some(span) = span.filter(|_| !described.contains(name)) {
                let message = format!("'{name}' of '{}' is not described", entity.name);
                let help = format!("add a line '# @{name}: …' to the comment");
                found.push(warning(Code::UndocumentedMember, message, span).help(help));
            }
        }
    }
    found
}

/// The names that a definition writes down itself, members of bases and types elsewhere left out.
fn parts<'s>(schema: &'s Schema, entity: &'s Entity) -> Vec<(&'s str, Option<Span>)> {
    let named = |member: &'s Member| (member.name.as_str(), member.span);
    let own = |id: Option<EntityId>| match id.map(|id| schema.entity(id)) {
        Some(Entity {
            implicit: true,
            kind: EntityKind::Struct(it),
            ..
        }) => it.local_members.iter().map(named).collect(),
        _ => Vec::new(),
    };
    match &entity.kind {
        EntityKind::Enum(it) => {
            let values = it.members.iter();
            values.map(|one| (one.name.as_str(), one.span)).collect()
        }
        EntityKind::Struct(it) => it.local_members.iter().map(named).collect(),
        EntityKind::Union(it) => own(Some(it.base)),
        EntityKind::Alternate(it) => {
            let all = it.alternatives.iter();
            all.map(|one| (one.name.as_str(), one.span)).collect()
        }
        EntityKind::Command(it) => own(it.arg_type),
        EntityKind::Event(it) => own(it.arg_type),
        EntityKind::Builtin(_) | EntityKind::Array { .. } => Vec::new(),
    }
}

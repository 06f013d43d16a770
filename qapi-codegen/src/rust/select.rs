//! What is generated: all of a schema, or what is allowed and all that it reaches.

use std::collections::HashSet;

use qapi_parser::schema::{EntityId, EntityKind, Schema};

use super::context::is_type;
use super::references;
use crate::error::Error;
use crate::options::Options;
use crate::pattern::Pattern;

/// What may be selected.
type Kind = (&'static str, fn(&EntityKind) -> bool);

const COMMANDS: Kind = ("command", |kind| matches!(kind, EntityKind::Command(_)));
const EVENTS: Kind = ("event", |kind| matches!(kind, EntityKind::Event(_)));
const TYPES: Kind = ("type", is_type);

/// The entities to be generated, and implicit ones on the way to them.
///
/// # Errors
/// A pattern matches nothing.
pub(crate) fn reached(schema: &Schema, options: &Options) -> Result<HashSet<EntityId>, Error> {
    let mut reached = HashSet::new();
    let mut left = roots(schema, options)?;
    while let Some(id) = left.pop() {
        // What a type of the user's own needs is the user's affair.
        let entity = schema.entity(id);
        let is_external = options
            .extern_types
            .iter()
            .any(|(name, _)| *name == entity.name);
        if reached.insert(id) && !(is_external && is_type(&entity.kind)) {
            let targets = references::of(entity, schema, &options.conditions);
            left.extend(targets.into_iter().map(|(_, target)| target));
        }
    }
    Ok(reached)
}

fn roots(schema: &Schema, options: &Options) -> Result<Vec<EntityId>, Error> {
    let selection = &options.selection;
    let kinds = [
        (COMMANDS, &selection.commands),
        (EVENTS, &selection.events),
        (TYPES, &selection.types),
    ];
    let all = kinds.iter().all(|(_, patterns)| patterns.is_none());
    let mut roots = Vec::new();
    for (kind, patterns) in kinds {
        let candidates = candidates(schema, options, kind);
        match patterns {
            None if all => roots.extend(candidates.into_iter().map(|(id, _)| id)),
            None => {}
            Some(patterns) => {
                for pattern in patterns {
                    roots.extend(matching(pattern, kind, &candidates)?);
                }
            }
        }
    }
    Ok(roots)
}

/// The entities that the schema itself names.
fn candidates<'s>(schema: &'s Schema, options: &Options, kind: Kind) -> Vec<(EntityId, &'s str)> {
    let (_, is_kind) = kind;
    let named = (0_u32..).zip(schema.entities()).filter(|(_, entity)| {
        let kept = options.conditions.hold(&entity.cond);
        kept && !entity.implicit && entity.span.is_some() && is_kind(&entity.kind)
    });
    named
        .map(|(index, entity)| (EntityId(index), entity.name.as_str()))
        .collect()
}

fn matching(
    pattern: &Pattern,
    (kind, _): Kind,
    candidates: &[(EntityId, &str)],
) -> Result<Vec<EntityId>, Error> {
    let found = candidates.iter().filter(|(_, name)| pattern.matches(name));
    let found: Vec<EntityId> = found.map(|&(id, _)| id).collect();
    if found.is_empty() {
        return Err(no_match(
            kind,
            pattern,
            candidates.iter().map(|&(_, name)| name),
        ));
    }
    Ok(found)
}

/// The error for a pattern that is of no use.
pub(crate) fn no_match<'n>(
    kind: &str,
    pattern: &Pattern,
    names: impl Iterator<Item = &'n str>,
) -> Error {
    let near = pattern.suggestions(names);
    let help = if near.is_empty() {
        String::new()
    } else {
        format!("; there are '{}'", near.join("', '"))
    };
    Error::config(format!("no {kind} matches '{pattern}'{help}"))
}

//! Which entities refer to which, apart from what the conditions leave out.

use std::collections::HashSet;

use qapi_parser::schema::{Entity, EntityId, EntityKind, Member, Schema};

use crate::error::Error;
use crate::options::Conditions;

/// Checks that nothing that is generated refers to something that is left out.
///
/// # Errors
/// The conditions of the schema contradict each other under these options.
pub(crate) fn check(
    schema: &Schema,
    conditions: &Conditions,
    reached: &HashSet<EntityId>,
) -> Result<(), Error> {
    let all = (0_u32..).zip(schema.entities());
    let kept = all.filter(|(index, entity)| {
        let generated = reached.contains(&EntityId(*index)) && !entity.implicit;
        generated && conditions.hold(&entity.cond)
    });
    for (_, entity) in kept {
        for (member, target) in of(entity, schema, conditions) {
            let target = schema.entity(target);
            if !conditions.hold(&target.cond) {
                return Err(left_out(entity, member, target));
            }
        }
    }
    Ok(())
}

fn left_out(entity: &Entity, member: &str, target: &Entity) -> Error {
    let place = if member.is_empty() {
        String::new()
    } else {
        format!(" in '{member}'")
    };
    let (name, target) = (&entity.name, &target.name);
    Error::unsupported(format!(
        "'{name}' is generated and needs '{target}'{place}, which its `if` condition leaves out"
    ))
}

/// What an entity refers to, with the name of the member that does.
pub(crate) fn of<'s>(
    entity: &'s Entity,
    schema: &'s Schema,
    conditions: &Conditions,
) -> Vec<(&'s str, EntityId)> {
    match &entity.kind {
        EntityKind::Builtin(_) | EntityKind::Enum(_) => Vec::new(),
        EntityKind::Array { element } => vec![("", *element)],
        EntityKind::Struct(object) => members(&object.members, conditions),
        EntityKind::Union(union) => {
            let branches = union
                .branches
                .iter()
                .filter(|branch| conditions.hold(&branch.cond));
            let mut found = members(&union.members, conditions);
            found.extend(branches.map(|branch| (branch.case.as_str(), branch.ty)));
            found
        }
        EntityKind::Alternate(alternate) => {
            let kept = alternate
                .alternatives
                .iter()
                .filter(|one| conditions.hold(&one.cond));
            kept.map(|one| (one.name.as_str(), one.ty)).collect()
        }
        EntityKind::Command(command) => {
            let mut found = argument(command.arg_type, schema, conditions);
            found.extend(command.ret_type.map(|ty| ("", ty)));
            found
        }
        EntityKind::Event(event) => argument(event.arg_type, schema, conditions),
    }
}

fn members<'s>(members: &'s [Member], conditions: &Conditions) -> Vec<(&'s str, EntityId)> {
    let kept = members
        .iter()
        .filter(|member| conditions.hold(&member.cond));
    kept.map(|member| (member.name.as_str(), member.ty))
        .collect()
}

/// The members of an implicit type become those of the command or event.
fn argument<'s>(
    ty: Option<EntityId>,
    schema: &'s Schema,
    conditions: &Conditions,
) -> Vec<(&'s str, EntityId)> {
    let Some(id) = ty else { return Vec::new() };
    match &schema.entity(id) {
        Entity {
            implicit: true,
            kind: EntityKind::Struct(object),
            ..
        } => members(&object.members, conditions),
        _ => vec![("", id)],
    }
}

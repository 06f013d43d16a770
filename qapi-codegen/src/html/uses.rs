//! What uses a type: the way back from a type to its users.

use qapi_parser::schema::{Entity, EntityId, EntityKind, Member, Schema};

/// For each entity, what refers to it, in order and once.
pub(super) fn of_all(schema: &Schema, is_shown: &dyn Fn(EntityId) -> bool) -> Vec<Vec<EntityId>> {
    let mut users = vec![Vec::new(); schema.entities().len()];
    for (id, entity) in (0..).map(EntityId).zip(schema.entities()) {
        if is_shown(id) {
            let mut note = |used: EntityId| add(schema, &mut users, used, id);
            references(schema, entity, &mut note);
        }
    }
    users
}

fn add(schema: &Schema, users: &mut [Vec<EntityId>], used: EntityId, user: EntityId) {
    let used = element(schema, used);
    if let Some(list) = users.get_mut(used.0 as usize)
        && list.last() != Some(&user)
    {
        list.push(user);
    }
}

/// The type itself, or the innermost element of an array.
pub(super) fn element(schema: &Schema, mut id: EntityId) -> EntityId {
    while let EntityKind::Array { element } = schema.entity(id).kind {
        id = element;
    }
    id
}

/// The types that a definition names.
fn references(schema: &Schema, entity: &Entity, note: &mut dyn FnMut(EntityId)) {
    match &entity.kind {
        EntityKind::Struct(of) => {
            of.base.into_iter().for_each(&mut *note);
            members(&of.local_members, note);
        }
        EntityKind::Union(of) => {
            in_place_or_named(schema, of.base, note);
            of.branches.iter().for_each(|branch| note(branch.ty));
        }
        EntityKind::Alternate(of) => of.alternatives.iter().for_each(|one| note(one.ty)),
        EntityKind::Command(of) => {
            if let Some(id) = of.arg_type {
                in_place_or_named(schema, id, note);
            }
            of.ret_type.into_iter().for_each(note);
        }
        EntityKind::Event(of) => {
            if let Some(id) = of.arg_type {
                in_place_or_named(schema, id, note);
            }
        }
        EntityKind::Builtin(_) | EntityKind::Enum(_) | EntityKind::Array { .. } => {}
    }
}

/// A named type, or what an unnamed one refers to.
fn in_place_or_named(schema: &Schema, id: EntityId, note: &mut dyn FnMut(EntityId)) {
    match schema.entity(id) {
        Entity {
            implicit: true,
            kind: EntityKind::Struct(of),
            ..
        } => members(&of.local_members, note),
        _ => note(id),
    }
}

fn members(members: &[Member], note: &mut dyn FnMut(EntityId)) {
    members.iter().for_each(|member| note(member.ty));
}

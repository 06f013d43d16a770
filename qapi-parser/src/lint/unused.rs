//! Types that no command and no event leads to.

use crate::diagnostic::{Code, Diagnostic};
use crate::schema::{EntityId, EntityKind, Schema};

use super::{keyword, place, warning};

/// Nothing is unused in a schema without commands and events: it is there for its types.
pub(super) fn run(schema: &Schema) -> Vec<Diagnostic> {
    let mut reached = vec![false; schema.entities().len()];
    let mut stack: Vec<EntityId> = Vec::new();
    for (entity, at) in schema.entities().iter().zip(0..) {
        if matches!(entity.kind, EntityKind::Command(_) | EntityKind::Event(_)) {
            stack.push(EntityId(at));
        }
    }
    if stack.is_empty() {
        return Vec::new();
    }
    while let Some(id) = stack.pop() {
        let Some(seen) = reached.get_mut(id.0 as usize) else {
            continue;
        };
        if !std::mem::replace(seen, true) {
            stack.extend(uses(schema, id));
        }
    }
    let unused = schema.entities().iter().zip(reached);
    let unused = unused.filter(|(_, reached)| !reached);
    unused
        .filter_map(|(entity, _)| {
            let kind = keyword(entity);
            let message = format!("{kind} '{}' is not used", entity.name);
            let problem = warning(Code::UnusedType, message, place(entity)?.at_start());
            Some(problem.help("no command and no event leads to it"))
        })
        .collect()
}

/// The types that an entity names.
fn uses(schema: &Schema, id: EntityId) -> Vec<EntityId> {
    match &schema.entity(id).kind {
        EntityKind::Builtin(_) | EntityKind::Enum(_) => Vec::new(),
        EntityKind::Array { element } => vec![*element],
        EntityKind::Struct(it) => {
            let members = it.members.iter().map(|member| member.ty);
            members.chain(it.base).collect()
        }
        EntityKind::Union(it) => {
            let members = it.members.iter().map(|member| member.ty);
            let branches = it.branches.iter().map(|branch| branch.ty);
            members.chain(branches).chain([it.base]).collect()
        }
        EntityKind::Alternate(it) => it.alternatives.iter().map(|one| one.ty).collect(),
        EntityKind::Command(it) => it.arg_type.into_iter().chain(it.ret_type).collect(),
        EntityKind::Event(it) => it.arg_type.into_iter().collect(),
    }
}

//! Whether every type has a value that ends.
//!
//! A type is decoded into a blank value, made of empty strings, zeros, absent members, and of nothing in
//! unions and alternates. Required members are blank themselves, so they must not lead back to their type.

use std::collections::HashSet;

use qapi_parser::schema::{EntityId, EntityKind, Member, Schema};

use crate::error::Error;
use crate::options::Conditions;

/// Checks the types that are generated.
///
/// # Errors
/// A type has no finite value.
pub(crate) fn check(
    schema: &Schema,
    conditions: &Conditions,
    reached: &HashSet<EntityId>,
) -> Result<(), Error> {
    let finder = Finder { schema, conditions };
    let mut finite = HashSet::new();
    let ids = (0_u32..schema.entities().len() as u32).map(EntityId);
    for id in ids.filter(|id| reached.contains(id)) {
        finder.check(id, &mut finite)?;
    }
    Ok(())
}

struct Finder<'f> {
    schema: &'f Schema,
    conditions: &'f Conditions,
}

impl<'f> Finder<'f> {
    /// Goes down the required members with a stack of its own: a long chain of types must not overflow
    /// ours.
    fn check(&self, root: EntityId, finite: &mut HashSet<EntityId>) -> Result<(), Error> {
        let mut stack = vec![(root, self.required(root).into_iter())];
        let mut open = HashSet::from([root]);
        while let Some((id, members)) = stack.last_mut() {
            match members.next() {
                Some(member) if open.contains(&member.ty) => {
                    return Err(infinite(self.schema, *id, member));
                }
                Some(member) if finite.contains(&member.ty) => {}
                Some(member) => {
                    open.insert(member.ty);
                    stack.push((member.ty, self.required(member.ty).into_iter()));
                }
                None => {
                    open.remove(id);
                    finite.insert(*id);
                    stack.pop();
                }
            }
        }
        Ok(())
    }

    fn required(&self, id: EntityId) -> Vec<&'f Member> {
        let (members, tag) = match &self.schema.entity(id).kind {
            EntityKind::Struct(object) => (object.members.as_slice(), None),
            EntityKind::Union(union) => (union.members.as_slice(), Some(union.tag)),
            _ => (&[][..], None),
        };
        let kept = members.iter().enumerate().filter(|&(index, member)| {
            let held = Some(index) != tag && !member.optional;
            held && self.conditions.hold(&member.cond)
        });
        kept.map(|(_, member)| member).collect()
    }
}

fn infinite(schema: &Schema, id: EntityId, member: &Member) -> Error {
    let name = &schema.entity(id).name;
    Error::unsupported(format!(
        "no value of '{name}' is finite: its required member '{}' leads back to it; make it optional or an array",
        member.name
    ))
}

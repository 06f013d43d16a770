//! Which value a type is decoded into.
//!
//! Every type needs a finite one, made of empty strings, zeros and absent members. A union is blank
//! in one of its branches, an alternate in one of its alternatives: here is decided in which.

use std::collections::{HashMap, HashSet};

use qapi_parser::schema::{EntityId, EntityKind, Member, Schema};

use crate::error::Error;
use crate::options::Conditions;

/// The depth of the blank value of each type that has one, and what unions and alternates choose.
#[derive(Debug, Default)]
pub(crate) struct Blanks {
    depth: HashMap<EntityId, usize>,
    choice: HashMap<EntityId, usize>,
}

impl Blanks {
    /// Finds them, from types that need no other up.
    ///
    /// # Errors
    /// A type has no finite value.
    pub(crate) fn find(
        schema: &Schema,
        conditions: &Conditions,
        reached: &HashSet<EntityId>,
    ) -> Result<Self, Error> {
        let mut blanks = Blanks::default();
        let kept = (0_u32..)
            .zip(schema.entities())
            .filter(|(_, entity)| conditions.hold(&entity.cond));
        let mut left: Vec<EntityId> = kept.map(|(index, _)| EntityId(index)).collect();
        // A round uses only what earlier rounds found, so that a choice never depends on itself.
        loop {
            let finder = Finder {
                schema,
                conditions,
                known: &blanks,
            };
            let found: Vec<_> = left
                .iter()
                .filter_map(|&id| Some((id, finder.find(id)?)))
                .collect();
            if found.is_empty() {
                break;
            }
            for (id, (depth, choice)) in found {
                blanks.depth.insert(id, depth);
                blanks.choice.extend(choice.map(|choice| (id, choice)));
            }
            left.retain(|id| !blanks.depth.contains_key(id));
        }
        match left.iter().find(|id| reached.contains(id)) {
            None => Ok(blanks),
            Some(&id) => Err(infinite(schema, conditions, id, &blanks)),
        }
    }

    /// The index of the branch or alternative that a blank value has.
    pub(crate) fn choice(&self, id: EntityId) -> usize {
        self.choice.get(&id).copied().unwrap_or_default()
    }
}

struct Finder<'f> {
    schema: &'f Schema,
    conditions: &'f Conditions,
    known: &'f Blanks,
}

impl Finder<'_> {
    fn find(&self, id: EntityId) -> Option<(usize, Option<usize>)> {
        match &self.schema.entity(id).kind {
            EntityKind::Struct(object) => Some((self.members(&object.members)? + 1, None)),
            EntityKind::Union(union) => {
                let branches = union
                    .branches
                    .iter()
                    .map(|branch| (branch.ty, &branch.cond));
                // Without a branch, the value is none that can be met.
                let (depth, choice) = match self.shallowest(branches) {
                    Some((depth, choice)) => (depth, Some(choice)),
                    None if union
                        .branches
                        .iter()
                        .any(|branch| self.conditions.hold(&branch.cond)) =>
                    {
                        return None;
                    }
                    None => (0, None),
                };
                let common: Vec<&Member> = union
                    .members
                    .iter()
                    .enumerate()
                    .filter(|&(index, _)| index != union.tag)
                    .map(|(_, m)| m)
                    .collect();
                Some((depth.max(self.members(common)?) + 1, choice))
            }
            EntityKind::Alternate(alternate) => {
                let alternatives = alternate.alternatives.iter().map(|one| (one.ty, &one.cond));
                let (depth, choice) = self.shallowest(alternatives)?;
                Some((depth + 1, Some(choice)))
            }
            _ => Some((0, None)),
        }
    }

    fn members<'m>(&self, members: impl IntoIterator<Item = &'m Member>) -> Option<usize> {
        let required = members
            .into_iter()
            .filter(|member| !member.optional && self.conditions.hold(&member.cond));
        required
            .map(|member| self.known.depth.get(&member.ty).copied())
            .try_fold(0, |max, depth| Some(max.max(depth?)))
    }

    /// The first of those with the least depth.
    fn shallowest<'c>(
        &self,
        types: impl Iterator<Item = (EntityId, &'c qapi_parser::schema::Cond)>,
    ) -> Option<(usize, usize)> {
        let kept = types
            .enumerate()
            .filter(|(_, (_, cond))| self.conditions.hold(cond));
        let known = kept.filter_map(|(index, (ty, _))| Some((*self.known.depth.get(&ty)?, index)));
        known.min()
    }
}

fn infinite(schema: &Schema, conditions: &Conditions, id: EntityId, known: &Blanks) -> Error {
    let entity = schema.entity(id);
    let members = match &entity.kind {
        EntityKind::Struct(object) => object.members.as_slice(),
        EntityKind::Union(union) => union.members.as_slice(),
        _ => &[],
    };
    let culprit = members.iter().find(|member| {
        !member.optional && conditions.hold(&member.cond) && !known.depth.contains_key(&member.ty)
    });
    let name = &entity.name;
    Error::unsupported(match culprit {
        Some(member) => format!(
            "no value of '{name}' is finite: its required member '{}' leads back to it; make it optional or an array",
            member.name
        ),
        None => format!("no value of '{name}' is finite: every choice leads back to it"),
    })
}

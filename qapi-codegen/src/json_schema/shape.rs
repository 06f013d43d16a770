//! Objects with their bases and branches taken apart.

use qapi_parser::schema::{EntityId, EntityKind, Member};

use super::Export;

/// One form that an object can have.
#[derive(Debug, Clone)]
pub(super) struct Shape<'s> {
    /// The members, each with the type in which, or in a base of which, it is described.
    pub(super) members: Vec<(EntityId, &'s Member)>,
    /// The tags, by name, with the values that they have in this form.
    pub(super) tags: Vec<(&'s str, Vec<&'s str>)>,
}

impl<'s> Export<'s> {
    /// The forms of an object: one for a struct; for a union one for each branch, those without
    /// members of their own in one. There are no more than the branches of all unions on the way, for a
    /// branch has one type.
    pub(super) fn shapes(&self, id: EntityId) -> Vec<Shape<'s>> {
        match &self.schema.entity(id).kind {
            EntityKind::Struct(object) => vec![Shape {
                members: self.kept(id, &object.members),
                tags: Vec::new(),
            }],
            EntityKind::Union(union) => {
                let common = self.kept(id, &union.members);
                let tag = union.members[union.tag].name.as_str();
                let mut shapes: Vec<Shape<'s>> = Vec::new();
                let mut bare = Vec::new();
                let branches = union.branches.iter();
                for branch in branches.filter(|one| self.options.conditions.hold(&one.cond)) {
                    for inner in self.shapes(branch.ty) {
                        if inner.members.is_empty() {
                            bare.push(branch.case.as_str());
                            continue;
                        }
                        let mut members = common.clone();
                        members.extend(inner.members);
                        let mut tags = vec![(tag, vec![branch.case.as_str()])];
                        tags.extend(inner.tags);
                        shapes.push(Shape { members, tags });
                    }
                }
                if !bare.is_empty() {
                    shapes.push(Shape {
                        members: common,
                        tags: vec![(tag, bare)],
                    });
                }
                shapes
            }
            _ => Vec::new(),
        }
    }

    fn kept(&self, owner: EntityId, members: &'s [Member]) -> Vec<(EntityId, &'s Member)> {
        let holds = |one: &&Member| self.options.conditions.hold(&one.cond);
        let kept = members.iter().filter(holds);
        kept.map(|one| (owner, one)).collect()
    }
}

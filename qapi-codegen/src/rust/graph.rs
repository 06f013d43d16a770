//! Which types hold which by value, and where a box has to break a cycle.

use std::collections::{HashMap, HashSet};

use qapi_parser::schema::{EntityId, EntityKind, Member, Schema};

use crate::options::Conditions;

/// How a type holds another one, in the order in which boxes are preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Hold {
    /// As one alternative of an alternate.
    Alternative,
    /// As an optional member.
    Optional,
    /// As the members of one branch of a union.
    Branch,
    /// As a required member.
    Required,
}

impl Hold {
    /// How a member holds its type.
    pub(crate) fn of(member: &Member) -> Self {
        if member.optional {
            Hold::Optional
        } else {
            Hold::Required
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    from: EntityId,
    to: EntityId,
    hold: Hold,
}

/// The places that need a box.
#[derive(Debug, Default)]
pub(crate) struct Boxes {
    places: HashSet<(EntityId, EntityId, Hold)>,
}

impl Boxes {
    /// Finds them: in each cycle, the kind of place is boxed that comes first in [`Hold`], then the
    /// next kind where cycles are left.
    pub(crate) fn find(schema: &Schema, conditions: &Conditions) -> Self {
        let mut edges = edges(schema, conditions);
        let mut places = HashSet::new();
        for hold in [
            Hold::Alternative,
            Hold::Optional,
            Hold::Branch,
            Hold::Required,
        ] {
            let component = components(&edges);
            edges.retain(|edge| {
                let cut = edge.hold == hold && component.in_cycle(edge);
                if cut {
                    places.insert((edge.from, edge.to, edge.hold));
                }
                !cut
            });
        }
        Boxes { places }
    }

    /// Adds a place.
    pub(crate) fn add(&mut self, from: EntityId, to: EntityId, hold: Hold) {
        self.places.insert((from, to, hold));
    }

    /// Whether `from` has to hold `to` in a box at such places.
    pub(crate) fn contain(&self, from: EntityId, to: EntityId, hold: Hold) -> bool {
        self.places.contains(&(from, to, hold))
    }
}

fn edges(schema: &Schema, conditions: &Conditions) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (index, entity) in (0_u32..).zip(schema.entities()) {
        let from = EntityId(index);
        let mut add = |to: EntityId, hold| {
            let kind = &schema.entity(to).kind;
            if matches!(
                kind,
                EntityKind::Struct(_) | EntityKind::Union(_) | EntityKind::Alternate(_)
            ) {
                edges.push(Edge { from, to, hold });
            }
        };
        let mut add_members = |members: &[Member]| {
            for member in members
                .iter()
                .filter(|member| conditions.hold(&member.cond))
            {
                add(member.ty, Hold::of(member));
            }
        };
        match &entity.kind {
            EntityKind::Struct(object) => add_members(&object.members),
            EntityKind::Union(union) => {
                add_members(&union.members);
                for branch in union
                    .branches
                    .iter()
                    .filter(|branch| conditions.hold(&branch.cond))
                {
                    add(branch.ty, Hold::Branch);
                }
            }
            EntityKind::Alternate(alternate) => {
                for one in alternate
                    .alternatives
                    .iter()
                    .filter(|one| conditions.hold(&one.cond))
                {
                    add(one.ty, Hold::Alternative);
                }
            }
            _ => {}
        }
    }
    edges
}

/// The number of the strongly connected component of each type.
struct Components {
    number: HashMap<EntityId, usize>,
}

impl Components {
    fn in_cycle(&self, edge: &Edge) -> bool {
        self.number.get(&edge.from) == self.number.get(&edge.to)
    }
}

/// Kosaraju's algorithm with explicit stacks: a long chain of types must not overflow ours.
fn components(edges: &[Edge]) -> Components {
    let mut forward: HashMap<EntityId, Vec<EntityId>> = HashMap::new();
    let mut backward: HashMap<EntityId, Vec<EntityId>> = HashMap::new();
    for edge in edges {
        forward.entry(edge.from).or_default().push(edge.to);
        backward.entry(edge.to).or_default().push(edge.from);
    }
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    for edge in edges {
        finish_order(edge.from, &forward, &mut seen, &mut order);
    }
    let mut number = HashMap::new();
    for (component, &root) in order.iter().rev().enumerate() {
        let mut stack = vec![root];
        while let Some(node) = stack.pop() {
            if let std::collections::hash_map::Entry::Vacant(place) = number.entry(node) {
                place.insert(component);
                stack.extend(backward.get(&node).into_iter().flatten());
            }
        }
    }
    Components { number }
}

fn finish_order(
    root: EntityId,
    forward: &HashMap<EntityId, Vec<EntityId>>,
    seen: &mut HashSet<EntityId>,
    order: &mut Vec<EntityId>,
) {
    if !seen.insert(root) {
        return;
    }
    let successors = |node| forward.get(&node).map_or(&[][..], Vec::as_slice).iter();
    let mut stack = vec![(root, successors(root))];
    while let Some((node, rest)) = stack.last_mut() {
        match rest.next() {
            Some(&next) => {
                if seen.insert(next) {
                    stack.push((next, successors(next)));
                }
            }
            None => {
                order.push(*node);
                stack.pop();
            }
        }
    }
}

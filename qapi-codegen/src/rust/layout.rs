//! How large the generated types are, near enough to decide what goes into boxes.
//!
//! The sizes are those of a machine of 64 bits. Rust may do a little better, by packing the number of a
//! variant into what a value leaves free; it is not to be relied upon, so it is not counted.

use std::collections::{HashMap, HashSet};

use qapi_parser::schema::{Builtin, EntityId, EntityKind, Member, Schema};

use super::graph::{Boxes, Hold};
use crate::options::{Conditions, Options};

/// What is larger than this, in bytes, is boxed in the branches and optional members of unions and in
/// alternates. A union has all of its members besides, so it may have twice the size.
const HEAVY: usize = 64;

/// The size of a word, a pointer, and a box.
const WORD: usize = 8;

/// The space that a value takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Layout {
    size: usize,
    align: usize,
    /// Whether `Option` of it needs no more.
    has_niche: bool,
}

const POINTER: Layout = Layout {
    size: WORD,
    align: WORD,
    has_niche: true,
};
/// `String`, `Vec`.
const VECTOR: Layout = Layout {
    size: 3 * WORD,
    align: WORD,
    has_niche: true,
};
/// `qmp_runtime::json::Value`.
const VALUE: Layout = Layout {
    size: 9 * WORD,
    align: WORD,
    has_niche: true,
};
/// An enumeration: the number of the variant, or that of an unknown value.
const ENUM: Layout = Layout {
    size: 4,
    align: 2,
    has_niche: true,
};
/// What the variants of unions and alternates hold for what is unknown.
const UNRECOGNIZED: Layout = Layout {
    size: 2 * WORD,
    align: WORD,
    has_niche: false,
};

/// Adds the branches, optional members and alternatives that are heavy to the places that need a box.
pub(crate) fn box_heavy(schema: &Schema, options: &Options, boxes: &mut Boxes) {
    let externals = options.extern_types.iter().map(|(name, _)| name.as_str());
    let mut measure = Measure {
        schema,
        conditions: &options.conditions,
        externals: externals.collect(),
        boxes,
        known: HashMap::new(),
    };
    for index in 0..schema.entities().len() as u32 {
        measure.settle(EntityId(index));
    }
}

struct Measure<'m> {
    schema: &'m Schema,
    conditions: &'m Conditions,
    externals: HashSet<&'m str>,
    boxes: &'m mut Boxes,
    known: HashMap<EntityId, Layout>,
}

impl Measure<'_> {
    /// Measures a type after those that it holds, with a stack of its own: a long chain of types must not
    /// overflow ours.
    fn settle(&mut self, root: EntityId) {
        let mut open = HashSet::new();
        let mut stack = vec![root];
        while let Some(&id) = stack.last() {
            if !self.known.contains_key(&id) && open.insert(id) {
                let known = &self.known;
                let held = held(self.schema, id).into_iter();
                stack.extend(held.filter(|ty| !known.contains_key(ty) && !open.contains(ty)));
                continue;
            }
            stack.pop();
            if !self.known.contains_key(&id) {
                let layout = self.measured(id);
                self.known.insert(id, layout);
            }
        }
    }

    /// The layout of a type that is held and not boxed: it is known by then.
    fn of(&self, id: EntityId) -> Layout {
        self.known.get(&id).copied().unwrap_or_default()
    }

    fn measured(&mut self, id: EntityId) -> Layout {
        let schema = self.schema;
        let entity = schema.entity(id);
        match &entity.kind {
            _ if self.externals.contains(entity.name.as_str()) => VECTOR,
            EntityKind::Builtin(builtin) => scalar(*builtin),
            EntityKind::Enum(_) => ENUM,
            EntityKind::Array { .. } => VECTOR,
            EntityKind::Struct(object) => self.record(id, &object.members, None),
            EntityKind::Union(union) => {
                let branches = union.branches.iter();
                let kept = branches.filter(|branch| self.conditions.hold(&branch.cond));
                let types: Vec<EntityId> = kept.map(|branch| branch.ty).collect();
                let choice = self.choice(id, &types, Hold::Branch);
                self.record(id, &union.members, Some((union.tag, choice)))
            }
            EntityKind::Alternate(alternate) => {
                let all = alternate.alternatives.iter();
                let kept = all.filter(|one| self.conditions.hold(&one.cond));
                let types: Vec<EntityId> = kept.map(|one| one.ty).collect();
                self.choice(id, &types, Hold::Alternative)
            }
            EntityKind::Command(_) | EntityKind::Event(_) => Layout::default(),
        }
    }

    /// An enum with a variant for each type; boxes what is heavy.
    fn choice(&mut self, id: EntityId, types: &[EntityId], hold: Hold) -> Layout {
        let mut largest = UNRECOGNIZED;
        for &ty in types {
            let mut layout = POINTER;
            if !self.boxes.contain(id, ty, hold) {
                layout = self.of(ty);
                if layout.size > HEAVY {
                    self.boxes.add(id, ty, hold);
                    layout = POINTER;
                }
            }
            largest.size = largest.size.max(layout.size);
        }
        let size = largest.size.next_multiple_of(WORD) + WORD;
        Layout {
            size,
            align: WORD,
            has_niche: true,
        }
    }

    /// A struct, whose fields Rust lays out without gaps but at the end.
    fn record(&mut self, id: EntityId, members: &[Member], tag: Option<(usize, Layout)>) -> Layout {
        let mut whole = Layout {
            align: 1,
            ..Layout::default()
        };
        for (index, member) in members.iter().enumerate() {
            if !self.conditions.hold(&member.cond) {
                continue;
            }
            let field = match tag {
                Some((tag, choice)) if tag == index => choice,
                _ => self.member(id, member, tag.is_some()),
            };
            whole.size += field.size;
            whole.align = whole.align.max(field.align);
            whole.has_niche |= field.has_niche;
        }
        whole.size = whole.size.next_multiple_of(whole.align);
        whole
    }

    fn member(&mut self, id: EntityId, member: &Member, is_union: bool) -> Layout {
        let hold = Hold::of(member);
        let open = !self.boxes.contain(id, member.ty, hold);
        if is_union && member.optional && open && self.of(member.ty).size > HEAVY {
            self.boxes.add(id, member.ty, hold);
        }
        let layout = if self.boxes.contain(id, member.ty, hold) {
            POINTER
        } else {
            self.of(member.ty)
        };
        if !member.optional || layout.has_niche {
            return layout;
        }
        Layout {
            size: layout.size + layout.align,
            has_niche: true,
            ..layout
        }
    }
}

/// The types of members, branches and alternatives.
fn held(schema: &Schema, id: EntityId) -> Vec<EntityId> {
    let of_members = |members: &[Member]| members.iter().map(|one| one.ty).collect();
    match &schema.entity(id).kind {
        EntityKind::Struct(object) => of_members(&object.members),
        EntityKind::Union(union) => {
            let mut types: Vec<EntityId> = of_members(&union.members);
            types.extend(union.branches.iter().map(|one| one.ty));
            types
        }
        EntityKind::Alternate(alternate) => {
            let all = alternate.alternatives.iter();
            all.map(|one| one.ty).collect()
        }
        _ => Vec::new(),
    }
}

fn scalar(builtin: Builtin) -> Layout {
    let number = |size| Layout {
        size,
        align: size,
        has_niche: false,
    };
    match builtin {
        Builtin::Str => VECTOR,
        Builtin::Bool => Layout {
            has_niche: true,
            ..number(1)
        },
        Builtin::Int8 | Builtin::Uint8 => number(1),
        Builtin::Int16 | Builtin::Uint16 => number(2),
        Builtin::Int32 | Builtin::Uint32 => number(4),
        Builtin::Null => Layout {
            align: 1,
            ..Layout::default()
        },
        Builtin::Any => VALUE,
        Builtin::Number | Builtin::Int | Builtin::Int64 | Builtin::Uint64 | Builtin::Size => {
            number(8)
        }
    }
}

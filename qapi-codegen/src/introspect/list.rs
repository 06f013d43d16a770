//! The walk: which types are used, in which order, and what they are called.

use std::collections::{HashMap, HashSet};

use qapi_parser::Schema;
use qapi_parser::schema::{Builtin, EntityId, EntityKind};
use serde_json::Value;

use super::Options;
use super::entry;

/// The predefined object type without members.
const EMPTY: &str = "q_empty";

/// The list in the making.
pub(super) struct List<'s> {
    pub(super) schema: &'s Schema,
    pub(super) options: &'s Options,
    /// The types met so far, in order; entries are made of them one after the other.
    used: Vec<Type>,
    known: HashSet<Type>,
    numbers: HashMap<EntityId, usize>,
}

/// A type as clients see it: all integers are the same to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Type {
    /// `int`, whatever its range.
    Int,
    /// An array of them.
    IntArray,
    /// Any other.
    Entity(EntityId),
}

impl<'s> List<'s> {
    pub(super) fn new(schema: &'s Schema, options: &'s Options) -> Self {
        List {
            schema,
            options,
            used: Vec::new(),
            known: HashSet::new(),
            numbers: HashMap::new(),
        }
    }

    pub(super) fn into_entries(mut self, wanted: &dyn Fn(EntityId) -> bool) -> Vec<Value> {
        let mut entries = Vec::new();
        // By module: what a file defines in front of an include directive comes before what it includes.
        let all = (0_u32..).zip(self.schema.entities());
        let heads = all.filter(|(index, entity)| is_head(&entity.kind) && wanted(EntityId(*index)));
        let mut heads: Vec<_> = heads.map(|(_, entity)| entity).collect();
        heads.sort_by_key(|entity| entity.module);
        for entity in heads {
            entries.extend(entry::of_entity(&mut self, entity));
        }
        let mut next = 0;
        while let Some(&ty) = self.used.get(next) {
            next += 1;
            entries.extend(entry::of_type(&mut self, ty));
        }
        entries
    }

    /// Notes the use of a type; what it is called.
    pub(super) fn reference(&mut self, id: EntityId) -> String {
        let ty = self.as_seen(id);
        self.note(ty);
        match (ty, &self.schema.entity(id).kind) {
            (Type::Int, _) => "int".to_owned(),
            (Type::IntArray, _) => {
                self.note(Type::Int);
                "[int]".to_owned()
            }
            (_, EntityKind::Builtin(_)) => self.schema.entity(id).name.to_string(),
            (_, EntityKind::Array { element }) => format!("[{}]", self.reference(*element)),
            _ => self.name(id),
        }
    }

    /// Notes the use of arguments or a result: the empty object where there are none.
    pub(super) fn payload(&mut self, id: Option<EntityId>) -> String {
        match id.or_else(|| self.schema.find(EMPTY)) {
            Some(id) => self.reference(id),
            None => EMPTY.to_owned(),
        }
    }

    fn note(&mut self, ty: Type) {
        if self.known.insert(ty) {
            self.used.push(ty);
        }
    }

    fn as_seen(&self, id: EntityId) -> Type {
        match self.schema.entity(id).kind {
            EntityKind::Builtin(builtin) if is_integer(builtin) => Type::Int,
            EntityKind::Array { element } if self.as_seen(element) == Type::Int => Type::IntArray,
            _ => Type::Entity(id),
        }
    }

    /// The name or number of a type that is not predefined.
    pub(super) fn name(&mut self, id: EntityId) -> String {
        if self.options.unmasked {
            return self.schema.entity(id).name.to_string();
        }
        let next = self.numbers.len();
        self.numbers.entry(id).or_insert(next).to_string()
    }
}

fn is_head(kind: &EntityKind) -> bool {
    matches!(kind, EntityKind::Command(_) | EntityKind::Event(_))
}

fn is_integer(builtin: Builtin) -> bool {
    !matches!(
        builtin,
        Builtin::Str | Builtin::Number | Builtin::Bool | Builtin::Null | Builtin::Any
    )
}

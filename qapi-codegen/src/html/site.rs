//! What all pages know: where everything is, and what refers to what.

use std::cell::OnceCell;
use std::collections::HashSet;

use qapi_parser::schema::{Cond, Entity, EntityId, EntityKind, Feature, ModuleId, Schema};

use super::Options;
use super::kind::Kind;
use super::members;
use super::page::{self, Page};
use super::uses;
use crate::options::Conditions;

/// The overview.
pub(super) const INDEX: &str = "index.html";
/// All names.
pub(super) const NAMES: &str = "names.html";
/// The predefined types.
pub(super) const PREDEFINED: &str = "predefined.html";

/// So many members of other types are shown in the place of their users, over all pages. It takes a
/// schema made for the purpose to have more: what they add grows as the square of the schema.
const ROWS_IN_PLACE: usize = 50_000;

/// The module of the root file; the first one has what is predefined.
const ROOT: ModuleId = ModuleId(1);

/// A schema on its way to pages.
#[derive(Debug)]
pub(super) struct Site<'s> {
    schema: &'s Schema,
    conditions: &'s Conditions,
    title: String,
    pages: Vec<Page>,
    /// What the root file says, if it defines nothing.
    front: Option<Page>,
    /// The page of each module.
    page_of: Vec<Option<usize>>,
    users: Vec<Vec<EntityId>>,
    /// Whether an entity has members of other types shown with it.
    is_whole: Vec<bool>,
    /// The names that have rows under the anchor of an entity, once somebody asks.
    members: Vec<OnceCell<HashSet<String>>>,
}

impl<'s> Site<'s> {
    pub(super) fn new(schema: &'s Schema, options: &'s Options) -> Self {
        let is_shown = |id: EntityId| {
            let entity = schema.entity(id);
            let is_defined = !entity.implicit && Kind::of(&entity.kind).is_some();
            is_defined && options.conditions.hold(&entity.cond)
        };
        let mut page_of = vec![None; schema.modules().len()];
        let mut pages = Vec::new();
        let mut front = None;
        for (module, page) in page::all(schema, &is_shown) {
            if module == ROOT && page.definitions().next().is_none() {
                front = Some(page);
                continue;
            }
            page_of[module.0 as usize] = Some(pages.len());
            pages.push(page);
        }
        Site {
            schema,
            conditions: &options.conditions,
            title: options.title.clone().unwrap_or_else(|| title(schema)),
            pages,
            front,
            page_of,
            users: uses::of_all(schema, &is_shown),
            is_whole: is_whole(schema),
            members: schema.entities().iter().map(|_| OnceCell::new()).collect(),
        }
    }

    pub(super) fn schema(&self) -> &'s Schema {
        self.schema
    }

    pub(super) fn entity(&self, id: EntityId) -> &'s Entity {
        self.schema.entity(id)
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    pub(super) fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// What the root file says, if it defines nothing.
    pub(super) fn front(&self) -> Option<&Page> {
        self.front.as_ref()
    }

    pub(super) fn users(&self, id: EntityId) -> &[EntityId] {
        self.users.get(id.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether a name has a row under the anchor of a definition.
    pub(super) fn has_member(&self, id: EntityId, name: &str) -> bool {
        let names = self.members.get(id.0 as usize);
        let all = || {
            let names = members::names(self, id);
            names.into_iter().map(str::to_owned).collect::<HashSet<_>>()
        };
        let names = names.map(|names| names.get_or_init(all));
        names.is_some_and(|names| names.contains(name))
    }

    pub(super) fn is_whole(&self, id: EntityId) -> bool {
        self.is_whole.get(id.0 as usize) == Some(&true)
    }

    pub(super) fn keeps(&self, cond: &Cond) -> bool {
        self.conditions.hold(cond)
    }

    /// Whether conditions are of interest to the reader.
    pub(super) fn tells_conditions(&self) -> bool {
        *self.conditions == Conditions::Keep
    }

    pub(super) fn has_feature(&self, features: &[Feature], name: &str) -> bool {
        let mut kept = features.iter().filter(|one| self.keeps(&one.cond));
        kept.any(|one| one.name == name)
    }

    /// The kind of what has a place of its own.
    pub(super) fn kind(&self, id: EntityId) -> Option<Kind> {
        let entity = self.entity(id);
        let kind = Kind::of(&entity.kind).filter(|_| !entity.implicit)?;
        self.keeps(&entity.cond).then_some(kind)
    }

    /// The anchor of a definition on its page.
    pub(super) fn anchor(&self, id: EntityId) -> Option<String> {
        let kind = self.kind(id)?;
        Some(format!("{}-{}", kind.anchor(), self.entity(id).name))
    }

    /// The address of a definition, as seen from a page.
    pub(super) fn address(&self, id: EntityId, from: &str) -> Option<String> {
        let anchor = self.anchor(id)?;
        let module = self.entity(id).module.0 as usize;
        let page = self
            .pages
            .get(self.page_of.get(module).copied().flatten()?)?;
        Some(if page.file == from {
            format!("#{anchor}")
        } else {
            format!("{}#{anchor}", page.file)
        })
    }

    /// The definition of this name, if it has a place.
    pub(super) fn find(&self, name: &str) -> Option<EntityId> {
        let id = self.schema.find(name)?;
        self.kind(id).map(|_| id)
    }
}

fn title(schema: &Schema) -> String {
    let root = schema.modules().get(1).map_or("", |root| &root.name);
    match root.trim_end_matches(".json") {
        "" | "qapi-schema" => "QAPI reference".to_owned(),
        name => format!("{name} reference"),
    }
}

/// Hands out the rows, in order, as long as there are any.
fn is_whole(schema: &Schema) -> Vec<bool> {
    let mut left = ROWS_IN_PLACE;
    let size = |id: EntityId| match &schema.entity(id).kind {
        EntityKind::Struct(of) => of.members.len(),
        EntityKind::Union(of) => of.members.len(),
        _ => 0,
    };
    let cost = |entity: &Entity| match &entity.kind {
        EntityKind::Struct(of) => of.members.len() - of.local_members.len(),
        EntityKind::Union(of) => {
            let branches = of.branches.iter().map(|branch| size(branch.ty));
            branches.sum::<usize>() + of.members.len()
        }
        EntityKind::Command(of) => of.arg_type.map_or(0, size),
        EntityKind::Event(of) => of.arg_type.map_or(0, size),
        _ => 0,
    };
    let entities = schema.entities().iter();
    let take = |entity: &Entity| match left.checked_sub(cost(entity)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    entities.map(take).collect()
}

//! Types by what goes over the wire.

use std::collections::VecDeque;

use foldhash::HashSet;

use crate::schema::{Cond, EntityId, EntityKind, Feature, Schema};
use crate::source::Span;

use super::report::{Change, ChangeKind, Impact, Side};
use super::{knows_unstable, warns};

/// Which way a value goes, seen from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Flow {
    /// From the client to the server: arguments.
    Sent,
    /// From the server to the client: returns and events.
    Taken,
}

/// Where a difference is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: String,
    old: Option<Span>,
    new: Option<Span>,
}

impl Place {
    pub(super) fn root(name: &str, old: Option<Span>, new: Option<Span>) -> Place {
        let path = name.to_owned();
        Place { path, old, new }
    }

    /// Something inside.
    pub(super) fn member(&self, name: &str, old: Option<Span>, new: Option<Span>) -> Place {
        let path = format!("{}.{name}", self.path);
        Place { path, old, new }
    }

    fn elements(&self) -> Place {
        let path = format!("{}[]", self.path);
        Place { path, ..*self }
    }

    /// The same in the branch for a value.
    pub(super) fn case(&self, value: &str) -> Place {
        let path = format!("{}({value})", self.path);
        Place { path, ..*self }
    }

    /// The same at these places.
    pub(super) fn at(&self, old: Option<Span>, new: Option<Span>) -> Place {
        let path = self.path.clone();
        Place { path, old, new }
    }
}

/// Two types that are to be compared.
#[derive(Debug)]
struct Pair {
    old: EntityId,
    new: EntityId,
    flow: Flow,
    place: Place,
    lenient: bool,
}

/// Walks over two schemas at once.
#[derive(Debug)]
pub(super) struct Comparer<'s> {
    pub(super) old: &'s Schema,
    pub(super) new: &'s Schema,
    pub(super) changes: Vec<Change>,
    /// Whether names with `x-` mark what is unstable in the old schema.
    by_name: bool,
    /// Whether the command or event at hand was marked as deprecated or unstable.
    pub(super) lenient: bool,
    pending: VecDeque<Pair>,
    /// The pairs of types that have been compared, so that each is reported where it is met first.
    /// Those in what clients were warned of count apart, as they weigh less.
    seen: HashSet<(EntityId, EntityId, Flow, bool)>,
}

impl<'s> Comparer<'s> {
    pub(super) fn new(old: &'s Schema, new: &'s Schema) -> Comparer<'s> {
        Comparer {
            old,
            new,
            by_name: !knows_unstable(old),
            changes: Vec::new(),
            lenient: false,
            pending: VecDeque::new(),
            seen: HashSet::default(),
        }
    }

    pub(super) fn change(
        &mut self,
        kind: ChangeKind,
        impact: Impact,
        side: Side,
        place: &Place,
        message: String,
    ) {
        let impact = match self.lenient {
            true => impact.min(Impact::Risky),
            false => impact,
        };
        self.changes.push(Change {
            kind,
            impact,
            side,
            path: place.path.clone(),
            message,
            old: place.old,
            new: place.new,
        });
    }

    /// Whether clients have been told not to count on something in the old schema.
    pub(super) fn is_warned(&self, name: &str, features: &[Feature]) -> bool {
        let by_name = self.by_name && (name.starts_with("x-") || name.starts_with("x_"));
        by_name || features.iter().any(warns)
    }

    /// `warned` tells whether clients have been told before not to count on what is at `place`.
    pub(super) fn features(
        &mut self,
        old: &[Feature],
        new: &[Feature],
        warned: bool,
        place: &Place,
    ) {
        let has = |list: &[Feature], name: &str| list.iter().any(|one| one.name == name);
        for one in old.iter().filter(|one| !has(new, &one.name)) {
            let name = &one.name;
            let (impact, message) = match warns(one) {
                true => (Impact::Compatible, format!("is no longer marked as {name}")),
                false => (
                    Impact::Risky,
                    format!("feature '{name}' is gone: clients that look for it do without"),
                ),
            };
            self.change(
                ChangeKind::FeatureRemoved,
                impact,
                Side::Client,
                place,
                message,
            );
        }
        let told = |one: &&Feature| warned && one.name == "unstable";
        let added = new.iter().filter(|one| !has(old, &one.name));
        for one in added.filter(|one| !told(one)) {
            let name = &one.name;
            let (kind, impact, message) = match name.as_str() {
                "deprecated" => (
                    ChangeKind::Deprecated,
                    Impact::Compatible,
                    "is deprecated now: clients should do without".to_owned(),
                ),
                "unstable" => (
                    ChangeKind::Deprecated,
                    Impact::Risky,
                    "is declared unstable now: it may change at any time".to_owned(),
                ),
                _ => (
                    ChangeKind::FeatureAdded,
                    Impact::Compatible,
                    format!("feature '{name}' is new"),
                ),
            };
            self.change(kind, impact, Side::Client, place, message);
        }
    }

    pub(super) fn condition(&mut self, old: &Cond, new: &Cond, place: &Place) {
        let (impact, message) = match (old, new) {
            _ if old == new => return,
            (_, Cond::Always) => (Impact::Compatible, "exists without a condition now"),
            (Cond::Always, _) => (Impact::Risky, "exists only under a condition now"),
            _ => (Impact::Risky, "exists under another condition now"),
        };
        let kind = ChangeKind::ConditionChanged;
        self.change(kind, impact, Side::Client, place, message.to_owned());
    }

    /// Two types in the same place: their turn comes in [`Comparer::settle`], as a chain of types
    /// may be longer than the stack is deep.
    pub(super) fn types(&mut self, old: EntityId, new: EntityId, flow: Flow, place: &Place) {
        self.pending.push_back(Pair {
            old,
            new,
            flow,
            place: place.clone(),
            lenient: self.lenient,
        });
    }

    /// Compares all that is pending, and what comes of it.
    pub(super) fn settle(&mut self) {
        while let Some(pair) = self.pending.pop_front() {
            self.lenient = pair.lenient;
            self.pair(pair.old, pair.new, pair.flow, &pair.place);
        }
        self.lenient = false;
    }

    fn pair(&mut self, old: EntityId, new: EntityId, flow: Flow, place: &Place) {
        let (a, b) = (&self.old.entity(old).kind, &self.new.entity(new).kind);
        if let (EntityKind::Array { element: a }, EntityKind::Array { element: b }) = (a, b) {
            return self.types(*a, *b, flow, &place.elements());
        }
        if !self.seen.insert((old, new, flow, self.lenient)) {
            return;
        }
        match (a, b) {
            (EntityKind::Enum(a), EntityKind::Enum(b)) => self.enums(a, b, flow, place),
            (EntityKind::Alternate(a), EntityKind::Alternate(b)) => {
                self.alternates(a, b, flow, place);
            }
            (
                EntityKind::Struct(_) | EntityKind::Union(_),
                EntityKind::Struct(_) | EntityKind::Union(_),
            ) => self.object(Some(old), Some(new), flow, place),
            _ => self.other_types(old, new, flow, place),
        }
    }

    /// Arguments or data, where none is an object without members.
    pub(super) fn objects(
        &mut self,
        old: Option<EntityId>,
        new: Option<EntityId>,
        flow: Flow,
        place: &Place,
    ) {
        match (old, new) {
            (None, None) => {}
            (Some(a), Some(b)) => self.types(a, b, flow, place),
            _ => self.object(old, new, flow, place),
        }
    }

    /// Returns of which one is nothing, which is an empty object on the wire.
    pub(super) fn objects_or_change(
        &mut self,
        old: Option<EntityId>,
        new: Option<EntityId>,
        place: &Place,
    ) {
        let is_object = |schema: &Schema, id: Option<EntityId>| {
            let kind = id.map(|id| &schema.entity(id).kind);
            matches!(
                kind,
                None | Some(EntityKind::Struct(_) | EntityKind::Union(_))
            )
        };
        if is_object(self.old, old) && is_object(self.new, new) {
            return self.objects(old, new, Flow::Taken, place);
        }
        let message = "returns something of another JSON type than before".to_owned();
        self.change(
            ChangeKind::TypeChanged,
            Impact::Breaking,
            Side::Client,
            place,
            message,
        );
    }
}

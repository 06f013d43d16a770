//! Enumerations, branches, alternatives and scalars.

use foldhash::{HashMap, HashMapExt as _, HashSet};

use crate::schema::{
    Alternate, Branch, Builtin, EntityId, EntityKind, Enum, EnumMember, Schema, Union,
};

use super::commands::{after, warned};
use super::report::{ChangeKind, Impact, Side};
use super::types::{Comparer, Flow, Place};

/// What a scalar or other type can be on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wire {
    /// An integer in this range.
    Integer(i128, i128),
    Number,
    Text,
    /// One of some texts.
    Value,
    Bool,
    Null,
    Array,
    Object,
    /// Several of these.
    Several,
    Any,
}

fn wire(kind: &EntityKind) -> Wire {
    let signed = |bits: u32| Wire::Integer(-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
    let unsigned = |bits: u32| Wire::Integer(0, (1 << bits) - 1);
    match kind {
        EntityKind::Builtin(builtin) => match builtin {
            Builtin::Str => Wire::Text,
            Builtin::Number => Wire::Number,
            Builtin::Int8 => signed(8),
            Builtin::Int16 => signed(16),
            Builtin::Int32 => signed(32),
            Builtin::Int | Builtin::Int64 => signed(64),
            Builtin::Uint8 => unsigned(8),
            Builtin::Uint16 => unsigned(16),
            Builtin::Uint32 => unsigned(32),
            Builtin::Uint64 | Builtin::Size => unsigned(64),
            Builtin::Bool => Wire::Bool,
            Builtin::Null => Wire::Null,
            Builtin::Any => Wire::Any,
        },
        EntityKind::Enum(_) => Wire::Value,
        EntityKind::Array { .. } => Wire::Array,
        EntityKind::Alternate(_) => Wire::Several,
        _ => Wire::Object,
    }
}

/// How the values of one type relate to those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    /// More values of the same sort.
    Wider,
    /// Values of further sorts.
    Opened,
    Narrower,
    /// Other integers.
    Shifted,
    /// No more values of some sorts.
    Closed,
    Other,
}

fn relation(old: Wire, new: Wire) -> Relation {
    match (old, new) {
        _ if old == new => Relation::Same,
        (Wire::Integer(a, b), Wire::Integer(c, d)) => match (c <= a && b <= d, a <= c && d <= b) {
            (true, _) => Relation::Wider,
            (_, true) => Relation::Narrower,
            _ => Relation::Shifted,
        },
        (Wire::Integer(..), Wire::Number) | (Wire::Value, Wire::Text) => Relation::Wider,
        (Wire::Number, Wire::Integer(..)) | (Wire::Text, Wire::Value) => Relation::Closed,
        (_, Wire::Any) => Relation::Opened,
        (Wire::Any, _) => Relation::Closed,
        _ => Relation::Other,
    }
}

/// Whether two types are of one JSON type.
fn is_alike(schema: &Schema, id: EntityId, other_schema: &Schema, other: EntityId) -> bool {
    let sort = |wire| match wire {
        Wire::Integer(..) => Wire::Number,
        Wire::Value => Wire::Text,
        other => other,
    };
    let (a, b) = (
        wire(&schema.entity(id).kind),
        wire(&other_schema.entity(other).kind),
    );
    sort(a) == sort(b)
}

impl Comparer<'_> {
    pub(super) fn enums(&mut self, old: &Enum, new: &Enum, flow: Flow, place: &Place) {
        let in_new = by_name(new);
        for a in &old.members {
            let at = place.case(&a.name).at(a.span, None);
            match in_new.get(a.name.as_str()) {
                Some(b) => {
                    let at = at.at(a.span, b.span);
                    let warned = self.is_warned(&a.name, &a.features);
                    self.features(&a.features, &b.features, warned, &at);
                    self.condition(&a.cond, &b.cond, &at);
                }
                None => {
                    let impact = warned(self.is_warned(&a.name, &a.features));
                    let (impact, message) = match flow {
                        Flow::Sent => (impact, "the value is gone: commands that give it fail"),
                        Flow::Taken => (Impact::Compatible, "the value never comes any more"),
                    };
                    let message = format!("{message}{}", after(impact));
                    self.change(ChangeKind::ValueRemoved, impact, Side::Client, &at, message);
                }
            }
        }
        let in_old = by_name(old);
        let added = new.members.iter();
        for b in added.filter(|b| !in_old.contains_key(b.name.as_str())) {
            let at = place.case(&b.name).at(None, b.span);
            let (impact, message) = match flow {
                Flow::Sent => (Impact::Compatible, "the value is new"),
                Flow::Taken => (Impact::Risky, "the value is new: clients must bear with it"),
            };
            let message = message.to_owned();
            self.change(ChangeKind::ValueAdded, impact, Side::Client, &at, message);
        }
    }

    /// The branches of two objects that may be unions, without members that have moved out of them
    /// or into them. Branches of values that come or go are no news: the value is.
    pub(super) fn variants(
        &mut self,
        (old, new): (Option<&Union>, Option<&Union>),
        moved: &HashSet<&str>,
        flow: Flow,
        place: &Place,
    ) {
        let tag = |it: &Union| it.members.get(it.tag).map(|member| member.name.clone());
        if let (Some(a), Some(b)) = (old, new)
            && tag(a) != tag(b)
        {
            let message = "the branch is chosen by another member".to_owned();
            let kind = ChangeKind::BranchChanged;
            return self.change(kind, Impact::Breaking, Side::Client, place, message);
        }
        let (before, now) = (branches(old), branches(new));
        for a in old.map_or(&[][..], |it| &it.branches) {
            let b = now.get(a.case.as_str());
            if b.is_some() || new.is_none() {
                let at = place.case(&a.case).at(a.span, b.and_then(|b| b.span));
                self.branches((Some(a.ty), b.map(|b| b.ty)), moved, flow, &at);
            }
        }
        for b in new.map_or(&[][..], |it| &it.branches) {
            if old.is_none() && !before.contains_key(b.case.as_str()) {
                let at = place.case(&b.case).at(None, b.span);
                self.branches((None, Some(b.ty)), moved, flow, &at);
            }
        }
    }

    fn branches(
        &mut self,
        (old, new): (Option<EntityId>, Option<EntityId>),
        moved: &HashSet<&str>,
        flow: Flow,
        place: &Place,
    ) {
        match moved.is_empty() {
            true => self.objects(old, new, flow, place),
            false => self.object_without(moved, (old, new), flow, place),
        }
    }

    /// The names of alternatives do not go over the wire; their JSON types tell them apart.
    pub(super) fn alternates(
        &mut self,
        old: &Alternate,
        new: &Alternate,
        flow: Flow,
        place: &Place,
    ) {
        let (old_schema, new_schema) = (self.old, self.new);
        for a in &old.alternatives {
            let mut found = new.alternatives.iter();
            let found = found.find(|b| is_alike(old_schema, a.ty, new_schema, b.ty));
            let at = place.case(&a.name);
            if let Some(b) = found {
                self.types(a.ty, b.ty, flow, &at.at(a.span, b.span));
                continue;
            }
            let (impact, message) = match flow {
                Flow::Sent => (Impact::Breaking, "the alternative is gone"),
                Flow::Taken => (Impact::Compatible, "the alternative never comes any more"),
            };
            let (kind, at) = (ChangeKind::AlternativeRemoved, at.at(a.span, None));
            self.change(kind, impact, Side::Client, &at, message.to_owned());
        }
        for b in &new.alternatives {
            let known = |a: &EntityId| is_alike(old_schema, *a, new_schema, b.ty);
            if old.alternatives.iter().map(|a| a.ty).any(|a| known(&a)) {
                continue;
            }
            let (impact, message) = match flow {
                Flow::Sent => (Impact::Compatible, "the alternative is new"),
                Flow::Taken => (
                    Impact::Breaking,
                    "the alternative is new: clients do not know it",
                ),
            };
            let (kind, at) = (
                ChangeKind::AlternativeAdded,
                place.case(&b.name).at(None, b.span),
            );
            self.change(kind, impact, Side::Client, &at, message.to_owned());
        }
    }

    /// Two types that are not both of one structured kind.
    pub(super) fn other_types(&mut self, old: EntityId, new: EntityId, flow: Flow, place: &Place) {
        let (a, b) = (self.old.entity(old), self.new.entity(new));
        let relation = match (&a.kind, &b.kind) {
            (EntityKind::Alternate(it), other) if wire(other) != Wire::Any => {
                let (from, to) = (self.old, self.new);
                let mut all = it.alternatives.iter();
                match all.find(|one| is_alike(from, one.ty, to, new)) {
                    Some(one) => {
                        self.types(one.ty, new, flow, place);
                        Relation::Closed
                    }
                    None => Relation::Other,
                }
            }
            (other, EntityKind::Alternate(it)) if wire(other) != Wire::Any => {
                let (from, to) = (self.old, self.new);
                let mut all = it.alternatives.iter();
                match all.find(|one| is_alike(from, old, to, one.ty)) {
                    Some(one) => {
                        self.types(old, one.ty, flow, place);
                        Relation::Opened
                    }
                    None => Relation::Other,
                }
            }
            (a, b) => relation(wire(a), wire(b)),
        };
        let names = format!("from '{}' to '{}'", shown(&a.name), shown(&b.name));
        self.related(relation, &names, flow, place);
    }

    fn related(&mut self, relation: Relation, names: &str, flow: Flow, place: &Place) {
        let (kind, impact, what) = match (relation, flow) {
            (Relation::Same, _) => return,
            (Relation::Wider | Relation::Opened, Flow::Sent) => {
                (ChangeKind::TypeWidened, Impact::Compatible, "more is taken")
            }
            (Relation::Wider, Flow::Taken) => {
                (ChangeKind::TypeWidened, Impact::Risky, "more may come")
            }
            (Relation::Opened, Flow::Taken) => (
                ChangeKind::TypeWidened,
                Impact::Breaking,
                "something of another JSON type may come",
            ),
            (Relation::Narrower, Flow::Sent) => (
                ChangeKind::TypeNarrowed,
                Impact::Risky,
                "large values are refused",
            ),
            (Relation::Shifted, Flow::Sent) => (
                ChangeKind::TypeNarrowed,
                Impact::Risky,
                "some integers are refused",
            ),
            (Relation::Shifted, Flow::Taken) => (
                ChangeKind::TypeChanged,
                Impact::Risky,
                "other integers may come",
            ),
            (Relation::Closed, Flow::Sent) => {
                (ChangeKind::TypeNarrowed, Impact::Breaking, "less is taken")
            }
            (Relation::Narrower | Relation::Closed, Flow::Taken) => {
                (ChangeKind::TypeNarrowed, Impact::Compatible, "less comes")
            }
            (Relation::Other, _) => (
                ChangeKind::TypeChanged,
                Impact::Breaking,
                "it is something else on the wire",
            ),
        };
        let message = format!("the type has changed {names}: {what}");
        self.change(kind, impact, Side::Client, place, message);
    }
}

/// Implicit names are not for people.
fn shown(name: &str) -> &str {
    match name.strip_prefix("q_obj_") {
        Some(_) => "an object",
        None => name,
    }
}

fn by_name(all: &Enum) -> HashMap<&str, &EnumMember> {
    let mut found = HashMap::new();
    found.extend(all.members.iter().map(|one| (one.name.as_str(), one)));
    found
}

fn branches(union: Option<&Union>) -> HashMap<&str, &Branch> {
    let mut found = HashMap::new();
    let all = union.map_or(&[][..], |it| &it.branches);
    found.extend(all.iter().map(|one| (one.case.as_str(), one)));
    found
}

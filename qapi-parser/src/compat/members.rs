//! The members of objects.

use foldhash::{HashMap, HashMapExt as _, HashSet};

use crate::schema::{Branch, EntityId, EntityKind, Member, Schema, Union};

use super::commands::{after, warned};
use super::report::{ChangeKind, Impact, Side};
use super::types::{Comparer, Flow, Place};

/// The old and the new object, as far as they are unions.
type Unions<'s> = (Option<&'s Union>, Option<&'s Union>);

impl<'s> Comparer<'s> {
    /// Two objects, either of which may be none: one without members.
    pub(super) fn object(
        &mut self,
        old: Option<EntityId>,
        new: Option<EntityId>,
        flow: Flow,
        place: &Place,
    ) {
        let none = HashSet::default();
        self.object_without(&none, (old, new), flow, place);
    }

    /// Two objects, as far as their members are not called like one of these: they have been
    /// compared.
    pub(super) fn object_without(
        &mut self,
        without: &HashSet<&str>,
        (old, new): (Option<EntityId>, Option<EntityId>),
        flow: Flow,
        place: &Place,
    ) {
        let unions = (union(self.old, old), union(self.new, new));
        let (old_members, new_members) = (members(self.old, old), members(self.new, new));
        let (in_old, in_new) = (by_name(old_members), by_name(new_members));
        let mut moved: HashSet<&str> = HashSet::default();
        let rest = |one: &&'s Member| !without.contains(one.name.as_str());
        for a in old_members.iter().filter(rest) {
            match in_new.get(a.name.as_str()) {
                Some(b) => self.member(a, b, flow, place),
                None if self.moved_into_branches(a, unions, flow, place) => {
                    moved.insert(&a.name);
                }
                None => self.member_removed(a, flow, place),
            }
        }
        let added = new_members.iter().filter(rest);
        for b in added.filter(|b| !in_old.contains_key(b.name.as_str())) {
            if self.moved_out_of_branches(b, unions, flow, place) {
                moved.insert(&b.name);
            } else {
                self.member_added(b, flow, &place.member(&b.name, None, b.span));
            }
        }
        // Commands that do not give a tag which is new fail, whatever is in the branches.
        let tag = unions.1.and_then(|it| it.members.get(it.tag));
        let tag_is_new = tag.is_some_and(|tag| !in_old.contains_key(tag.name.as_str()));
        if unions.0.is_some() || flow == Flow::Taken || !tag_is_new {
            self.variants(unions, &moved, flow, place);
        }
    }

    /// Compares a common member with those that are in its stead in the branches of a union, if
    /// there are any.
    fn moved_into_branches(
        &mut self,
        old: &Member,
        unions: Unions<'s>,
        flow: Flow,
        place: &Place,
    ) -> bool {
        let (before, Some(now)) = unions else {
            return false;
        };
        let found = in_branches(self.new, now, before, &old.name);
        let Some(first) = found.iter().find_map(|(_, member)| *member) else {
            return false;
        };
        if found.iter().any(|(_, member)| member.is_none()) {
            self.member_moved(old, first, flow, place);
            return true;
        }
        for (branch, member) in found {
            let at = place.case(&branch.case);
            member
                .into_iter()
                .for_each(|new| self.member(old, new, flow, &at));
        }
        true
    }

    /// Compares a common member with those that were in its stead in the branches of a union, if
    /// there were any.
    fn moved_out_of_branches(
        &mut self,
        new: &Member,
        unions: Unions<'s>,
        flow: Flow,
        place: &Place,
    ) -> bool {
        let (Some(before), now) = unions else {
            return false;
        };
        let found = in_branches(self.old, before, now, &new.name);
        if found.iter().all(|(_, member)| member.is_none()) {
            return false;
        }
        for (branch, member) in found {
            let at = place.case(&branch.case);
            match member {
                Some(old) => self.member(old, new, flow, &at),
                None => self.member_added(new, flow, &at.member(&new.name, None, new.span)),
            }
        }
        true
    }

    /// A common member that only some branches have now.
    fn member_moved(&mut self, old: &Member, new: &Member, flow: Flow, place: &Place) {
        let impact = match (flow, old.optional) {
            (Flow::Taken, true) => Impact::Compatible,
            _ => warned(self.is_warned(&old.name, &old.features)),
        };
        let message = "the member is there in some branches only".to_owned();
        let at = place.member(&old.name, old.span, new.span);
        let kind = ChangeKind::BecameOptional;
        self.change(kind, impact, Side::Client, &at, message);
        self.types(old.ty, new.ty, flow, &at);
    }

    fn member_removed(&mut self, member: &Member, flow: Flow, place: &Place) {
        let place = &place.member(&member.name, member.span, None);
        let is_warned = self.is_warned(&member.name, &member.features);
        let impact = warned(is_warned);
        let (impact, message) = match flow {
            Flow::Sent => (impact, "the argument is gone: commands that give it fail"),
            Flow::Taken if member.optional => (
                Impact::Risky.min(impact),
                "the member, which could be absent before, is never there",
            ),
            Flow::Taken => (impact, "the member is gone: clients that count on it fail"),
        };
        let marked = match is_warned {
            true => after(Impact::Risky),
            false => "",
        };
        let message = format!("{message}{marked}");
        self.change(
            ChangeKind::MemberRemoved,
            impact,
            Side::Client,
            place,
            message,
        );
    }

    fn member_added(&mut self, member: &Member, flow: Flow, place: &Place) {
        let kind = match member.optional {
            true => ChangeKind::MemberAdded,
            false => ChangeKind::MandatoryMemberAdded,
        };
        let (impact, side, message) = match (flow, member.optional) {
            (Flow::Sent, false) => (
                Impact::Breaking,
                Side::Client,
                "the argument is new and mandatory: commands without it fail",
            ),
            (Flow::Sent, true) => (
                Impact::Compatible,
                Side::Server,
                "the optional argument is new",
            ),
            (Flow::Taken, true) => (
                Impact::Compatible,
                Side::Server,
                "the optional member is new",
            ),
            (Flow::Taken, false) => (
                Impact::Compatible,
                Side::Server,
                "the member is new: servers must give it, clients may ignore it",
            ),
        };
        self.change(kind, impact, side, place, message.to_owned());
    }

    fn member(&mut self, old: &Member, new: &Member, flow: Flow, place: &Place) {
        let place = place.member(&old.name, old.span, new.span);
        let outer = self.lenient;
        let is_warned = self.is_warned(&old.name, &old.features);
        self.lenient |= is_warned;
        let change = match (old.optional, new.optional, flow) {
            (true, false, Flow::Sent) => Some((
                ChangeKind::BecameMandatory,
                Impact::Breaking,
                Side::Client,
                "the argument must be given now: commands without it fail",
            )),
            (true, false, Flow::Taken) => Some((
                ChangeKind::BecameMandatory,
                Impact::Compatible,
                Side::Server,
                "the member is always there now",
            )),
            (false, true, Flow::Sent) => Some((
                ChangeKind::BecameOptional,
                Impact::Compatible,
                Side::Server,
                "the argument may be left out now",
            )),
            (false, true, Flow::Taken) => Some((
                ChangeKind::BecameOptional,
                Impact::Breaking,
                Side::Client,
                "the member may be absent now: clients that count on it fail",
            )),
            _ => None,
        };
        if let Some((kind, impact, side, message)) = change {
            self.change(kind, impact, side, &place, message.to_owned());
        }
        self.features(&old.features, &new.features, is_warned, &place);
        self.condition(&old.cond, &new.cond, &place);
        self.types(old.ty, new.ty, flow, &place);
        self.lenient = outer;
    }
}

/// The union, if it is one.
fn union(schema: &Schema, id: Option<EntityId>) -> Option<&Union> {
    match &schema.entity(id?).kind {
        EntityKind::Union(it) => Some(it),
        _ => None,
    }
}

/// The branches for values that the other union has too, each with its member of this name.
fn in_branches<'s>(
    schema: &'s Schema,
    union: &'s Union,
    other: Option<&Union>,
    name: &str,
) -> Vec<(&'s Branch, Option<&'s Member>)> {
    let is_known = |branch: &&Branch| {
        other.is_none_or(|other| other.branches.iter().any(|one| one.case == branch.case))
    };
    let find = |branch: &'s Branch| {
        let mut all = members(schema, Some(branch.ty)).iter();
        (branch, all.find(|member| member.name == *name))
    };
    union.branches.iter().filter(is_known).map(find).collect()
}

/// The common members of an object type; none for no type.
fn members(schema: &Schema, id: Option<EntityId>) -> &[Member] {
    match id.map(|id| &schema.entity(id).kind) {
        Some(EntityKind::Struct(it)) => &it.members,
        Some(EntityKind::Union(it)) => &it.members,
        _ => &[],
    }
}

fn by_name(members: &[Member]) -> HashMap<&str, &Member> {
    let mut found = HashMap::new();
    found.extend(members.iter().map(|one| (one.name.as_str(), one)));
    found
}

//! The members of objects.

use foldhash::{HashMap, HashMapExt as _};

use crate::schema::{EntityId, EntityKind, Member, Schema, Union};

use super::commands::{after, warned};
use super::is_warned;
use super::report::{ChangeKind, Impact, Side};
use super::types::{Comparer, Flow, Place};

impl<'s> Comparer<'s> {
    /// Two objects, either of which may be none: one without members.
    pub(super) fn object(
        &mut self,
        old: Option<EntityId>,
        new: Option<EntityId>,
        flow: Flow,
        place: &Place,
    ) {
        let union = |schema: &'s Schema, id: Option<EntityId>| match &schema.entity(id?).kind {
            EntityKind::Union(it) => Some(it),
            _ => None,
        };
        let (old_union, new_union) = (union(self.old, old), union(self.new, new));
        let (old_members, new_members) = (members(self.old, old), members(self.new, new));
        let in_new = by_name(new_members);
        for a in old_members {
            if let Some(b) = in_new.get(a.name.as_str()) {
                self.member(a, b, flow, place);
                continue;
            }
            match new_union.and_then(|it| in_branch(self.new, it, &a.name)) {
                Some(b) => self.member_moved(a, b, flow, place),
                None => self.member_removed(a, flow, place),
            }
        }
        let in_old = by_name(old_members);
        let added = new_members.iter();
        for b in added.filter(|b| !in_old.contains_key(b.name.as_str())) {
            let place = place.member(&b.name, None, b.span);
            self.member_added(b, flow, &place);
        }
        self.variants(old_union, new_union, flow, place);
    }

    /// A common member that only some branches have now.
    fn member_moved(&mut self, old: &Member, new: &Member, flow: Flow, place: &Place) {
        let impact = match (flow, old.optional) {
            (Flow::Taken, true) => Impact::Compatible,
            _ => warned(is_warned(&old.features)),
        };
        let message = "the member is there in some branches only".to_owned();
        let at = place.member(&old.name, old.span, new.span);
        let kind = ChangeKind::BecameOptional;
        self.change(kind, impact, Side::Client, &at, message);
        self.types(old.ty, new.ty, flow, &at);
    }

    fn member_removed(&mut self, member: &Member, flow: Flow, place: &Place) {
        let place = &place.member(&member.name, member.span, None);
        let impact = warned(is_warned(&member.features));
        let (impact, message) = match flow {
            Flow::Sent => (impact, "the argument is gone: commands that give it fail"),
            Flow::Taken if member.optional => (
                Impact::Risky.min(impact),
                "the member, which could be absent before, is never there",
            ),
            Flow::Taken => (impact, "the member is gone: clients that count on it fail"),
        };
        let marked = match is_warned(&member.features) {
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
        self.lenient |= is_warned(&old.features);
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
        self.features(&old.features, &new.features, &place);
        self.condition(&old.cond, &new.cond, &place);
        self.types(old.ty, new.ty, flow, &place);
        self.lenient = outer;
    }
}

/// A member of this name in one of the branches.
fn in_branch<'s>(schema: &'s Schema, union: &Union, name: &str) -> Option<&'s Member> {
    let all = union.branches.iter();
    let mut all = all.flat_map(|branch| members(schema, Some(branch.ty)));
    all.find(|member| member.name == name)
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

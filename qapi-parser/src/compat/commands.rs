//! Commands and events.

use foldhash::{HashMap, HashMapExt as _};

use crate::schema::{Command, Entity, EntityKind, Schema};

use super::report::{ChangeKind, Impact, Side};
use super::types::{Comparer, Flow, Place};
use super::{is_command, is_event};

pub(super) fn compare(comparer: &mut Comparer<'_>) {
    let (old, new) = (comparer.old, comparer.new);
    for is in [is_command, is_event] {
        let in_new = by_name(new, is);
        for entity in old.entities().iter().filter(|one| is(one)) {
            match in_new.get(entity.name.as_str()) {
                Some(other) => both(comparer, entity, other),
                None => removed(comparer, entity),
            }
        }
    }
    for is in [is_command, is_event] {
        let in_old = by_name(old, is);
        for entity in new.entities().iter().filter(|one| is(one)) {
            if !in_old.contains_key(entity.name.as_str()) {
                added(comparer, entity);
            }
        }
    }
}

fn by_name(schema: &Schema, is: fn(&Entity) -> bool) -> HashMap<&str, &Entity> {
    let mut found = HashMap::new();
    let all = schema.entities().iter().filter(|one| is(one));
    found.extend(all.map(|one| (one.name.as_str(), one)));
    found
}

fn removed(comparer: &mut Comparer<'_>, entity: &Entity) {
    let place = Place::root(&entity.name, entity.span, None);
    let impact = warned(comparer.is_warned(&entity.name, &entity.features));
    if is_command(entity) {
        let message = format!("the command is gone{}", after(impact));
        comparer.change(
            ChangeKind::CommandRemoved,
            impact,
            Side::Client,
            &place,
            message,
        );
    } else {
        let message = format!("the event is gone: nobody will be told{}", after(impact));
        comparer.change(
            ChangeKind::EventRemoved,
            impact,
            Side::Client,
            &place,
            message,
        );
    }
}

fn added(comparer: &mut Comparer<'_>, entity: &Entity) {
    let place = Place::root(&entity.name, None, entity.span);
    let (kind, message) = match is_command(entity) {
        true => (ChangeKind::CommandAdded, "the command is new"),
        false => (ChangeKind::EventAdded, "the event is new"),
    };
    comparer.change(
        kind,
        Impact::Compatible,
        Side::Server,
        &place,
        message.to_owned(),
    );
}

/// What was marked as deprecated or unstable may go.
pub(super) fn warned(warned: bool) -> Impact {
    match warned {
        true => Impact::Risky,
        false => Impact::Breaking,
    }
}

/// What to add to a message about something that goes.
pub(super) fn after(impact: Impact) -> &'static str {
    match impact {
        Impact::Risky => "; it was marked as deprecated or unstable",
        _ => "",
    }
}

fn both(comparer: &mut Comparer<'_>, old: &Entity, new: &Entity) {
    let place = Place::root(&old.name, old.span, new.span);
    comparer.lenient = comparer.is_warned(&old.name, &old.features);
    comparer.features(&old.features, &new.features, comparer.lenient, &place);
    comparer.condition(&old.cond, &new.cond, &place);
    match (&old.kind, &new.kind) {
        (EntityKind::Command(a), EntityKind::Command(b)) => {
            flags(comparer, a, b, &place);
            if a.generate && b.generate {
                let arguments = place.member("arguments", old.span, new.span);
                comparer.objects(a.arg_type, b.arg_type, Flow::Sent, &arguments);
            }
            let returns = place.member("returns", old.span, new.span);
            returned(comparer, a, b, &returns);
        }
        (EntityKind::Event(a), EntityKind::Event(b)) => {
            let data = place.member("data", old.span, new.span);
            comparer.objects(a.arg_type, b.arg_type, Flow::Taken, &data);
        }
        _ => {}
    }
    comparer.settle();
}

fn returned(comparer: &mut Comparer<'_>, old: &Command, new: &Command, place: &Place) {
    match (old.ret_type, new.ret_type) {
        (Some(a), Some(b)) => comparer.types(a, b, Flow::Taken, place),
        // Nothing is an empty object on the wire.
        (a, b) => comparer.objects_or_change(a, b, place),
    }
}

fn flags(comparer: &mut Comparer<'_>, old: &Command, new: &Command, place: &Place) {
    let flags = [
        ("allow-oob", old.allow_oob, new.allow_oob),
        ("allow-preconfig", old.allow_preconfig, new.allow_preconfig),
        (
            "success-response",
            old.success_response,
            new.success_response,
        ),
    ];
    for (name, before, now) in flags {
        let (impact, message) = match (before, now) {
            (true, false) => (Impact::Breaking, format!("'{name}' no longer holds")),
            (false, true) => (Impact::Compatible, format!("'{name}' holds now")),
            _ => continue,
        };
        comparer.change(
            ChangeKind::FlagChanged,
            impact,
            Side::Client,
            place,
            message,
        );
    }
}

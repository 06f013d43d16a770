//! Records: objects with named members, the last of which may depend on a tag.

use super::encode::{members, write};
use super::{AnyJson, Decoder, Object, Record, RecordMut, View};
use crate::error::QmpError;
use crate::json::{NodeId, Writer};

/// What there is to say of a member, or of a value of an enumeration, besides its name.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// The name on the wire.
    pub name: &'static str,
    /// It has the feature `deprecated`.
    pub deprecated: bool,
    /// It has the feature `unstable`.
    pub unstable: bool,
}

impl Member {
    /// A member without special features.
    pub const fn new(name: &'static str) -> Self {
        Member {
            name,
            deprecated: false,
            unstable: false,
        }
    }

    /// Marks the member as deprecated.
    pub const fn deprecated(self) -> Self {
        Member {
            deprecated: true,
            ..self
        }
    }

    /// Marks the member as unstable.
    pub const fn unstable(self) -> Self {
        Member {
            unstable: true,
            ..self
        }
    }
}

/// Decodes a node into a blank value.
///
/// # Errors
/// The node has not the form of the type; QEMU's words for it.
pub fn decode(
    value: &mut dyn AnyJson,
    decoder: &mut Decoder<'_>,
    at: NodeId,
) -> Result<(), QmpError> {
    let done = value.decode_value(decoder, at);
    if decoder.is_left_to_slots() {
        return decode_record(value, decoder, at);
    }
    done
}

/// Apart from [`decode`], which most values need no more of.
#[inline(never)]
fn decode_record(
    value: &mut dyn AnyJson,
    decoder: &mut Decoder<'_>,
    at: NodeId,
) -> Result<(), QmpError> {
    let mut object = Object::default();
    decoder.open(at, &mut object)?;
    decode_slots(value.record_mut(), decoder, &mut object)?;
    decoder.finish(at, &object, || {
        let mut all = Vec::new();
        names(value, &mut all);
        all
    })
}

/// The members of a value in the order in which they are decoded.
fn names(value: &dyn AnyJson, all: &mut Vec<&'static str>) {
    let record = value.record();
    all.extend(record.iter().map(|(place, _)| place.name()));
    let mut tags = record.iter().filter(|(place, _)| place.is_tag());
    if let Some(View::Variant(_, Some(data))) = tags.next().map(|(_, tag)| tag.view()) {
        names(data, all);
    }
}

/// Decodes members of an object, from which others may take members, too, into a blank value.
///
/// # Errors
/// As for [`decode`].
pub fn decode_members(
    value: &mut dyn AnyJson,
    decoder: &mut Decoder<'_>,
    object: &mut Object,
) -> Result<(), QmpError> {
    if matches!(value.view(), View::Record) {
        decode_slots(value.record_mut(), decoder, object)
    } else {
        value.decode_members(decoder, object)
    }
}

fn decode_slots(
    mut record: RecordMut<'_>,
    decoder: &mut Decoder<'_>,
    object: &mut Object,
) -> Result<(), QmpError> {
    let mut tag = None;
    for (index, place) in record.places().iter().enumerate() {
        let Some(slot) = record.get(index) else { break };
        match decoder.take(object, place.name()) {
            Some(at) => {
                if let Some(member) = place.mark() {
                    decoder.check(&member)?;
                }
                decoder.at_member(place.name(), |decoder| decode(slot, decoder, at))?;
            }
            // A blank value is absent where it may be left out.
            None if matches!(slot.view(), View::Absent) => {}
            None => return Err(decoder.missing(place.name())),
        }
        if place.is_tag() {
            tag = Some(index);
        }
    }
    match tag.and_then(|index| record.get(index)) {
        Some(branch) => branch.decode_members(decoder, object),
        None => Ok(()),
    }
}

pub(super) fn encode(record: Record<'_>, out: &mut Writer) {
    let mut rest = None;
    for (place, slot) in record.iter() {
        match slot.view() {
            View::Absent => {}
            _ if place.mark().is_some_and(|it| out.policy.hides(&it)) => {}
            View::Variant(tag, data) => {
                out.key(place.name());
                out.str(&tag);
                rest = data;
            }
            view => {
                out.key(place.name());
                write(slot, view, out);
            }
        }
    }
    if let Some(data) = rest {
        members(data, out);
    }
}

//! Records: objects with named members, the last of which may depend on a tag.

use super::{Decoder, Json, Object};
use crate::error::QmpError;
use crate::json::Writer;

/// What the table of a record says of a member.
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

/// The table of a record.
#[derive(Debug)]
pub struct Shape {
    /// The members, in the schema's order.
    pub members: &'static [Member],
    /// The member that decides on further members, which stand in the same object.
    pub tag: Option<usize>,
}

impl Shape {
    /// No members.
    pub const EMPTY: Shape = Shape::new(&[]);

    /// A struct.
    pub const fn new(members: &'static [Member]) -> Self {
        Shape { members, tag: None }
    }

    /// A union with its tag at an index.
    pub const fn tagged(members: &'static [Member], tag: usize) -> Self {
        Shape {
            members,
            tag: Some(tag),
        }
    }
}

pub(super) fn decode(
    shape: &Shape,
    slots: &mut [&mut dyn Json],
    decoder: &mut Decoder<'_>,
    object: &mut Object,
) -> Result<(), QmpError> {
    for (member, slot) in shape.members.iter().zip(&mut *slots) {
        match decoder.take(object, member.name) {
            Some(at) => decoder.at_member(member.name, |decoder| slot.decode(decoder, at))?,
            None if slot.is_optional() => {}
            None => return Err(decoder.missing(member.name)),
        }
    }
    match shape.tag.and_then(|tag| slots.get_mut(tag)) {
        Some(branch) => branch.decode_members(decoder, object),
        None => Ok(()),
    }
}

pub(super) fn encode(shape: &Shape, slots: &[&dyn Json], out: &mut Writer) {
    for (member, slot) in shape.members.iter().zip(slots) {
        if !slot.is_absent() {
            out.key(member.name);
            slot.encode(out);
        }
    }
    if let Some(branch) = shape.tag.and_then(|tag| slots.get(tag)) {
        branch.encode_members(out);
    }
}

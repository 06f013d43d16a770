//! Records: objects with named members, the last of which may depend on a tag.

use super::encode::{members, write};
use super::{Decoder, Json, Object, View};
use crate::error::QmpError;
use crate::json::{NodeId, Writer};

/// What the table of a record says of a member.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// The name on the wire.
    pub name: &'static str,
    /// It has the feature `deprecated`.
    pub deprecated: bool,
    /// It has the feature `unstable`.
    pub unstable: bool,
    /// It decides on further members, which stand in the same object.
    pub tag: bool,
}

impl Member {
    /// A member without special features.
    pub const fn new(name: &'static str) -> Self {
        Member {
            name,
            deprecated: false,
            unstable: false,
            tag: false,
        }
    }

    /// Marks the member as the tag of a union.
    pub const fn tag(self) -> Self {
        Member { tag: true, ..self }
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
    /// The names of the members on the wire, in the schema's order.
    pub names: &'static [&'static str],
    /// The members of which there is more to say: few.
    pub marked: &'static [Member],
}

impl Shape {
    /// No members.
    pub const EMPTY: Shape = Shape::new(&[], &[]);

    /// A record with these members.
    pub const fn new(names: &'static [&'static str], marked: &'static [Member]) -> Self {
        Shape { names, marked }
    }

    /// What there is to say of a member besides its name.
    #[inline]
    fn mark(&self, name: &str) -> Option<&'static Member> {
        self.marked.iter().find(|member| member.name == name)
    }

    /// The place of the member that decides on further ones.
    #[inline]
    fn tag(&self) -> Option<usize> {
        let tag = self.marked.iter().find(|member| member.tag)?;
        self.names.iter().position(|&name| name == tag.name)
    }
}

/// Decodes a node into a blank value.
///
/// # Errors
/// The node has not the form of the type; QEMU's words for it.
pub fn decode(value: &mut dyn Json, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
    let done = value.decode_value(decoder, at);
    if decoder.is_left_to_slots() {
        return decode_record(value, decoder, at);
    }
    done
}

/// Apart from [`decode`], which most values need no more of.
#[inline(never)]
fn decode_record(
    value: &mut dyn Json,
    decoder: &mut Decoder<'_>,
    at: NodeId,
) -> Result<(), QmpError> {
    let mut object = Object::default();
    decoder.open(at, &mut object)?;
    value.slots_mut(&mut |shape, slots| decode_slots(shape, slots, decoder, &mut object))?;
    decoder.finish(at, &object, || {
        let mut all = Vec::new();
        names(value, &mut all);
        all
    })
}

/// The members of a value in the order in which they are decoded.
fn names(value: &dyn Json, all: &mut Vec<&'static str>) {
    value.slots(&mut |shape, slots| {
        all.extend(shape.names);
        if let Some(View::Variant(_, Some(data))) = shape.tag().map(|at| slots[at].view()) {
            names(data, all);
        }
    });
}

/// Decodes members of an object, from which others may take members, too, into a blank value.
///
/// # Errors
/// As for [`decode`].
pub fn decode_members(
    value: &mut dyn Json,
    decoder: &mut Decoder<'_>,
    object: &mut Object,
) -> Result<(), QmpError> {
    if matches!(value.view(), View::Record) {
        value.slots_mut(&mut |shape, slots| decode_slots(shape, slots, decoder, object))
    } else {
        value.decode_members(decoder, object)
    }
}

fn decode_slots(
    shape: &Shape,
    slots: &mut [&mut dyn Json],
    decoder: &mut Decoder<'_>,
    object: &mut Object,
) -> Result<(), QmpError> {
    for (name, slot) in shape.names.iter().zip(&mut *slots) {
        match decoder.take(object, name) {
            Some(at) => {
                if let Some(member) = shape.mark(name) {
                    decoder.check(member)?;
                }
                decoder.at_member(name, |decoder| decode(*slot, decoder, at))?;
            }
            // A blank value is absent where it may be left out.
            None if matches!(slot.view(), View::Absent) => {}
            None => return Err(decoder.missing(name)),
        }
    }
    match shape.tag().and_then(|at| slots.get_mut(at)) {
        Some(branch) => branch.decode_members(decoder, object),
        None => Ok(()),
    }
}

pub(super) fn encode(shape: &Shape, slots: &[&dyn Json], out: &mut Writer) {
    let mut rest = None;
    for (name, slot) in shape.names.iter().zip(slots) {
        match slot.view() {
            View::Absent => {}
            _ if shape.mark(name).is_some_and(|it| out.policy.hides(it)) => {}
            View::Variant(tag, data) => {
                out.key(name);
                out.str(&tag);
                rest = data;
            }
            view => {
                out.key(name);
                write(*slot, view, out);
            }
        }
    }
    if let Some(data) = rest {
        members(data, out);
    }
}

//! Optional members, arrays, and values on the heap.

use super::{Decoder, Enum, Json, Object, Slots, SlotsMut, Unrecognized, View, decode};
use crate::error::QmpError;
use crate::json::{Kind, NodeId};

impl<T: Json> Json for Option<T> {
    fn blank() -> Self {
        None
    }

    fn slots(&self, visit: Slots<'_>) {
        if let Some(value) = self {
            value.slots(visit);
        }
    }

    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        decode(self.insert(T::blank()), decoder, at)
    }

    fn view(&self) -> View<'_> {
        match self {
            Some(value) => value.view(),
            None => View::Absent,
        }
    }
}

/// For how many elements room is made beforehand: a peer that sends many of another type must not make
/// us fetch memory for all of them.
const MAX_RESERVE: usize = 1024;

impl<T: Json> Json for Vec<T> {
    fn blank() -> Self {
        Vec::new()
    }

    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        if decoder.kind(at) != Kind::Array {
            return Err(decoder.wrong_type("array"));
        }
        let document = decoder.document();
        let (mut next, end) = document.inside(at);
        *self = Vec::with_capacity(document.count(next, end, MAX_RESERVE));
        while let Some((element, behind)) = document.element(next, end) {
            let index = self.len();
            // In place: elements may be large.
            self.push(T::blank());
            let Some(value) = self.last_mut() else { break };
            decoder.at_index(index, |decoder| decode(value, decoder, element))?;
            next = behind;
        }
        Ok(())
    }

    fn view(&self) -> View<'_> {
        View::List(self)
    }
}

impl<T: Json> Json for Box<T> {
    fn blank() -> Self {
        Box::new(T::blank())
    }

    fn slots_mut(&mut self, visit: SlotsMut<'_>) -> Result<(), QmpError> {
        (**self).slots_mut(visit)
    }

    fn slots(&self, visit: Slots<'_>) {
        (**self).slots(visit);
    }

    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        (**self).decode_value(decoder, at)
    }

    fn decode_members(
        &mut self,
        decoder: &mut Decoder<'_>,
        object: &mut Object,
    ) -> Result<(), QmpError> {
        (**self).decode_members(decoder, object)
    }

    fn view(&self) -> View<'_> {
        (**self).view()
    }
}

/// Decodes a value of an enumeration, or what it is where unknown ones are kept.
///
/// # Errors
/// The node is no string, or none of the values and unknown ones are refused.
pub fn decode_tag<E: Enum>(
    decoder: &Decoder<'_>,
    at: NodeId,
) -> Result<Result<E, Unrecognized>, QmpError> {
    let found = decoder.value(at, E::NAMES, E::MARKED)?;
    Ok(found.and_then(|index| {
        E::VARIANTS
            .get(index)
            .copied()
            .ok_or(Unrecognized::default())
    }))
}

/// Decodes a value of an enumeration in place.
///
/// # Errors
/// As for [`decode_tag`].
pub fn decode_enum<E: Enum>(
    value: &mut E,
    decoder: &Decoder<'_>,
    at: NodeId,
) -> Result<(), QmpError> {
    *value = decode_tag(decoder, at)?.unwrap_or_else(E::unrecognized);
    Ok(())
}

/// A text that is no value of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownValue {
    text: String,
    known: &'static [&'static str],
}

impl std::fmt::Display for UnknownValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "'{}' is none of: {}", self.text, self.known.join(", "))
    }
}

impl std::error::Error for UnknownValue {}

/// The variant with this name on the wire.
///
/// # Errors
/// There is none.
pub fn parse_enum<E: Enum>(text: &str) -> Result<E, UnknownValue> {
    let index = E::NAMES.iter().position(|&name| name == text);
    let variant = index.and_then(|index| E::VARIANTS.get(index).copied());
    variant.ok_or_else(|| UnknownValue {
        text: text.to_owned(),
        known: E::NAMES,
    })
}

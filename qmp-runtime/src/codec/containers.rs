//! Optional members, arrays, and values on the heap.

use super::{Decoder, Enum, Json, Object, Shape, Slots, SlotsMut};
use crate::error::QmpError;
use crate::json::{Kind, NodeId, Writer};

impl<T: Json> Json for Option<T> {
    fn blank() -> Self {
        None
    }

    fn decode(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        self.insert(T::blank()).decode(decoder, at)
    }

    fn encode(&self, out: &mut Writer) {
        match self {
            Some(value) => value.encode(out),
            None => out.null(),
        }
    }

    fn is_optional(&self) -> bool {
        true
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Json> Json for Vec<T> {
    fn blank() -> Self {
        Vec::new()
    }

    fn decode(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        if decoder.kind(at) != Kind::Array {
            return Err(decoder.wrong_type("array"));
        }
        for (index, element) in decoder.document().elements(at).enumerate() {
            let mut value = T::blank();
            decoder.at_index(index, |decoder| value.decode(decoder, element))?;
            self.push(value);
        }
        Ok(())
    }

    fn encode(&self, out: &mut Writer) {
        out.begin_array();
        for value in self {
            out.element();
            value.encode(out);
        }
        out.end_array();
    }
}

impl<T: Json> Json for Box<T> {
    fn blank() -> Self {
        Box::new(T::blank())
    }

    fn shape(&self) -> &'static Shape {
        (**self).shape()
    }

    fn slots_mut(&mut self, visit: SlotsMut<'_>) -> Result<(), QmpError> {
        (**self).slots_mut(visit)
    }

    fn slots(&self, visit: Slots<'_>) {
        (**self).slots(visit);
    }

    fn decode(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        (**self).decode(decoder, at)
    }

    fn decode_members(
        &mut self,
        decoder: &mut Decoder<'_>,
        object: &mut Object,
    ) -> Result<(), QmpError> {
        (**self).decode_members(decoder, object)
    }

    fn encode(&self, out: &mut Writer) {
        (**self).encode(out);
    }

    fn encode_members(&self, out: &mut Writer) {
        (**self).encode_members(out);
    }
}

/// Decodes a value of an enumeration in place.
///
/// # Errors
/// The node is no string, or none of the values.
pub fn decode_enum<E: Enum>(
    value: &mut E,
    decoder: &Decoder<'_>,
    at: NodeId,
) -> Result<(), QmpError> {
    let index = decoder.enumeration(at, E::NAMES)?;
    if let Some(&variant) = E::VARIANTS.get(index) {
        *value = variant;
    }
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

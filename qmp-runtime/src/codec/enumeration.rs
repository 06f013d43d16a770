//! Enumerations: strings of which there are few.

use super::{Decoder, Json, Member, Unrecognized};
use crate::error::QmpError;
use crate::json::NodeId;

/// The table of an enumeration.
#[derive(Debug)]
pub struct Values<E: 'static> {
    /// The values on the wire, in the schema's order.
    names: &'static [&'static str],
    /// The variants, in the same order.
    variants: &'static [E],
    /// The values that are deprecated or unstable.
    marked: &'static [Member],
    unrecognized: fn(Unrecognized) -> E,
    text: fn(E) -> &'static str,
    copy: fn(&E) -> E,
}

impl<E: Copy> Values<E> {
    /// An enumeration with these values and variants, those of `marked` deprecated or unstable; how the variant
    /// for other values is made; the value of a variant.
    pub const fn new(
        names: &'static [&'static str],
        variants: &'static [E],
        marked: &'static [Member],
        unrecognized: fn(Unrecognized) -> E,
        text: fn(E) -> &'static str,
    ) -> Self {
        Values {
            names,
            variants,
            marked,
            unrecognized,
            text,
            copy: |value| *value,
        }
    }
}

impl<E> Values<E> {
    pub(super) fn blank(&self) -> E {
        (self.unrecognized)(Unrecognized::default())
    }

    pub(super) fn text(&self, value: &E) -> &'static str {
        (self.text)((self.copy)(value))
    }

    pub(super) fn decode(&self, decoder: &Decoder<'_>, at: NodeId) -> Result<E, QmpError> {
        let found = self.find(decoder, at)?;
        Ok(found.unwrap_or_else(self.unrecognized))
    }

    fn find(&self, decoder: &Decoder<'_>, at: NodeId) -> Result<Result<E, Unrecognized>, QmpError> {
        let found = decoder.value(at, self.names, self.marked)?;
        Ok(found.and_then(|index| self.variant(index).ok_or(Unrecognized::default())))
    }

    fn variant(&self, index: usize) -> Option<E> {
        self.variants.get(index).map(self.copy)
    }
}

/// Decodes a value of an enumeration, or what it is where unknown ones are kept.
///
/// # Errors
/// The node is no string, or none of the values and unknown ones are refused.
pub fn decode_tag<E: Json>(
    decoder: &Decoder<'_>,
    at: NodeId,
) -> Result<Result<E, Unrecognized>, QmpError> {
    match E::VALUES {
        Some(values) => values.find(decoder, at),
        None => Err(decoder.wrong_type("enum")),
    }
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
pub fn parse_enum<E: Json>(text: &str) -> Result<E, UnknownValue> {
    let values = E::VALUES;
    let known = values.map_or(&[][..], |values| values.names);
    let index = known.iter().position(|&name| name == text);
    let variant = index.and_then(|index| values?.variant(index));
    variant.ok_or_else(|| UnknownValue {
        text: text.to_owned(),
        known,
    })
}

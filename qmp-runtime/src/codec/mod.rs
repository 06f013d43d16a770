//! The wire form of types, driven by tables.
//!
//! A generated type lends its members, with the table of their names, as slices of `&mut dyn Json`; the
//! functions here do the rest, once for all types: they find members, build paths for errors, and
//! refuse or keep what is unknown. Errors have QEMU's wording.

mod branches;
mod containers;
mod decode;
mod encode;
mod record;
mod scalars;
mod standard;
mod unrecognized;

pub use branches::{Branches, decode_branch, decode_branch_tag, view_branch};
pub use containers::{UnknownValue, decode_enum, decode_tag, parse_enum};
pub use decode::{Decoder, Object, Unknown};
pub use encode::{List, View, encode};
pub use record::{Member, Shape, decode, decode_members};
pub use scalars::Null;
pub use standard::{debug, equal};
pub use unrecognized::{TooManyValues, Unrecognized, UnrecognizedBranch, UnrecognizedValue};

use crate::error::QmpError;
use crate::json::{Document, NodeId, Style, Writer};

/// A visitor of the members of a record, for decoding.
pub type SlotsMut<'v> =
    &'v mut dyn FnMut(&'static Shape, &mut [&mut dyn Json]) -> Result<(), QmpError>;
/// A visitor of the members of a record, for encoding.
pub type Slots<'v> = &'v mut dyn FnMut(&'static Shape, &[&dyn Json]);

/// A type with a JSON form.
///
/// Records (structs, unions, arguments of commands, data of events) provide `blank` and the two
/// `slots`; other types provide `blank`, `view` and `decode_value`. To decode, call [`decode`] or one of
/// the functions around it, which know what to do with records.
pub trait Json {
    /// A value to decode into.
    fn blank() -> Self
    where
        Self: Sized;

    /// Lends the members, with their table.
    ///
    /// # Errors
    /// Those of `visit`.
    fn slots_mut(&mut self, visit: SlotsMut<'_>) -> Result<(), QmpError> {
        visit(&Shape::EMPTY, &mut [])
    }

    /// Lends the members, with their table.
    fn slots(&self, visit: Slots<'_>) {
        visit(&Shape::EMPTY, &[]);
    }

    /// Sets the value from a node. A record leaves that to its slots: it does not provide this.
    ///
    /// # Errors
    /// The node has not the form of the type; QEMU's words for it.
    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        let _ = at;
        decoder.leave_to_slots();
        Ok(())
    }

    /// Sets the value from members of an object that others take members from, too, unless it is a
    /// record.
    ///
    /// # Errors
    /// As for [`Json::decode_value`].
    fn decode_members(
        &mut self,
        decoder: &mut Decoder<'_>,
        object: &mut Object,
    ) -> Result<(), QmpError> {
        let _ = (decoder, object);
        Ok(())
    }

    /// What the value is, for those who write it.
    fn view(&self) -> View<'_> {
        View::Record
    }

    /// Writes the value.
    fn encode(&self, out: &mut Writer)
    where
        Self: Sized,
    {
        encode(self, out);
    }
}

/// An enumeration.
pub trait Enum: Copy + 'static {
    /// The values on the wire.
    const NAMES: &'static [&'static str];
    /// The variants, in the same order.
    const VARIANTS: &'static [Self];
    /// The values that are deprecated or unstable.
    const MARKED: &'static [Member];

    /// The variant for a value that is none of these.
    fn unrecognized(value: Unrecognized) -> Self;
}

/// Decodes a node as `T`.
///
/// # Errors
/// The node has not the form of the type.
pub fn from_node<T: Json>(
    document: &Document,
    at: NodeId,
    unknown: Unknown,
) -> Result<T, QmpError> {
    let mut value = T::blank();
    decode(&mut value, &mut Decoder::new(document, unknown), at)?;
    Ok(value)
}

/// Encodes a value on one line.
pub fn to_bytes(value: &dyn Json) -> Vec<u8> {
    let mut out = Writer::new(Style::Line);
    encode(value, &mut out);
    out.into_bytes()
}

/// Decodes the text of one JSON value as `T`, what is unknown refused or kept.
///
/// # Errors
/// The text is not one JSON value, or the value has not the form of the type.
pub fn from_str<T: Json>(text: &str, unknown: Unknown) -> Result<T, QmpError> {
    let document = parse_one(text)?;
    from_node(&document, document.root(), unknown)
}

/// Parses text that holds one value and nothing else.
///
/// # Errors
/// It holds less or more than that, or is malformed.
pub fn parse_one(text: &str) -> Result<Document, QmpError> {
    use crate::json::{Item, Stream};
    let mut stream = Stream::new();
    let mut input = text.as_bytes();
    let item = stream
        .next_item(&mut input)
        .or_else(|| stream.next_item(&mut &b"\n"[..]));
    let trailing = input.iter().any(|byte| !byte.is_ascii_whitespace());
    match item {
        Some(Item::Message(document)) if !trailing => Ok(document),
        Some(Item::Error(error)) => Err(QmpError::generic(error)),
        Some(Item::Message(_)) => Err(QmpError::generic("JSON parse error, text behind the value")),
        None => Err(QmpError::generic("JSON parse error, premature EOI")),
    }
}

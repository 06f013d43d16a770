//! The wire form of types, driven by tables.
//!
//! A generated record has a table of its members, which lends them as `&mut dyn AnyJson`; the functions here
//! do the rest, once for all types: they find members, build paths for errors, and refuse or keep what is
//! unknown. Errors have QEMU's wording.

mod any;
mod branches;
mod containers;
mod decode;
mod encode;
mod enumeration;
mod record;
mod scalars;
mod standard;
mod table;
mod unrecognized;

pub use any::AnyJson;
pub use branches::{Branches, decode_branch, decode_branch_tag, view_branch};
pub use decode::{Decoder, Object, Unknown};
pub use encode::{List, View, WriteValue, encode};
pub use enumeration::{UnknownValue, Values, decode_tag, parse_enum};
pub use record::{Member, decode, decode_members};
pub use scalars::Null;
pub use standard::{debug, equal};
pub use table::{Place, Plan, Record, RecordMut, Slot, slot, slots};
pub use unrecognized::{TooManyValues, Unrecognized, UnrecognizedBranch, UnrecognizedValue};

use crate::error::QmpError;
use crate::json::{Document, NodeId, Style, Writer};

/// A type with a JSON form.
///
/// Records (structs, unions, arguments of commands, data of events) provide the table of their members,
/// enumerations that of their values; other types provide `blank`, `view` and `decode_value`. To decode, call
/// [`decode`] or one of the functions around it, which know what to do with records.
pub trait Json: Sized + 'static {
    /// The members of a record.
    const SLOTS: &'static [Slot<Self>] = &[];

    /// The values of an enumeration.
    const VALUES: Option<&'static Values<Self>> = None;

    /// A value to decode into.
    ///
    /// # Panics
    /// The type is neither a record nor an enumeration, and does not provide this.
    fn blank() -> Self {
        match Self::VALUES {
            Some(values) => values.blank(),
            None => table::blank(Self::SLOTS),
        }
    }

    /// The members of a record.
    fn record(&self) -> Record<'_> {
        Record::of(self)
    }

    /// The members of a record, to be changed.
    fn record_mut(&mut self) -> RecordMut<'_> {
        RecordMut::of(self)
    }

    /// Sets the value from a node. A record leaves that to its slots: it does not provide this.
    ///
    /// # Errors
    /// The node has not the form of the type; QEMU's words for it.
    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        match Self::VALUES {
            Some(values) => *self = values.decode(decoder, at)?,
            None => decoder.leave_to_slots(),
        }
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
        match Self::VALUES {
            Some(values) => View::Str(values.text(self).into()),
            None => View::Record,
        }
    }

    /// Writes the value.
    fn encode(&self, out: &mut Writer) {
        encode(self, out);
    }
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
pub fn to_bytes(value: &dyn AnyJson) -> Vec<u8> {
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
    let item = stream.next_item(&mut input).or_else(|| stream.end());
    let trailing = input.iter().any(|byte| !byte.is_ascii_whitespace());
    match item {
        Some(Item::Message(document)) if !trailing => Ok(document),
        Some(Item::Error(error)) => Err(QmpError::generic(error)),
        Some(Item::Message(_)) => Err(QmpError::generic("Expecting at most one JSON value")),
        None => Err(QmpError::generic("Expecting a JSON value")),
    }
}

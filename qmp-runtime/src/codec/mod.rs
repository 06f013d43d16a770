//! The wire form of types, driven by tables.
//!
//! A generated type tells its [`Shape`] and lends its members as slices of `&mut dyn Json`; the
//! functions here do the rest, once for all types: they find members, build paths for errors, and
//! refuse or ignore what is unknown. Errors have QEMU's wording.

mod containers;
mod decode;
mod record;
mod scalars;

pub use containers::{UnknownValue, decode_enum, parse_enum};
pub use decode::{Decoder, Object, Unknown};
pub use record::{Member, Shape};
pub use scalars::Null;

use crate::error::QmpError;
use crate::json::{Document, NodeId, Style, Writer};

/// A visitor of the members of a record, for decoding.
pub type SlotsMut<'v> = &'v mut dyn FnMut(&mut [&mut dyn Json]) -> Result<(), QmpError>;
/// A visitor of the members of a record, for encoding.
pub type Slots<'v> = &'v mut dyn FnMut(&[&dyn Json]);

/// A type with a JSON form.
///
/// Records (structs, unions, arguments of commands, data of events) provide `blank`, `shape` and
/// the two `slots`; other types provide `blank`, `decode` and `encode`.
pub trait Json {
    /// A value to decode into.
    fn blank() -> Self
    where
        Self: Sized;

    /// The names of the members, in the order of `slots`.
    fn shape(&self) -> &'static Shape {
        &Shape::EMPTY
    }

    /// Lends the members.
    ///
    /// # Errors
    /// Those of `visit`.
    fn slots_mut(&mut self, visit: SlotsMut<'_>) -> Result<(), QmpError> {
        visit(&mut [])
    }

    /// Lends the members.
    fn slots(&self, visit: Slots<'_>) {
        visit(&[]);
    }

    /// Sets the value from a node.
    ///
    /// # Errors
    /// The node has not the form of the type; QEMU's words for it.
    fn decode(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        let mut object = decoder.object(at)?;
        self.decode_members(decoder, &mut object)?;
        decoder.finish(&object)
    }

    /// Sets the value from the members of an object that others take members from, too.
    ///
    /// # Errors
    /// As for [`Json::decode`].
    fn decode_members(
        &mut self,
        decoder: &mut Decoder<'_>,
        object: &mut Object,
    ) -> Result<(), QmpError> {
        let shape = self.shape();
        self.slots_mut(&mut |slots| record::decode(shape, slots, decoder, object))
    }

    /// Writes the value.
    fn encode(&self, out: &mut Writer) {
        out.begin_object();
        self.encode_members(out);
        out.end_object();
    }

    /// Writes the members into an object that has been started.
    fn encode_members(&self, out: &mut Writer) {
        let shape = self.shape();
        self.slots(&mut |slots| record::encode(shape, slots, out));
    }

    /// Whether this is an optional member that may be left out.
    fn is_optional(&self) -> bool {
        false
    }

    /// Whether this is an optional member that is left out.
    fn is_absent(&self) -> bool {
        false
    }
}

/// An enumeration.
pub trait Enum: Copy + 'static {
    /// The values on the wire.
    const NAMES: &'static [&'static str];
    /// The variants, in the same order.
    const VARIANTS: &'static [Self];
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
    value.decode(&mut Decoder::new(document, unknown), at)?;
    Ok(value)
}

/// Encodes a value on one line.
pub fn to_bytes(value: &dyn Json) -> Vec<u8> {
    let mut out = Writer::new(Style::Line);
    value.encode(&mut out);
    out.into_bytes()
}

/// Decodes the text of one JSON value as `T`, unknown members refused or ignored.
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

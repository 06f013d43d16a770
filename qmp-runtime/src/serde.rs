//! `Serialize` and `Deserialize` for the types of bindings.
//!
//! Values are written straight from the tables. For reading, the input becomes a [`Document`] first, as
//! the tag of a union may stand behind the members that depend on it; so the format has to describe
//! itself, as JSON, YAML, TOML and CBOR do. What bindings do not know is kept or passed over as for
//! [`Unknown::Ignore`]; who wants it refused uses [`from_str`](crate::codec::from_str).

use std::fmt;

use serde_core::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_core::ser::{SerializeMap, SerializeSeq};
#[doc(hidden)]
pub use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec::{AnyJson, Json, List, Unknown, View, from_node};
use crate::json::{Builder, Document, NodeId};

/// What serializing yields.
#[doc(hidden)]
pub type Serialized<S> = Result<<S as Serializer>::Ok, <S as Serializer>::Error>;
/// What deserializing yields.
#[doc(hidden)]
pub type Deserialized<'de, T, D> = Result<T, <D as Deserializer<'de>>::Error>;

/// Serializes a value.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(value: &dyn AnyJson, serializer: S) -> Result<S::Ok, S::Error> {
    match value.view() {
        View::Absent => serializer.serialize_none(),
        View::Null => serializer.serialize_unit(),
        View::Bool(value) => serializer.serialize_bool(value),
        View::I64(value) => serializer.serialize_i64(value),
        View::U64(value) => serializer.serialize_u64(value),
        View::F64(value, _) => serializer.serialize_f64(value),
        View::Str(text) | View::Variant(text, _) => serializer.serialize_str(&text),
        View::Value(value, _) => value.serialize(serializer),
        View::List(list) => elements(list, serializer),
        View::Map(..) | View::Empty | View::Record => {
            let mut map = serializer.serialize_map(Some(count(value)))?;
            members(value, &mut map)?;
            map.end()
        }
    }
}

struct Lent<'l>(&'l dyn AnyJson);

impl Serialize for Lent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, serializer)
    }
}

fn elements<S: Serializer>(list: &dyn List, serializer: S) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(Some(list.len()))?;
    for element in list.iter() {
        sequence.serialize_element(&Lent(element))?;
    }
    sequence.end()
}

/// How many members a value has: some formats want to know beforehand.
fn count(value: &dyn AnyJson) -> usize {
    let mut count = 0;
    if let View::Map(map, _) = value.view() {
        count = map.len();
    }
    for (_, slot) in value.record().iter() {
        count += match slot.view() {
            View::Absent => 0,
            View::Variant(_, data) => 1 + data.map_or(0, self::count),
            _ => 1,
        };
    }
    count
}

fn members<M: SerializeMap>(value: &dyn AnyJson, map: &mut M) -> Result<(), M::Error> {
    if let View::Map(members, _) = value.view() {
        for (name, member) in members {
            map.serialize_entry(name, member)?;
        }
    }
    let mut rest = None;
    for (place, slot) in value.record().iter() {
        match slot.view() {
            View::Absent => continue,
            View::Variant(_, data) => rest = data,
            _ => {}
        }
        map.serialize_entry(place.name(), &Lent(slot))?;
    }
    match rest {
        Some(data) => self::members(data, map),
        None => Ok(()),
    }
}

/// Deserializes a value.
///
/// # Errors
/// Those of the deserializer, or the input has not the form of the type.
pub fn deserialize<'de, T: Json, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let mut builder = Builder::default();
    Node(&mut builder).deserialize(deserializer)?;
    let document: Document = builder.finish();
    from_node(&document, document.root(), Unknown::Ignore)
        .map_err(|error| D::Error::custom(error.desc()))
}

/// The next value of a document.
struct Node<'b>(&'b mut Builder);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = NodeId;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<NodeId, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = NodeId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON has")
    }

    fn visit_bool<E: serde_core::de::Error>(self, value: bool) -> Result<NodeId, E> {
        self.0.bool(value).map_err(E::custom)
    }

    fn visit_i64<E: serde_core::de::Error>(self, value: i64) -> Result<NodeId, E> {
        self.0.i64(value).map_err(E::custom)
    }

    fn visit_u64<E: serde_core::de::Error>(self, value: u64) -> Result<NodeId, E> {
        self.0.u64(value).map_err(E::custom)
    }

    fn visit_f64<E: serde_core::de::Error>(self, value: f64) -> Result<NodeId, E> {
        self.0.f64(value).map_err(E::custom)
    }

    fn visit_str<E: serde_core::de::Error>(self, value: &str) -> Result<NodeId, E> {
        self.0.str(value).map_err(E::custom)
    }

    fn visit_unit<E: serde_core::de::Error>(self) -> Result<NodeId, E> {
        self.0.null().map_err(E::custom)
    }

    fn visit_none<E: serde_core::de::Error>(self) -> Result<NodeId, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<NodeId, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<NodeId, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<NodeId, A::Error> {
        let array = self.0.begin_array().map_err(A::Error::custom)?;
        while sequence.next_element_seed(Node(self.0))?.is_some() {}
        Ok(self.0.end(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NodeId, A::Error> {
        let object = self.0.begin_object().map_err(A::Error::custom)?;
        let mut keys = Vec::new();
        while let Some(key) = map.next_key_seed(Node(self.0))? {
            self.0.key(&mut keys, key).map_err(A::Error::custom)?;
            map.next_value_seed(Node(self.0))?;
        }
        self.0.check(&mut keys).map_err(A::Error::custom)?;
        Ok(self.0.end(object))
    }
}

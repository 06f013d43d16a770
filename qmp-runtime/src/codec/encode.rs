//! The encoder: what a value is, and how that is written.

use std::borrow::Cow;

use super::{AnyJson, Json, record};
use crate::json::{Map, Value, Writer};

/// What a value is.
///
/// What takes much code to write comes with the function that does: a program that has no such values
/// then has none of that code.
#[non_exhaustive]
pub enum View<'v> {
    /// An optional member that is left out.
    Absent,
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// Any number; see [`View::number`].
    F64(f64, fn(&mut Writer, f64)),
    /// A string.
    Str(Cow<'v, str>),
    /// Any value; see [`View::value`].
    Value(&'v Value, WriteValue),
    /// An object with any members; see [`View::map`].
    Map(&'v Map<String, Value>, WriteValue),
    /// An array.
    List(&'v dyn List),
    /// An object without members.
    Empty,
    /// An object with the members that its slots are.
    Record,
    /// The tag of a union, and what has the members that depend on it.
    Variant(Cow<'v, str>, Option<&'v dyn AnyJson>),
}

/// What writes a value of type `any`.
pub type WriteValue = fn(&mut Writer, &Value);

impl<'v> View<'v> {
    /// A number.
    pub fn number(number: f64) -> Self {
        View::F64(number, Writer::f64)
    }

    /// Any value.
    pub fn value(value: &'v Value) -> Self {
        View::Value(value, Writer::value)
    }

    /// An object with any members.
    pub fn map(members: &'v Map<String, Value>) -> Self {
        View::Map(members, Writer::value)
    }
}

/// The elements of an array.
pub trait List {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them.
    fn get(&self, index: usize) -> Option<&dyn AnyJson>;
}

impl dyn List + '_ {
    /// All of them in turn.
    pub fn iter(&self) -> impl Iterator<Item = &dyn AnyJson> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<T: Json> List for Vec<T> {
    fn len(&self) -> usize {
        self.len()
    }

    fn get(&self, index: usize) -> Option<&dyn AnyJson> {
        let element = self.as_slice().get(index)?;
        Some(element)
    }
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("View")
    }
}

/// Writes a value.
pub fn encode(value: &dyn AnyJson, out: &mut Writer) {
    write(value, value.view(), out);
}

/// Writes a value that has been looked at.
pub(super) fn write(value: &dyn AnyJson, view: View<'_>, out: &mut Writer) {
    match view {
        View::Absent | View::Null => out.null(),
        View::Bool(value) => out.bool(value),
        View::I64(value) => out.i64(value),
        View::U64(value) => out.u64(value),
        View::F64(value, write) => write(out, value),
        View::Str(text) | View::Variant(text, _) => out.str(&text),
        View::Value(value, write) => write(out, value),
        View::List(list) => {
            out.begin_array();
            for element in list.iter() {
                out.element();
                encode(element, out);
            }
            out.end_array();
        }
        View::Map(..) | View::Empty | View::Record => {
            out.begin_object();
            members(value, out);
            out.end_object();
        }
    }
}

/// Writes the members of a value into an object that has been started.
pub(super) fn members(value: &dyn AnyJson, out: &mut Writer) {
    match value.view() {
        View::Map(map, write) => {
            for (key, value) in map {
                out.key(key);
                write(out, value);
            }
        }
        _ => record::encode(value.record(), out),
    }
}

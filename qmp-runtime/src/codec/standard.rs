//! What values do besides: they are copied, compared and printed, by their tables as well.

use std::any::Any;
use std::fmt;

use super::{Decoder, Json, Unknown, View, decode, encode, parse_one, to_bytes};
use crate::json::{Style, Writer};

/// A copy of a record.
pub fn duplicate<T: Json>(from: &T) -> T {
    let mut copy = T::blank();
    assign(&mut copy, from);
    copy
}

/// Makes a value a copy of another one of its type.
pub fn assign(value: &mut dyn Json, from: &dyn Json) {
    if value.set(from) {
        return;
    }
    match from.view() {
        View::Record => from.slots(&mut |_, theirs| {
            // What fails is decoding alone.
            let _ = value.slots_mut(&mut |_, mine| {
                for (value, from) in mine.iter_mut().zip(theirs) {
                    assign(*value, *from);
                }
                Ok(())
            });
        }),
        // A type of somebody else's, which does not say how it is copied.
        _ => {
            let text = String::from_utf8(to_bytes(from)).unwrap_or_default();
            if let Ok(document) = parse_one(&text) {
                let mut decoder = Decoder::new(&document, Unknown::Ignore);
                let _ = decode(value, &mut decoder, document.root());
            }
        }
    }
}

/// [`Json::set`] for a type that can be cloned.
pub fn set<T: Json + Clone>(value: &mut T, from: &dyn Json) -> bool {
    let from = (from as &dyn Any).downcast_ref();
    from.map(|from| value.clone_from(from)).is_some()
}

/// Whether two values of one type are equal: whether they look the same on the wire.
pub fn equal(left: &dyn Json, right: &dyn Json) -> bool {
    match (left.view(), right.view()) {
        (View::Absent, View::Absent) | (View::Null, View::Null) | (View::Empty, View::Empty) => {
            true
        }
        (View::Bool(left), View::Bool(right)) => left == right,
        (View::I64(left), View::I64(right)) => left == right,
        (View::U64(left), View::U64(right)) => left == right,
        (View::F64(left), View::F64(right)) => left == right,
        (View::Str(left), View::Str(right)) => left == right,
        (View::Value(left), View::Value(right)) => left == right,
        (View::Map(left), View::Map(right)) => left == right,
        (View::List(left), View::List(right)) => {
            let mut pairs = left.iter().zip(right.iter());
            left.len() == right.len() && pairs.all(|(left, right)| equal(left, right))
        }
        (View::Record, View::Record) => records_equal(left, right),
        (View::Variant(left, left_data), View::Variant(right, right_data)) => {
            left == right
                && match (left_data, right_data) {
                    (Some(left), Some(right)) => equal(left, right),
                    (left, right) => left.is_none() && right.is_none(),
                }
        }
        _ => false,
    }
}

fn records_equal(left: &dyn Json, right: &dyn Json) -> bool {
    let mut same = true;
    left.slots(&mut |_, left| {
        right.slots(&mut |_, right| {
            let mut pairs = left.iter().zip(right);
            same = left.len() == right.len() && pairs.all(|(left, right)| equal(*left, *right));
        });
    });
    same
}

/// Prints a value as the name of its type and its JSON.
///
/// # Errors
/// Those of the formatter.
pub fn debug(value: &dyn Json, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(name)?;
    let mut parts = vec![value];
    if let View::Variant(tag, data) = value.view() {
        write!(f, " {tag:?}")?;
        parts = data.into_iter().collect();
    }
    for part in parts {
        let bytes = if f.alternate() {
            let mut out = Writer::new(Style::Pretty);
            encode(part, &mut out);
            out.into_bytes()
        } else {
            to_bytes(part)
        };
        write!(f, " {}", String::from_utf8_lossy(&bytes))?;
    }
    Ok(())
}

//! What values do besides: they are compared and printed, by their tables as well.

use std::fmt;

use super::{AnyJson, View, encode, to_bytes};
use crate::json::{Style, Writer};

/// Whether two values of one type are equal: whether they look the same on the wire.
pub fn equal(left: &dyn AnyJson, right: &dyn AnyJson) -> bool {
    match (left.view(), right.view()) {
        (View::Absent, View::Absent) | (View::Null, View::Null) | (View::Empty, View::Empty) => {
            true
        }
        (View::Bool(left), View::Bool(right)) => left == right,
        (View::I64(left), View::I64(right)) => left == right,
        (View::U64(left), View::U64(right)) => left == right,
        (View::F64(left, _), View::F64(right, _)) => left == right,
        (View::Str(left), View::Str(right)) => left == right,
        (View::Value(left, _), View::Value(right, _)) => left == right,
        (View::Map(left, _), View::Map(right, _)) => left == right,
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

fn records_equal(left: &dyn AnyJson, right: &dyn AnyJson) -> bool {
    let (left, right) = (left.record(), right.record());
    let mut pairs = left.iter().zip(right.iter());
    left.places().len() == right.places().len()
        && pairs.all(|((_, left), (_, right))| equal(left, right))
}

/// Prints a value as the name of its type and its JSON.
///
/// # Errors
/// Those of the formatter.
pub fn debug(value: &dyn AnyJson, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

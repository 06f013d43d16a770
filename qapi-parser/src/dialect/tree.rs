//! Building and changing expressions.

use crate::expr::{Entry, Node, Value};
use crate::source::Span;

/// The entries of an object; none of anything else.
pub(super) fn entries_mut(node: &mut Node) -> &mut [Entry] {
    match &mut node.value {
        Value::Object(entries) => entries,
        _ => &mut [],
    }
}

/// The value of a key.
pub(super) fn get_mut<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    let entry = entries_mut(node)
        .iter_mut()
        .find(|entry| entry.key == key)?;
    Some(&mut entry.value)
}

pub(super) fn string(text: impl Into<String>, span: Span) -> Node {
    Node {
        value: Value::Str(text.into()),
        span,
    }
}

pub(super) fn entry(key: impl Into<String>, value: Node) -> Entry {
    Entry {
        key: key.into(),
        key_span: value.span,
        value,
    }
}

pub(super) fn object(entries: Vec<Entry>, span: Span) -> Node {
    Node {
        value: Value::Object(entries),
        span,
    }
}

pub(super) fn list(nodes: Vec<Node>, span: Span) -> Node {
    Node {
        value: Value::List(nodes),
        span,
    }
}

/// `a-bit_of` as `ABitOf`.
pub(super) fn camel(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    };
    words.map(capital).collect()
}

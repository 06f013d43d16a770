//! Building and changing expressions.

use crate::expr::{Entry, Node, Value};
use crate::source::Span;

/// The entries of an object; none of anything else.
pub(super) fn entries_mut<'n, 't>(node: &'n mut Node<'t>) -> &'n mut [Entry<'t>] {
    match &mut node.value {
        Value::Object(entries) => entries,
        _ => &mut [],
    }
}

/// The value of a key.
pub(super) fn get_mut<'n, 't>(node: &'n mut Node<'t>, key: &str) -> Option<&'n mut Node<'t>> {
    let entry = entries_mut(node)
        .iter_mut()
        .find(|entry| entry.key == key)?;
    Some(&mut entry.value)
}

pub(super) fn string(text: &str, span: Span) -> Node<'_> {
    Node {
        value: Value::Str(text),
        span,
    }
}

pub(super) fn entry<'t>(key: &'t str, value: Node<'t>) -> Entry<'t> {
    Entry {
        key,
        key_span: value.span,
        value,
    }
}

pub(super) fn object<'t>(entries: &'t mut [Entry<'t>], span: Span) -> Node<'t> {
    Node {
        value: Value::Object(entries),
        span,
    }
}

pub(super) fn list<'t>(nodes: &'t mut [Node<'t>], span: Span) -> Node<'t> {
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

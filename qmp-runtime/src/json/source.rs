//! The text of a message while it is being read: its end may still stand in the input.

use std::borrow::Cow;
use std::ops::Range;

use super::node::Node;
use super::text;

/// A message's text in two pieces; no token stands in both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// What was copied from the input.
    pub(super) copied: &'a [u8],
    /// What comes behind that.
    pub(super) input: &'a [u8],
}

impl<'a> Source<'a> {
    /// A text in one piece.
    pub(super) fn whole(text: &'a [u8]) -> Self {
        Source {
            copied: text,
            input: &[],
        }
    }

    /// The bytes of one token, or a part of it.
    #[inline]
    pub(super) fn get(self, Range { start, end }: Range<usize>) -> &'a [u8] {
        match start.checked_sub(self.copied.len()) {
            None => &self.copied[start..end],
            Some(start) => &self.input[start..end - self.copied.len()],
        }
    }

    /// The bytes of a string's value.
    pub(super) fn string(self, node: Node) -> Cow<'a, [u8]> {
        let text = self.get(node.inner());
        if node.is_escaped() {
            Cow::Owned(text::unescape(text).into_bytes())
        } else {
            Cow::Borrowed(text)
        }
    }

    /// A string's value.
    pub(super) fn name(self, node: Node) -> String {
        let text = self.get(node.inner());
        if node.is_escaped() {
            text::unescape(text)
        } else {
            String::from_utf8_lossy(text).into_owned()
        }
    }

    /// Whether two string nodes have the same value.
    #[inline]
    pub(super) fn same(self, a: Node, b: Node) -> bool {
        if a.is_escaped() || b.is_escaped() {
            return self.string(a) == self.string(b);
        }
        // Most differ in length, which is cheap to tell.
        a.length() == b.length() && self.get(a.inner()) == self.get(b.inner())
    }
}

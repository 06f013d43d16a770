//! A node of a document, in eight bytes: large messages have many, and memory that is new is slow.

use std::ops::Range;

use super::document::{Kind, NodeId};
use super::stream::{MAX_TOKEN_BYTES, MAX_TOKENS};

/// How much text a document can have, in bytes.
pub(super) const MAX_TEXT: usize = 1 << 28;

// A message has a blank between two tokens at the most, and may grow to three times its size when what only QEMU
// reads is written otherwise.
const _: () = assert!(3 * (MAX_TOKEN_BYTES + MAX_TOKENS) < MAX_TEXT);

const KINDS: [Kind; 8] = [
    Kind::Null,
    Kind::Bool,
    Kind::Integer,
    Kind::Float,
    Kind::String,
    Kind::Array,
    Kind::Object,
    Kind::Null, // not in use
];
const KIND: u32 = 7;
const ESCAPED: u32 = 8;
const START: u32 = 4; // bits that the start is shifted by

/// A value or a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Where its text starts, its kind, and whether it is a string that differs from the bytes between the
    /// quotes.
    place: u32,
    /// How long its text is, quotes included; of a container, the node behind all that is in it.
    extent: u32,
}

impl Node {
    /// A value that is no container.
    #[inline]
    pub(super) fn leaf(kind: Kind, escaped: bool, start: u32, end: u32) -> Self {
        Node {
            place: start << START | kind as u32 | if escaped { ESCAPED } else { 0 },
            extent: end - start,
        }
    }

    /// An array or an object; it has no end yet.
    #[inline]
    pub(super) fn container(kind: Kind, start: u32) -> Self {
        Node {
            place: start << START | kind as u32,
            extent: 0,
        }
    }

    /// Ends a container in front of the node `next`.
    #[inline]
    pub(super) fn close(&mut self, next: u32) {
        self.extent = next;
    }

    /// The same node with another text.
    pub(super) fn moved(&mut self, escaped: bool, start: u32, end: u32) {
        let moved = Node::leaf(self.kind(), escaped, start, end);
        self.place = moved.place;
        if !self.is_container() {
            self.extent = moved.extent;
        }
    }

    #[inline]
    pub(super) fn kind(self) -> Kind {
        KINDS[(self.place & KIND) as usize]
    }

    #[inline]
    fn is_container(self) -> bool {
        self.place & KIND >= Kind::Array as u32
    }

    #[inline]
    pub(super) fn is_escaped(self) -> bool {
        self.place & ESCAPED != 0
    }

    /// Whether it is a string of so many bytes, and these are its value.
    #[inline]
    pub(super) fn is_plain(self, length: usize) -> bool {
        self.place & (KIND | ESCAPED) == Kind::String as u32 && self.extent as usize == length + 2
    }

    /// Where the text stands, quotes included; of a container, its first byte.
    #[inline]
    pub(super) fn range(self) -> Range<usize> {
        let start = (self.place >> START) as usize;
        start..start + self.length()
    }

    /// Where the text between the quotes of a string stands.
    #[inline]
    pub(super) fn inner(self) -> Range<usize> {
        let Range { start, end } = self.range();
        start + 1..end - 1
    }

    /// How many bytes the text has, quotes included.
    #[inline]
    pub(super) fn length(self) -> usize {
        if self.is_container() {
            1
        } else {
            self.extent as usize
        }
    }

    /// The node behind this one, which is `id`, and all that is in it.
    #[inline]
    pub(super) fn next(self, id: NodeId) -> u32 {
        if self.is_container() {
            self.extent
        } else {
            id.0 + 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_back() {
        for kind in &KINDS[..7] {
            let start = MAX_TEXT as u32 - 9;
            let leaf = Node::leaf(*kind, true, start, start + 3);
            assert_eq!((leaf.kind(), leaf.is_escaped()), (*kind, true));
            assert_eq!(leaf.range().start, start as usize);
        }
    }
}

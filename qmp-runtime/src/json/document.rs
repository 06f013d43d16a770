//! A parsed message: its bytes and a flat list of nodes.

use std::borrow::Cow;

use super::node::Node;
use super::source::Source;
use super::text;

/// The JSON type of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number written without fraction and exponent.
    Integer,
    /// A number written with a fraction or an exponent.
    Float,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Index of a node in its [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeId(pub(super) u32);

/// A complete, well-formed message.
///
/// The nodes stand in text order; a container is followed by what it holds, an object by its keys
/// and values in turn. No object has a key twice.
#[derive(Debug, Clone)]
pub struct Document {
    pub(super) text: String,
    pub(super) nodes: Vec<Node>,
}

impl Document {
    /// The value itself.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// How much memory the message takes, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.text.len() + self.nodes.len() * size_of::<Node>()
    }

    #[inline]
    fn node(&self, id: NodeId) -> Node {
        self.nodes[id.0 as usize]
    }

    /// The node behind one and all that is in it.
    #[inline]
    fn next(&self, id: NodeId) -> u32 {
        self.node(id).next(id)
    }

    /// The JSON type of a node.
    #[inline]
    pub fn kind(&self, id: NodeId) -> Kind {
        self.node(id).kind()
    }

    /// The text that it was read from.
    pub(crate) fn source(&self) -> &str {
        &self.text
    }

    /// The text of a number or keyword; of a string, with its quotes.
    pub(crate) fn raw(&self, id: NodeId) -> &str {
        let node = self.node(id);
        &self.text[node.range()]
    }

    /// What stands between the quotes of a string.
    #[inline]
    fn inner(&self, node: Node) -> &str {
        &self.text[node.inner()]
    }

    /// The value of a string; `None` for anything else.
    pub fn str(&self, id: NodeId) -> Option<Cow<'_, str>> {
        let node = self.node(id);
        if node.kind() != Kind::String {
            return None;
        }
        Some(if node.is_escaped() {
            Cow::Owned(text::unescape(self.inner(node).as_bytes()))
        } else {
            Cow::Borrowed(self.inner(node))
        })
    }

    /// The value of a string that stands in the text as it is; `None` for anything else.
    #[inline]
    pub(crate) fn plain(&self, id: NodeId) -> Option<&str> {
        let node = self.node(id);
        (node.kind() == Kind::String && !node.is_escaped()).then(|| self.inner(node))
    }

    /// The bytes of a string's value.
    pub(super) fn text(&self, id: NodeId) -> Cow<'_, [u8]> {
        Source::whole(self.text.as_bytes()).string(self.node(id))
    }

    /// Whether two string nodes have the same value.
    #[cfg(feature = "serde")]
    pub(super) fn same_text(&self, left: NodeId, right: NodeId) -> bool {
        Source::whole(self.text.as_bytes()).same(self.node(left), self.node(right))
    }

    /// Whether a string node has this value.
    #[inline]
    pub(crate) fn str_is(&self, id: NodeId, value: &str) -> bool {
        let node = self.node(id);
        // Most differ in length.
        if node.is_plain(value.len()) {
            same(&self.text.as_bytes()[node.inner()], value.as_bytes())
        } else {
            node.is_escaped() && self.escaped_is(id, value)
        }
    }

    #[cold]
    fn escaped_is(&self, id: NodeId, value: &str) -> bool {
        self.str(id).is_some_and(|text| text == value)
    }

    /// The value of a keyword; `None` for anything else.
    pub fn bool(&self, id: NodeId) -> Option<bool> {
        (self.kind(id) == Kind::Bool).then(|| self.raw(id) == "true")
    }

    /// An integer in the range of `i64`; `None` for anything else.
    pub fn i64(&self, id: NodeId) -> Option<i64> {
        self.integer(id)
    }

    /// An integer in the range of `u64`; `None` for anything else.
    pub fn u64(&self, id: NodeId) -> Option<u64> {
        self.integer(id)
    }

    fn integer<T: std::str::FromStr>(&self, id: NodeId) -> Option<T> {
        if self.kind(id) != Kind::Integer {
            return None;
        }
        self.raw(id).parse().ok()
    }

    /// A number; `None` for anything else. What lies beyond the range is infinite.
    pub fn f64(&self, id: NodeId) -> Option<f64> {
        if !matches!(self.kind(id), Kind::Integer | Kind::Float) {
            return None;
        }
        self.raw(id).parse().ok()
    }

    /// How many nodes, one behind the other, stand in front of `end`, up to `most`.
    pub(crate) fn count(&self, mut at: u32, end: u32, most: usize) -> usize {
        let mut count = 0;
        while at < end && count < most {
            (at, count) = (self.next(NodeId(at)), count + 1);
        }
        count
    }

    /// The node at `at`, of those in front of `end`, and what is behind it.
    #[inline]
    pub(crate) fn element(&self, at: u32, end: u32) -> Option<(NodeId, u32)> {
        (at < end).then(|| (NodeId(at), self.next(NodeId(at))))
    }

    /// The elements of an array; nothing for anything else.
    pub fn elements(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let is_array = self.kind(id) == Kind::Array;
        self.children(id).filter(move |_| is_array)
    }

    /// The members of an object, in the order of the text; nothing for anything else.
    pub fn members(&self, id: NodeId) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        let is_object = self.kind(id) == Kind::Object;
        let mut children = self.children(id).filter(move |_| is_object);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let end = self.next(id);
        let mut at = id.0 + 1;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let child = NodeId(at);
                at = self.next(child);
                child
            })
        })
    }

    /// The member at `at` of the object that ends before `end`, and what is behind it.
    #[inline]
    pub(crate) fn member(&self, at: u32, end: u32) -> Option<(NodeId, NodeId, u32)> {
        (at < end).then(|| {
            let value = NodeId(at + 1);
            (NodeId(at), value, self.next(value))
        })
    }

    /// Where the nodes in a container start, and where they end.
    #[inline]
    pub(crate) fn inside(&self, id: NodeId) -> (u32, u32) {
        (id.0 + 1, self.next(id))
    }

    /// The member of an object with this key.
    pub fn get(&self, object: NodeId, key: &str) -> Option<NodeId> {
        self.members(object)
            .find(|&(name, _)| self.str_is(name, key))
            .map(|(_, value)| value)
    }
}

/// Whether two texts of the same length are equal. Names are short, for which `==` takes longer.
fn same(left: &[u8], right: &[u8]) -> bool {
    match (ends::<8>(left), ends::<8>(right)) {
        (Some(ends), Some(others)) => ends == others && (left.len() <= 16 || left == right),
        _ => match (ends::<4>(left), ends::<4>(right)) {
            (Some(ends), Some(others)) => ends == others,
            _ => left.iter().zip(right).all(|(left, right)| left == right),
        },
    }
}

/// The first and the last bytes, which may be the same ones.
#[inline]
fn ends<const N: usize>(text: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
    text.first_chunk().zip(text.last_chunk())
}

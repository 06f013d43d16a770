//! Documents that are not read from text, but made node by node.

use super::document::{Document, Kind, NodeId};
use super::node::{MAX_TEXT, Node};
use super::stream::MAX_NESTING;

/// A document in the making. Values are added in the order in which text would have them.
#[derive(Debug)]
pub(crate) struct Builder {
    document: Document,
    depth: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            document: Document {
                text: String::new(),
                nodes: Vec::new(),
            },
            depth: 0,
        }
    }
}

/// Why a value cannot be added.
type Result<T> = std::result::Result<T, &'static str>;

impl Builder {
    /// The document; without any value, `null`.
    pub(crate) fn finish(mut self) -> Document {
        if self.document.nodes.is_empty() {
            // There is room for one node.
            let _ = self.null();
        }
        self.document
    }

    fn push(&mut self, kind: Kind, text: &str) -> Result<NodeId> {
        let start = self.document.text.len();
        self.document.text.push_str(text);
        self.leaf(kind, start)
    }

    /// The node of the text from `start` on.
    fn leaf(&mut self, kind: Kind, start: usize) -> Result<NodeId> {
        let end = self.document.text.len();
        if end >= MAX_TEXT {
            return Err("too much text");
        }
        self.node(Node::leaf(kind, false, start as u32, end as u32))
    }

    fn node(&mut self, node: Node) -> Result<NodeId> {
        let id = u32::try_from(self.document.nodes.len()).map_err(|_| "too many values")?;
        self.document.nodes.push(node);
        Ok(NodeId(id))
    }

    pub(crate) fn null(&mut self) -> Result<NodeId> {
        self.push(Kind::Null, "null")
    }

    pub(crate) fn bool(&mut self, value: bool) -> Result<NodeId> {
        self.push(Kind::Bool, if value { "true" } else { "false" })
    }

    pub(crate) fn i64(&mut self, value: i64) -> Result<NodeId> {
        self.push(Kind::Integer, itoa::Buffer::new().format(value))
    }

    pub(crate) fn u64(&mut self, value: u64) -> Result<NodeId> {
        self.push(Kind::Integer, itoa::Buffer::new().format(value))
    }

    pub(crate) fn f64(&mut self, value: f64) -> Result<NodeId> {
        if !value.is_finite() {
            return Err("a number that is not finite");
        }
        self.push(Kind::Float, zmij::Buffer::new().format_finite(value))
    }

    /// A string. Between its quotes stands the text itself, without escapes.
    pub(crate) fn str(&mut self, value: &str) -> Result<NodeId> {
        let text = &mut self.document.text;
        let start = text.len();
        text.push('"');
        text.push_str(value);
        text.push('"');
        self.leaf(Kind::String, start)
    }

    pub(crate) fn begin_array(&mut self) -> Result<NodeId> {
        self.begin(Kind::Array)
    }

    pub(crate) fn begin_object(&mut self) -> Result<NodeId> {
        self.begin(Kind::Object)
    }

    fn begin(&mut self, kind: Kind) -> Result<NodeId> {
        if self.depth >= MAX_NESTING {
            return Err("values nest too deeply");
        }
        self.depth += 1;
        // Its text is within the bounds: so was that of the value in front of it.
        self.node(Node::container(kind, self.document.text.len() as u32))
    }

    /// Ends a container: what it holds reaches to the last node so far.
    pub(crate) fn end(&mut self, container: NodeId) -> NodeId {
        self.depth -= 1;
        // The number of nodes fits: each of them was given one.
        let next = self.document.nodes.len() as u32;
        self.document.nodes[container.0 as usize].close(next);
        container
    }

    /// Takes note of the key of a member.
    pub(crate) fn key(&self, keys: &mut Vec<NodeId>, key: NodeId) -> Result<()> {
        if self.document.kind(key) != Kind::String {
            return Err("a key that is no string");
        }
        keys.push(key);
        Ok(())
    }

    /// Checks that no key came twice.
    pub(crate) fn check(&self, keys: &mut [NodeId]) -> Result<()> {
        keys.sort_unstable_by(|&a, &b| self.document.text(a).cmp(&self.document.text(b)));
        let doubled = |pair: &[NodeId]| self.document.same_text(pair[0], pair[1]);
        if keys.windows(2).any(doubled) {
            return Err("duplicate key");
        }
        Ok(())
    }
}

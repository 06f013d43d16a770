//! The grammar: the tokens of a message, one by one, to the nodes of its [`Document`].

use std::collections::HashSet;

use super::document::{Document, Kind, NodeId};
use super::lex::TokenKind;
use super::node::Node;
use super::source::Source;
use super::stream::KEEP_BYTES;
use super::text;

/// Descriptions of grammar errors are cut to this many bytes.
const MAX_ERROR_BYTES: usize = 1023;
/// Objects up to this size are searched for duplicate keys without a hash table.
const FEW_MEMBERS: usize = 16;

pub(super) type Result<T> = std::result::Result<T, String>;

/// A token and where its text stands in the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Where in the grammar a message is.
///
/// A message ends when its braces and brackets balance, whatever the grammar says: an error is kept until
/// then, and what comes behind it is not looked at.
#[derive(Debug, Default)]
pub(super) struct Parser {
    nodes: Vec<Node>,
    /// The containers that have not ended, the innermost one last.
    open: Vec<Open>,
    /// The keys of the objects among them, the innermost one's last.
    keys: Vec<NodeId>,
    pub(super) expected: Expected,
    error: Option<String>,
}

/// What may come next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    #[default]
    Value,
    /// A value, or the end of the array.
    Element,
    /// A key, or the end of the object.
    Member,
    Colon,
    /// A comma, or the end of the array.
    ArraySeparator,
    /// A comma, or the end of the object.
    ObjectSeparator,
    /// Nothing: the value is complete, or there was an error.
    Nothing,
}

#[derive(Debug)]
struct Open {
    node: NodeId,
    is_object: bool,
    /// The key whose value is due.
    key: Option<NodeId>,
    /// Where the object's keys start among those of all open objects.
    first_key: usize,
    /// The keys instead, once they are many.
    many: Option<HashSet<String>>,
}

impl Parser {
    /// Takes the next token of a message with this text.
    pub(super) fn token(&mut self, token: Token, source: Source<'_>) {
        if let Err(error) = self.step(token, source) {
            self.fail(error);
        }
    }

    #[cold]
    fn fail(&mut self, error: String) {
        self.error = Some(error);
        self.expected = Expected::Nothing;
    }

    /// Whether the value is complete, and nothing was wrong with it.
    pub(super) fn is_complete(&self) -> bool {
        self.expected == Expected::Nothing && self.error.is_none()
    }

    /// How many containers have not ended.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The document of a message that is complete, and starts anew.
    ///
    /// # Errors
    /// QEMU's description of the first grammar error.
    pub(super) fn complete(&mut self, bytes: Vec<u8>) -> Result<Document> {
        let mut nodes = std::mem::take(&mut self.nodes);
        let error = match self.error.take() {
            None if self.expected == Expected::Nothing => None,
            None => Some("premature EOI".into()),
            error => error,
        };
        self.reset();
        match error {
            None => {
                let text = String::from_utf8(bytes)
                    .unwrap_or_else(|error| text::mend(error.as_bytes(), &mut nodes));
                Ok(Document { text, nodes })
            }
            Some(error) => Err(format!("JSON parse error, {}", cut(error))),
        }
    }

    /// Starts anew.
    pub(super) fn reset(&mut self) {
        self.nodes.clear();
        self.nodes.shrink_to(KEEP_BYTES / size_of::<Node>());
        self.open.clear();
        self.keys.clear();
        self.keys.shrink_to(KEEP_BYTES / size_of::<NodeId>());
        self.expected = Expected::Value;
        self.error = None;
    }

    /// Takes the memory of nodes that are done with, if there is use for it.
    pub(super) fn recycle(&mut self, mut nodes: Vec<Node>) {
        if self.nodes.capacity() == 0 && nodes.capacity() <= KEEP_BYTES / size_of::<Node>() {
            nodes.clear();
            self.nodes = nodes;
        }
    }

    fn step(&mut self, token: Token, source: Source<'_>) -> Result<()> {
        match (self.expected, token.kind) {
            (Expected::Colon, TokenKind::Colon)
            | (Expected::ArraySeparator | Expected::ObjectSeparator, TokenKind::Comma) => {
                self.expected = Expected::Value;
                Ok(())
            }
            (Expected::Element | Expected::ArraySeparator, TokenKind::RightBracket)
            | (Expected::Member | Expected::ObjectSeparator, TokenKind::RightBrace) => {
                self.close(source);
                Ok(())
            }
            (Expected::Value | Expected::Element | Expected::Member, _) => {
                self.value(token, source)
            }
            (Expected::Colon, _) => Err("missing : in object pair".into()),
            (Expected::ArraySeparator, _) => Err("expected separator in list".into()),
            (Expected::ObjectSeparator, _) => Err("expected separator in dict".into()),
            (Expected::Nothing, _) => Ok(()),
        }
    }

    fn value(&mut self, token: Token, source: Source<'_>) -> Result<()> {
        let (kind, escaped) = match token.kind {
            TokenKind::String => {
                let inner = source.get(token.start as usize + 1..token.end as usize);
                (Kind::String, text::check(inner)?)
            }
            TokenKind::LeftBrace => {
                self.open(Kind::Object, token.start);
                return Ok(());
            }
            TokenKind::LeftBracket => {
                self.open(Kind::Array, token.start);
                return Ok(());
            }
            TokenKind::Integer => (Kind::Integer, false),
            TokenKind::Float => (Kind::Float, false),
            TokenKind::Keyword => (
                keyword(source.get(token.start as usize..token.end as usize))?,
                false,
            ),
            _ => return Err("expecting value".into()),
        };
        let id = self.push(Node::leaf(kind, escaped, token.start, token.end));
        self.completed(id, kind == Kind::String, source);
        Ok(())
    }

    pub(super) fn open(&mut self, kind: Kind, start: u32) {
        let is_object = kind == Kind::Object;
        let node = self.push(Node::container(kind, start));
        self.open.push(Open {
            node,
            is_object,
            key: None,
            first_key: self.keys.len(),
            many: None,
        });
        self.expected = if is_object {
            Expected::Member
        } else {
            Expected::Element
        };
    }

    /// Ends the innermost container: what it holds reaches to the last node so far.
    pub(super) fn close(&mut self, source: Source<'_>) {
        let Some(open) = self.open.pop() else {
            return; // a container's end is due only where one is open
        };
        let next = self.nodes.len() as u32;
        self.nodes[open.node.0 as usize].close(next);
        self.keys.truncate(open.first_key);
        self.completed(open.node, false, source);
    }

    /// Goes on behind a value.
    #[inline(always)] // a fifth of the time for reading strings
    pub(super) fn completed(&mut self, id: NodeId, is_string: bool, source: Source<'_>) {
        let Some(open) = self.open.last_mut() else {
            self.expected = Expected::Nothing;
            return;
        };
        if !open.is_object {
            self.expected = Expected::ArraySeparator;
        } else if let Some(key) = open.key.take() {
            self.expected = Expected::ObjectSeparator;
            if !self.is_new(key, source) {
                self.fail("duplicate key".into());
            }
        } else if is_string {
            open.key = Some(id);
            self.expected = Expected::Colon;
        } else {
            self.fail("key is not a string in object".into());
        }
    }

    /// Whether the innermost object has not had this key, which it has from now on.
    fn is_new(&mut self, key: NodeId, source: Source<'_>) -> bool {
        let Some(open) = self.open.last() else {
            return true;
        };
        let few = &self.keys[open.first_key..];
        if open.many.is_some() || few.len() >= FEW_MEMBERS {
            return self.is_new_among_many(key, source);
        }
        let node = |id: NodeId| self.nodes[id.0 as usize];
        let name = node(key);
        let is_new = few.iter().all(|&other| !source.same(node(other), name));
        self.keys.push(key);
        is_new
    }

    #[inline(never)]
    fn is_new_among_many(&mut self, key: NodeId, source: Source<'_>) -> bool {
        let Some(open) = self.open.last_mut() else {
            return true;
        };
        let name = |id: NodeId| source.name(self.nodes[id.0 as usize]);
        let few = self.keys.drain(open.first_key..);
        let many = open.many.get_or_insert_with(|| few.map(name).collect());
        many.insert(name(key))
    }

    #[inline]
    pub(super) fn push(&mut self, node: Node) -> NodeId {
        let id = self.nodes.len() as u32; // it fits: so many tokens are not let through
        self.nodes.push(node);
        NodeId(id)
    }
}

fn keyword(text: &[u8]) -> Result<Kind> {
    match text {
        b"true" | b"false" => Ok(Kind::Bool),
        b"null" => Ok(Kind::Null),
        other => Err(format!(
            "invalid keyword '{}'",
            String::from_utf8_lossy(other)
        )),
    }
}

fn cut(mut error: String) -> String {
    let mut end = MAX_ERROR_BYTES.min(error.len());
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    error.truncate(end);
    error
}

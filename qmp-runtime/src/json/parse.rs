//! The grammar: tokens of one message to a [`Document`].

use super::document::{Document, Kind, Node, NodeId};
use super::lex::TokenKind;
use super::stream::Token;
use super::text;
use super::value::{Map, Value};

/// Descriptions of grammar errors are cut to this many bytes.
const MAX_ERROR_BYTES: usize = 1023;
/// Objects up to this size are searched for duplicate keys without a hash table.
const FEW_MEMBERS: usize = 16;

type Result<T> = std::result::Result<T, String>;

/// Parses the tokens of a message.
///
/// # Errors
/// QEMU's description of the first grammar error.
pub(super) fn parse(bytes: Vec<u8>, tokens: &[Token], spare: &mut Spare) -> Result<Document> {
    let mut nodes = std::mem::take(&mut spare.nodes);
    nodes.clear();
    // No more nodes than values and keys, each of which is a token.
    nodes.reserve(tokens.len());
    spare.keys.clear();
    let document = Document { bytes, nodes };
    let mut parser = Parser {
        document,
        tokens,
        at: 0,
        open_keys: &mut spare.keys,
    };
    parser
        .value()
        .map_err(|error| format!("JSON parse error, {}", cut(error)))?;
    Ok(parser.document)
}

fn cut(mut error: String) -> String {
    let mut end = MAX_ERROR_BYTES.min(error.len());
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    error.truncate(end);
    error
}

/// Memory that one message leaves to the next.
#[derive(Debug, Default)]
pub(super) struct Spare {
    pub(super) nodes: Vec<Node>,
    keys: Vec<NodeId>,
}

struct Parser<'t> {
    document: Document,
    tokens: &'t [Token],
    at: usize,
    /// The keys of the objects that are open, the innermost one's last.
    open_keys: &'t mut Vec<NodeId>,
}

impl Parser<'_> {
    fn peek(&self) -> Result<Token> {
        self.tokens
            .get(self.at)
            .copied()
            .ok_or_else(|| "premature EOI".into())
    }

    fn next(&mut self) -> Result<Token> {
        let token = self.peek()?;
        self.at += 1;
        Ok(token)
    }

    /// Recursion is bounded: the stream lets at most `MAX_NESTING` levels through.
    fn value(&mut self) -> Result<NodeId> {
        let token = self.next()?;
        match token.kind {
            TokenKind::LeftBrace => self.object(token),
            TokenKind::LeftBracket => self.array(token),
            TokenKind::String => {
                let inner = &self.document.bytes[token.start as usize + 1..token.end as usize];
                let escaped = !token.plain && text::check(inner)?;
                Ok(self.push(Kind::String, escaped, token))
            }
            TokenKind::Integer => Ok(self.push(Kind::Integer, false, token)),
            TokenKind::Float => Ok(self.push(Kind::Float, false, token)),
            TokenKind::Keyword => self.keyword(token),
            _ => Err("expecting value".into()),
        }
    }

    fn keyword(&mut self, token: Token) -> Result<NodeId> {
        let kind = match &self.document.bytes[token.start as usize..token.end as usize] {
            b"true" | b"false" => Kind::Bool,
            b"null" => Kind::Null,
            other => {
                return Err(format!(
                    "invalid keyword '{}'",
                    String::from_utf8_lossy(other)
                ));
            }
        };
        Ok(self.push(kind, false, token))
    }

    fn array(&mut self, open: Token) -> Result<NodeId> {
        let array = self.push(Kind::Array, false, open);
        if self.peek()?.kind == TokenKind::RightBracket {
            self.at += 1;
            return Ok(array);
        }
        loop {
            self.value()?;
            match self.next()?.kind {
                TokenKind::RightBracket => break,
                TokenKind::Comma => {}
                _ => return Err("expected separator in list".into()),
            }
        }
        Ok(self.close(array))
    }

    fn object(&mut self, open: Token) -> Result<NodeId> {
        let object = self.push(Kind::Object, false, open);
        if self.peek()?.kind == TokenKind::RightBrace {
            self.at += 1;
            return Ok(object);
        }
        let mut keys = Keys {
            first: self.open_keys.len(),
            many: Map::new(),
        };
        loop {
            self.pair(&mut keys)?;
            match self.next()?.kind {
                TokenKind::RightBrace => break,
                TokenKind::Comma => {}
                _ => return Err("expected separator in dict".into()),
            }
        }
        self.open_keys.truncate(keys.first);
        Ok(self.close(object))
    }

    fn pair(&mut self, keys: &mut Keys) -> Result<()> {
        let key = self.value()?;
        if self.document.kind(key) != Kind::String {
            return Err("key is not a string in object".into());
        }
        if self.next()?.kind != TokenKind::Colon {
            return Err("missing : in object pair".into());
        }
        self.value()?;
        if self.is_new(keys, key) {
            Ok(())
        } else {
            Err("duplicate key".into())
        }
    }

    fn is_new(&mut self, keys: &mut Keys, key: NodeId) -> bool {
        if !keys.many.is_empty() {
            return keys.many.insert(self.name(key), Value::Null).is_none();
        }
        let few = &self.open_keys[keys.first..];
        if few.iter().any(|&other| self.document.same_text(other, key)) {
            return false;
        }
        self.open_keys.push(key);
        if self.open_keys.len() - keys.first > FEW_MEMBERS {
            for key in self.open_keys.split_off(keys.first) {
                keys.many.insert(self.name(key), Value::Null);
            }
        }
        true
    }

    fn name(&self, key: NodeId) -> String {
        self.document.str(key).unwrap_or_default().into_owned()
    }

    fn push(&mut self, kind: Kind, escaped: bool, token: Token) -> NodeId {
        let id = self.document.nodes.len() as u32;
        self.document.nodes.push(Node {
            kind,
            escaped,
            start: token.start,
            end: token.end,
            next: id + 1,
        });
        NodeId(id)
    }

    /// Ends a container: what it holds reaches to the last node so far.
    fn close(&mut self, container: NodeId) -> NodeId {
        let next = self.document.nodes.len() as u32;
        self.document.nodes[container.0 as usize].next = next;
        container
    }
}

/// The keys of an object so far: a few are searched one by one, many through a hash table.
struct Keys {
    /// Where the object's keys start among those of all open objects.
    first: usize,
    /// As a map of values, which clients have anyway: a table of another kind is code of its own.
    many: Map<String, Value>,
}

//! The grammar: tokens of one message to a [`Document`].

use std::collections::HashSet;

use super::document::{Document, Kind, Node, NodeId};
use super::lex::TokenKind;
use super::stream::Token;
use super::text;

/// Descriptions of grammar errors are cut to this many bytes.
const MAX_ERROR_BYTES: usize = 1023;
/// Objects up to this size are searched for duplicate keys without a hash table.
const FEW_MEMBERS: usize = 16;

type Result<T> = std::result::Result<T, String>;

/// Parses the tokens of a message.
///
/// # Errors
/// QEMU's description of the first grammar error.
pub(super) fn parse(bytes: Vec<u8>, tokens: &[Token]) -> Result<Document> {
    let document = Document {
        bytes,
        nodes: Vec::with_capacity(tokens.len()),
    };
    let mut parser = Parser {
        document,
        tokens,
        at: 0,
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

struct Parser<'t> {
    document: Document,
    tokens: &'t [Token],
    at: usize,
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
                let inner = &self.document.bytes[token.start as usize + 1..token.end as usize - 1];
                let escaped = text::check(inner)?;
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
        let mut keys = Keys::default();
        loop {
            self.pair(&mut keys)?;
            match self.next()?.kind {
                TokenKind::RightBrace => break,
                TokenKind::Comma => {}
                _ => return Err("expected separator in dict".into()),
            }
        }
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
        if keys.is_new(&self.document, key) {
            Ok(())
        } else {
            Err("duplicate key".into())
        }
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

/// The keys of an object so far.
#[derive(Default)]
struct Keys {
    few: Vec<NodeId>,
    many: HashSet<String>,
}

impl Keys {
    fn is_new(&mut self, document: &Document, key: NodeId) -> bool {
        let Some(name) = document.str(key) else {
            return false;
        };
        if !self.many.is_empty() {
            return self.many.insert(name.into_owned());
        }
        if self.few.iter().any(|&other| document.str_is(other, &name)) {
            return false;
        }
        self.few.push(key);
        if self.few.len() > FEW_MEMBERS {
            let names = self.few.drain(..).filter_map(|key| document.str(key));
            self.many = names.map(std::borrow::Cow::into_owned).collect();
        }
        true
    }
}

//! The expression tree: JSON-like values with a span on every node.
//!
//! The schema language is a subset of JSON in single quotes: objects, arrays, strings and booleans.
//! A [`Parser`] yields one top-level piece after the other and goes on behind an error at the next
//! line that looks like the start of an expression.

use bumpalo::Bump;
use foldhash::HashSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::lex::{Lexer, Token, TokenKind};
use crate::source::Span;

/// How deeply objects and arrays may nest; QEMU's own schemas need six.
pub const MAX_NESTING: usize = 100;

/// Holds the expressions of a schema, and what is made of them on the way; all of it goes at once.
#[derive(Debug, Default)]
pub struct Arena(Bump);

/// A value in the arena.
pub(crate) type Kept<'t, T> = bumpalo::boxed::Box<'t, T>;

impl Arena {
    pub(crate) fn text(&self, text: &str) -> &str {
        self.0.alloc_str(text)
    }

    pub(crate) fn keep<T>(&self, value: T) -> Kept<'_, T> {
        Kept::new_in(value, &self.0)
    }

    pub(crate) fn list<T, I>(&self, all: I) -> &mut [T]
    where
        I: IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    {
        self.0.alloc_slice_fill_iter(all)
    }
}

/// A value and where it stands; strings are those of the text as far as possible.
#[derive(Debug, PartialEq, Eq)]
pub struct Node<'t> {
    /// The value.
    pub value: Value<'t>,
    /// Where it stands, brackets and quotes included.
    pub span: Span,
}

/// A value.
#[derive(Debug, PartialEq, Eq)]
pub enum Value<'t> {
    /// A string, its escapes resolved.
    Str(&'t str),
    /// `true` or `false`.
    Bool(bool),
    /// An array.
    List(&'t mut [Node<'t>]),
    /// An object, in the order written; no key stands twice.
    Object(&'t mut [Entry<'t>]),
}

/// One key of an object and its value.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'t> {
    /// The key.
    pub key: &'t str,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node<'t>,
}

impl<'t> Node<'t> {
    /// The string, if it is one.
    #[inline]
    pub fn as_str(&self) -> Option<&'t str> {
        match self.value {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_list(&self) -> Option<&[Node<'t>]> {
        match &self.value {
            Value::List(nodes) => Some(nodes),
            _ => None,
        }
    }

    /// The entries, if it is an object.
    #[inline]
    pub fn as_object(&self) -> Option<&[Entry<'t>]> {
        match &self.value {
            Value::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key, if it is an object that has it.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Node<'t>> {
        let found = self.as_object()?.iter().find(|entry| entry.key == key)?;
        Some(&found.value)
    }

    /// A copy, down to its leaves.
    pub(crate) fn copy(&self, arena: &'t Arena) -> Node<'t> {
        let value = match &self.value {
            Value::Str(text) => Value::Str(text),
            Value::Bool(flag) => Value::Bool(*flag),
            Value::List(nodes) => {
                Value::List(arena.list(nodes.iter().map(|node| node.copy(arena))))
            }
            Value::Object(entries) => {
                Value::Object(arena.list(entries.iter().map(|entry| entry.copy(arena))))
            }
        };
        Node {
            value,
            span: self.span,
        }
    }
}

impl<'t> Entry<'t> {
    /// A copy, down to its leaves.
    pub(crate) fn copy(&self, arena: &'t Arena) -> Entry<'t> {
        Entry {
            key: self.key,
            key_span: self.key_span,
            value: self.value.copy(arena),
        }
    }
}

const MISSING_COMMA: &str = "missing comma put in, as the readers of QEMU 1.x did";
const TRAILING_COMMA: &str = "comma before '}' left out, as the readers of QEMU 1.x did";

type Parsed<T> = Result<T, Box<Diagnostic>>;

/// Reads the expressions of one file, with one token of lookahead.
#[derive(Debug)]
pub struct Parser<'s> {
    arena: &'s Arena,
    lexer: Lexer<'s>,
    token: Token<'s>,
    /// The values in the lists and objects that are open, and the keys of these, with their places. What is read goes
    /// here at once, as values that are handed on are copied each time.
    nodes: Vec<Node<'s>>,
    keys: Vec<(&'s str, Span)>,
    /// Whether the commas that QEMU 1.x let slip are forgiven.
    lenient: bool,
    /// What was forgiven.
    notes: Vec<Diagnostic>,
}

impl<'s> Parser<'s> {
    /// A parser for the text of the file with this id; `lenient` forgives a comma that is missing
    /// between the keys of a top-level object, or that stands before a closing brace.
    pub fn new(arena: &'s Arena, text: &'s str, file: u32, lenient: bool) -> Parser<'s> {
        let lexer = Lexer::new(text, file);
        let token = lexer.start();
        Parser {
            arena,
            lexer,
            token,
            nodes: Vec::new(),
            keys: Vec::new(),
            lenient,
            notes: Vec::new(),
        }
    }

    /// Reads the first token.
    ///
    /// # Errors
    ///
    /// When the text starts with no token.
    pub fn start(&mut self) -> Parsed<()> {
        self.advance()
    }

    /// The token that comes next.
    #[inline]
    pub fn token(&self) -> Token<'s> {
        self.token
    }

    /// What was forgiven since the last call.
    pub fn take_notes(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.notes)
    }

    /// Steps to the next token; plain comments are skipped.
    ///
    /// # Errors
    ///
    /// Text that is no token.
    #[inline]
    pub fn advance(&mut self) -> Parsed<()> {
        self.lexer.next(&mut self.token)
    }

    /// Steps behind the next token if it is a comment, whatever comment it may be; the current
    /// token stays what it is.
    #[inline]
    pub fn comment(&mut self) -> Option<(&'s str, Span)> {
        self.lexer.comment()
    }

    /// Goes on after an error in the expression that began at `start`: at the next line that looks
    /// like a start.
    ///
    /// # Errors
    ///
    /// Never in practice, as such a line starts with a token; call again then.
    pub fn recover(&mut self, start: Span) -> Parsed<()> {
        if self.token.span.start() > start.start() && self.token.kind != TokenKind::End {
            let behind_token = self.lexer.pos() > self.token.span.end() as usize;
            if !behind_token {
                self.lexer.rewind(&self.token);
            }
        }
        self.lexer.recover();
        self.advance()
    }

    /// One expression.
    ///
    /// # Errors
    ///
    /// Whatever is malformed in it; call [`Parser::recover`] then.
    pub fn expression(&mut self) -> Parsed<Node<'s>> {
        self.nodes.clear();
        self.keys.clear();
        self.node(0)?;
        match self.nodes.pop() {
            Some(node) => Ok(node),
            None => self.fail("expected '{', '[', string, or boolean"),
        }
    }

    fn fail<T>(&self, message: &str) -> Parsed<T> {
        Err(Box::new(Diagnostic::syntax(
            Code::Expected,
            message,
            self.token.span,
        )))
    }

    /// Reads a value onto the end of `nodes`.
    fn node(&mut self, depth: usize) -> Parsed<()> {
        let first = self.token;
        if depth >= MAX_NESTING {
            let message = format!("expressions nest deeper than {MAX_NESTING} levels");
            let problem = Diagnostic::syntax(Code::NestedTooDeeply, message, first.span);
            return Err(Box::new(problem));
        }
        match first.kind {
            TokenKind::Punct('{') => self.object(first.span, depth),
            TokenKind::Punct('[') => self.list(first.span, depth),
            TokenKind::Str => {
                self.nodes.push(Node {
                    value: Value::Str(self.unescape(first)),
                    span: first.span,
                });
                self.advance()
            }
            TokenKind::Bool(flag) => {
                self.nodes.push(Node {
                    value: Value::Bool(flag),
                    span: first.span,
                });
                self.advance()
            }
            _ => self.fail("expected '{', '[', string, or boolean"),
        }
    }

    fn list(&mut self, open: Span, depth: usize) -> Parsed<()> {
        self.advance()?;
        let start = self.nodes.len();
        if !self.token.is(']') {
            let starts = matches!(
                self.token.kind,
                TokenKind::Punct('{' | '[') | TokenKind::Str | TokenKind::Bool(_)
            );
            if !starts {
                return self.fail("expected '{', '[', ']', string, or boolean");
            }
            loop {
                self.node(depth + 1)?;
                if self.token.is(']') {
                    break;
                }
                if !self.token.is(',') {
                    return self.fail("expected ',' or ']'");
                }
                self.advance()?;
            }
        }
        let span = open.to(self.token.span);
        let value = Value::List(self.arena.list(self.nodes.drain(start..)));
        self.nodes.push(Node { value, span });
        self.advance()
    }

    fn object(&mut self, open: Span, depth: usize) -> Parsed<()> {
        self.advance()?;
        let (start, first_key) = (self.nodes.len(), self.keys.len());
        if !self.token.is('}') {
            if self.token.kind != TokenKind::Str {
                return self.fail("expected string or '}'");
            }
            let mut keys = Keys::default();
            loop {
                self.entry(first_key, &mut keys, depth)?;
                if self.token.is('}') || !self.comma(depth)? {
                    break;
                }
            }
        }
        let span = open.to(self.token.span);
        let keys = self.keys.drain(first_key..);
        let entries = keys.zip(self.nodes.drain(start..));
        let entries = entries.map(|((key, key_span), value)| Entry {
            key,
            key_span,
            value,
        });
        let value = Value::Object(self.arena.list(entries));
        self.nodes.push(Node { value, span });
        self.advance()
    }

    /// A key and its value; the keys of the same object start at `start`.
    fn entry(&mut self, start: usize, keys: &mut Keys<'s>, depth: usize) -> Parsed<()> {
        let token = self.token;
        let key = self.unescape(token);
        self.advance()?;
        if !self.token.is(':') {
            return self.fail("expected ':'");
        }
        self.advance()?;
        let before = self.keys.get(start..).unwrap_or_default();
        if !keys.insert(key, before) {
            return Err(Box::new(self.duplicate(key, token.span, before)));
        }
        self.keys.push((key, token.span));
        self.node(depth + 1)
    }

    fn duplicate(&self, key: &str, span: Span, before: &[(&str, Span)]) -> Diagnostic {
        let message = format!("duplicate key '{key}'");
        let problem =
            Diagnostic::syntax(Code::DuplicateKey, message, span).anchor(self.token.span, true);
        match before.iter().find(|(other, _)| *other == key) {
            Some((_, first)) => problem.label(*first, "first given here"),
            None => problem,
        }
    }

    /// Steps over the comma between two entries; false when the object ends all the same.
    fn comma(&mut self, depth: usize) -> Parsed<bool> {
        let comma = self.token;
        if comma.is(',') {
            self.advance()?;
            if self.lenient && self.token.is('}') {
                self.forgive("expected string", TRAILING_COMMA, self.token.span);
                return Ok(false);
            }
        } else if self.lenient && depth == 0 && comma.kind == TokenKind::Str {
            self.forgive("expected ',' or '}'", MISSING_COMMA, comma.span);
        } else {
            return self.fail("expected ',' or '}'");
        }
        if self.token.kind != TokenKind::Str {
            return self.fail("expected string");
        }
        Ok(true)
    }

    /// The only escape is a doubled backslash.
    fn unescape(&self, token: Token<'s>) -> &'s str {
        match token.escapes {
            true => self.arena.text(&token.text.replace("\\\\", "\\")),
            false => token.text,
        }
    }

    fn forgive(&mut self, message: &str, note: &'static str, span: Span) {
        let help = "only schemas of QEMU 1.x got away with it";
        let problem = Diagnostic::syntax(Code::Expected, message, span);
        self.notes.push(problem.help(help).lifted_as(note));
    }
}

/// The keys of an object so far. Few are compared one by one, many are hashed.
#[derive(Default)]
struct Keys<'s> {
    hashed: HashSet<&'s str>,
}

impl<'s> Keys<'s> {
    const FEW: usize = 32;

    /// Notes a key; false when it is there already. `before` are those before it.
    fn insert(&mut self, key: &'s str, before: &[(&'s str, Span)]) -> bool {
        if before.len() < Self::FEW {
            return before.iter().all(|(other, _)| *other != key);
        }
        if self.hashed.is_empty() {
            self.hashed.extend(before.iter().map(|(key, _)| *key));
        }
        self.hashed.insert(key)
    }
}

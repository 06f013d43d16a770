//! An expression with its comments.

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::MAX_NESTING;
use crate::lex::{Lexer, Token, TokenKind};
use crate::source::{MAX_FILE_SIZE, Span};

/// A comment that stands behind something on the same line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trail<'t> {
    pub(super) text: &'t str,
    /// The column of its `#`, counted from zero.
    pub(super) column: usize,
}

/// A value.
#[derive(Debug)]
pub(super) enum Item<'t> {
    /// A string with its quotes, `true` or `false`.
    Word(&'t str),
    List(Group<'t>),
    Object(Group<'t>),
}

/// What stands between two brackets.
#[derive(Debug, Default)]
pub(super) struct Group<'t> {
    pub(super) parts: Vec<Part<'t>>,
    /// Comments on lines of their own in front of the closing bracket.
    pub(super) last: Vec<&'t str>,
}

/// An element of a list, or a key with its value.
#[derive(Debug)]
pub(super) struct Part<'t> {
    /// Comments on lines of their own in front of it.
    pub(super) lead: Vec<&'t str>,
    /// The key with its quotes.
    pub(super) key: Option<&'t str>,
    pub(super) item: Item<'t>,
    /// Comments behind it and its comma.
    pub(super) trail: Vec<Trail<'t>>,
}

impl Group<'_> {
    /// Whether there is a comment anywhere inside.
    pub(super) fn has_comments(&self) -> bool {
        !self.last.is_empty() || self.parts.iter().any(Part::has_comments)
    }
}

impl Part<'_> {
    fn has_comments(&self) -> bool {
        !self.lead.is_empty() || !self.trail.is_empty() || self.item.has_comments()
    }
}

impl Item<'_> {
    pub(super) fn has_comments(&self) -> bool {
        match self {
            Item::Word(_) => false,
            Item::List(group) | Item::Object(group) => group.has_comments(),
        }
    }
}

type Read<T> = Result<T, Box<Diagnostic>>;

/// Reads expressions and the comments in them.
pub(super) struct Reader<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    token: Token<'t>,
    /// Where the token before ends.
    end: usize,
}

pub(super) fn too_large() -> Diagnostic {
    let message = format!("file is larger than {MAX_FILE_SIZE} bytes");
    Diagnostic::error(Code::FileTooLarge, message, Span::NOWHERE)
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Read<Reader<'t>> {
        let mut lexer = Lexer::new(text, 0);
        let token = lexer.token_with_comments()?;
        Ok(Reader {
            text,
            lexer,
            token,
            end: 0,
        })
    }

    pub(super) fn token(&self) -> Token<'t> {
        self.token
    }

    pub(super) fn advance(&mut self) -> Read<()> {
        self.end = self.token.span.end() as usize;
        self.token = self.lexer.token_with_comments()?;
        Ok(())
    }

    /// The white space in front of the token.
    fn space(&self) -> &'t str {
        let start = self.token.span.start() as usize;
        self.text.get(self.end..start).unwrap_or_default()
    }

    /// Whether there is an empty line in front of the token.
    pub(super) fn blank_before(&self) -> bool {
        self.space().bytes().filter(|byte| *byte == b'\n').count() > 1
    }

    fn fail<T>(&self, message: &str) -> Read<T> {
        let problem = Diagnostic::syntax(Code::Expected, message, self.token.span);
        Err(Box::new(problem))
    }

    /// A top-level expression; comments behind it on its last line belong to it.
    pub(super) fn expression(&mut self) -> Read<Part<'t>> {
        let item = self.item(0)?;
        let mut trail = Vec::new();
        self.trail(&mut trail)?;
        Ok(Part {
            lead: Vec::new(),
            key: None,
            item,
            trail,
        })
    }

    /// Comments on lines of their own.
    fn lead(&mut self, lead: &mut Vec<&'t str>) -> Read<()> {
        while self.token.kind == TokenKind::Comment {
            lead.push(self.token.text.trim_end());
            self.advance()?;
        }
        Ok(())
    }

    /// A comment on the line of what comes before it.
    fn trail(&mut self, trail: &mut Vec<Trail<'t>>) -> Read<()> {
        if self.token.kind == TokenKind::Comment && !self.space().contains('\n') {
            let start = self.token.span.start() as usize;
            let before = self.text.get(..start).unwrap_or_default();
            let line = before.rfind('\n').map_or(before, |at| &before[at + 1..]);
            trail.push(Trail {
                text: self.token.text.trim_end(),
                column: line.chars().count(),
            });
            self.advance()?;
        }
        Ok(())
    }

    fn item(&mut self, depth: usize) -> Read<Item<'t>> {
        let token = self.token;
        if depth >= MAX_NESTING {
            let message = format!("expressions nest deeper than {MAX_NESTING} levels");
            let problem = Diagnostic::syntax(Code::NestedTooDeeply, message, token.span);
            return Err(Box::new(problem));
        }
        let item = match token.kind {
            TokenKind::Str | TokenKind::Bool(_) => {
                Item::Word(self.text.get(token.span.range()).unwrap_or_default())
            }
            TokenKind::Punct('{') => return Ok(Item::Object(self.group('}', depth)?)),
            TokenKind::Punct('[') => return Ok(Item::List(self.group(']', depth)?)),
            _ => return self.fail("expected '{', '[', string, or boolean"),
        };
        self.advance()?;
        Ok(item)
    }

    /// What stands between the current bracket and `close`.
    fn group(&mut self, close: char, depth: usize) -> Read<Group<'t>> {
        self.advance()?;
        let mut group = Group::default();
        let mut lead = Vec::new();
        loop {
            self.lead(&mut lead)?;
            if self.token.is(close) {
                group.last = lead;
                self.advance()?;
                return Ok(group);
            }
            let mut part = self.part(close == '}', std::mem::take(&mut lead), depth)?;
            let mut more = self.comma(close, depth)?;
            self.trail(&mut part.trail)?;
            group.parts.push(part);
            if !more {
                // Comments in front of a comma go to what is behind it.
                self.lead(&mut lead)?;
                more = self.comma(close, depth)?;
            }
            if !more && !self.token.is(close) {
                return self.fail("expected ',' or a closing bracket");
            }
        }
    }

    fn part(&mut self, keyed: bool, mut lead: Vec<&'t str>, depth: usize) -> Read<Part<'t>> {
        let mut key = None;
        if keyed {
            if self.token.kind != TokenKind::Str {
                return self.fail("expected string or '}'");
            }
            key = self.text.get(self.token.span.range());
            self.advance()?;
            self.lead(&mut lead)?;
            if !self.token.is(':') {
                return self.fail("expected ':'");
            }
            self.advance()?;
            self.lead(&mut lead)?;
        }
        let item = self.item(depth + 1)?;
        let trail = Vec::new();
        Ok(Part {
            lead,
            key,
            item,
            trail,
        })
    }

    /// Steps over a comma; whether another part follows. The commas that QEMU 1.x let slip may
    /// miss.
    fn comma(&mut self, close: char, depth: usize) -> Read<bool> {
        if self.token.is(',') {
            self.advance()?;
            return Ok(true);
        }
        Ok(depth == 0 && close == '}' && self.token.kind == TokenKind::Str)
    }
}

//! From tokens to messages: balances braces and brackets, guards the limits, reports errors.

use super::document::Document;
use super::lex::{Lexer, Step, TokenKind};
use super::parse;

/// How deep objects and arrays may nest.
pub const MAX_NESTING: usize = 1024;
/// How many tokens a message may have.
pub const MAX_TOKENS: usize = 2 << 20;
/// How many bytes a token, and all tokens of a message together, may have.
pub const MAX_TOKEN_BYTES: usize = 64 << 20;

/// A buffer larger than this is given back once its message is done.
const KEEP_BYTES: usize = 64 << 10;

/// A token and where its text stands in the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// What a stream of bytes holds.
#[derive(Debug)]
pub enum Item {
    /// A complete value.
    Message(Document),
    /// Something that is no value, with QEMU's description of it.
    Error(String),
}

/// Cuts a stream of bytes into messages.
///
/// A message ends at its closing brace (a bare number or keyword at the byte behind it); an error
/// drops what was gathered and reading goes on, as QEMU's monitor does. Memory is bounded by
/// [`MAX_TOKEN_BYTES`] and [`MAX_TOKENS`].
#[derive(Debug)]
pub struct Stream {
    lexer: Lexer,
    bytes: Vec<u8>,
    tokens: Vec<Token>,
    /// Where the token being read starts.
    token_start: usize,
    braces: isize,
    brackets: isize,
}

impl Default for Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream {
    /// A stream at its beginning.
    pub fn new() -> Self {
        Stream {
            lexer: Lexer::new(),
            bytes: Vec::new(),
            tokens: Vec::new(),
            token_start: 0,
            braces: 0,
            brackets: 0,
        }
    }

    /// Whether a message is half read.
    pub fn is_idle(&self) -> bool {
        self.bytes.is_empty() && self.tokens.is_empty()
    }

    /// Reads up to the end of the next item; takes what it read off the front of `input`.
    ///
    /// Returns `None` when the input is used up.
    pub fn next_item(&mut self, input: &mut &[u8]) -> Option<Item> {
        let bytes = *input;
        // What of the token being read lies in this input: `run..at`.
        let (mut run, mut at) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            // Not a byte beyond the limit: reading starts anew right behind it.
            let room = MAX_TOKEN_BYTES + 1 - (self.token_len() + at - run);
            let plain = self.lexer.plain_text(&bytes[at..], room);
            let step = if plain > 0 {
                Step::Take
            } else {
                self.lexer.step(byte)
            };
            at += match step {
                Step::Again | Step::FinishBefore(_) => 0,
                _ => plain.max(1),
            };
            let item = match step {
                Step::Skip | Step::Again => {
                    run = at;
                    None
                }
                Step::Take => self.guard_token(at - run),
                Step::Finish(kind) | Step::FinishBefore(kind) => {
                    self.bytes.extend_from_slice(&bytes[run..at]);
                    run = at;
                    self.guard_token(0).or_else(|| self.finish(kind))
                }
                Step::Stray => {
                    self.bytes.extend_from_slice(&bytes[run..at]);
                    Some(self.stray())
                }
            };
            if item.is_some() {
                *input = &bytes[at..];
                return item;
            }
        }
        self.bytes.extend_from_slice(&bytes[run..]);
        *input = &[];
        None
    }

    fn stray(&mut self) -> Item {
        let text = String::from_utf8_lossy(&self.bytes[self.token_start..]);
        // A NUL ends the text, as it does in QEMU's reply.
        let text = text.split('\0').next().unwrap_or_default();
        let error = format!("JSON parse error, stray '{text}'");
        self.fail(error)
    }

    fn token_len(&self) -> usize {
        self.bytes.len() - self.token_start
    }

    /// A token, of which `more` bytes are not gathered yet, may not outgrow the limit.
    fn guard_token(&mut self, more: usize) -> Option<Item> {
        if self.token_len() + more <= MAX_TOKEN_BYTES {
            return None;
        }
        self.lexer.restart();
        Some(self.fail("JSON token size limit exceeded".into()))
    }

    fn finish(&mut self, kind: TokenKind) -> Option<Item> {
        match kind {
            TokenKind::LeftBrace => self.braces += 1,
            TokenKind::RightBrace => self.braces -= 1,
            TokenKind::LeftBracket => self.brackets += 1,
            TokenKind::RightBracket => self.brackets -= 1,
            _ => {}
        }
        if let Some(limit) = self.exceeded() {
            return Some(self.fail(format!("JSON {limit} limit exceeded")));
        }
        let end = self.bytes.len();
        // Both fit: a message has at most MAX_TOKEN_BYTES bytes.
        self.tokens.push(Token {
            kind,
            start: self.token_start as u32,
            end: end as u32,
        });
        self.token_start = end;
        let open = self.braces > 0 || self.brackets > 0;
        if open && self.braces >= 0 && self.brackets >= 0 {
            return None;
        }
        Some(self.complete())
    }

    fn exceeded(&self) -> Option<&'static str> {
        if self.bytes.len() > MAX_TOKEN_BYTES {
            Some("token size")
        } else if self.tokens.len() + 1 > MAX_TOKENS {
            Some("token count")
        } else if self.braces + self.brackets > MAX_NESTING as isize {
            Some("nesting depth")
        } else {
            None
        }
    }

    fn complete(&mut self) -> Item {
        let bytes = std::mem::take(&mut self.bytes);
        let item = match parse::parse(bytes, &self.tokens) {
            Ok(document) => Item::Message(document),
            Err(error) => Item::Error(error),
        };
        self.reset();
        item
    }

    fn fail(&mut self, error: String) -> Item {
        self.reset();
        Item::Error(error)
    }

    fn reset(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEEP_BYTES);
        self.tokens.clear();
        self.tokens.shrink_to(KEEP_BYTES / size_of::<Token>());
        self.token_start = 0;
        self.braces = 0;
        self.brackets = 0;
    }
}

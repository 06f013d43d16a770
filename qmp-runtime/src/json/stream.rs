//! From tokens to messages: balances braces and brackets, guards the limits, reports errors.

use super::document::{Document, Node};
use super::lex::{Lexer, Step, TokenKind};
use super::{parse, text};

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
    /// Known to be a string of plain ASCII without escapes.
    pub(super) plain: bool,
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
#[derive(Debug, Default)]
pub struct Stream {
    lexer: Lexer,
    message: Message,
    spare: parse::Spare,
}

/// The message being read.
#[derive(Debug, Default)]
struct Message {
    /// Its text, as far as it was copied from the input. A blank between two tokens is kept, more of
    /// them are not: text in one piece is copied faster, and blanks must not cost memory.
    bytes: Vec<u8>,
    tokens: Vec<Token>,
    /// How many bytes the finished tokens have.
    token_bytes: usize,
    /// Where the token being read starts.
    start: Option<usize>,
    /// There was a blank since the last token.
    gap: bool,
    braces: isize,
    brackets: isize,
}

/// What a finished token brought about.
enum Finished {
    More,
    Whole,
    Exceeds(&'static str),
}

impl Stream {
    /// A stream at its beginning.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the memory of a message that is done with for the next one.
    pub(crate) fn recycle(&mut self, document: Document) {
        let Document { mut bytes, nodes } = document;
        if self.message.bytes.capacity() == 0 && bytes.capacity() <= KEEP_BYTES {
            bytes.clear();
            self.message.bytes = bytes;
        }
        if nodes.capacity() <= KEEP_BYTES / size_of::<Node>() {
            self.spare.nodes = nodes;
        }
    }

    /// Reads up to the end of the next item; takes what it read off the front of `input`.
    ///
    /// Returns `None` when the input is used up.
    pub fn next_item(&mut self, input: &mut &[u8]) -> Option<Item> {
        let bytes = *input;
        let message = &mut self.message;
        // What was looked at and not copied: `run..at`.
        let (mut run, mut at) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            let here = message.bytes.len() + at - run;
            if let Some((kind, length)) = self.lexer.whole(&bytes[at..]) {
                at += length;
                let plain = kind == TokenKind::String;
                match message.finish(kind, here, here + length, plain) {
                    Finished::More => continue,
                    Finished::Whole => {
                        message.bytes.extend_from_slice(&bytes[run..at]);
                        *input = &bytes[at..];
                        return Some(message.complete(&mut self.spare));
                    }
                    Finished::Exceeds(limit) => {
                        *input = &bytes[at..];
                        return Some(message.fail(format!("JSON {limit} limit exceeded")));
                    }
                }
            }
            // Not a byte beyond the limit: reading starts anew right behind it.
            let room = MAX_TOKEN_BYTES + 1 - message.start.map_or(0, |start| here - start);
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
                Step::Again => None,
                Step::Skip => {
                    if message.skip() {
                        message.bytes.extend_from_slice(&bytes[run..at - 1]);
                        run = at;
                    }
                    None
                }
                Step::Take => {
                    let start = *message.start.get_or_insert(here);
                    let length = message.bytes.len() + at - run - start;
                    (length > MAX_TOKEN_BYTES).then(|| {
                        self.lexer.restart();
                        message.fail("JSON token size limit exceeded".into())
                    })
                }
                Step::Finish(kind) | Step::FinishBefore(kind) => {
                    let end = message.bytes.len() + at - run;
                    match message.finish(kind, here, end, false) {
                        Finished::More => None,
                        Finished::Whole => {
                            message.bytes.extend_from_slice(&bytes[run..at]);
                            Some(message.complete(&mut self.spare))
                        }
                        Finished::Exceeds(limit) => {
                            Some(message.fail(format!("JSON {limit} limit exceeded")))
                        }
                    }
                }
                Step::Stray => {
                    message.bytes.extend_from_slice(&bytes[run..at]);
                    Some(message.stray(here))
                }
            };
            if item.is_some() {
                *input = &bytes[at..];
                return item;
            }
        }
        message.bytes.extend_from_slice(&bytes[run..]);
        *input = &[];
        None
    }
}

impl Message {
    /// Takes note of a byte between tokens; says whether it is to be left out.
    fn skip(&mut self) -> bool {
        self.tokens.is_empty() || std::mem::replace(&mut self.gap, true)
    }

    fn finish(&mut self, kind: TokenKind, here: usize, end: usize, plain: bool) -> Finished {
        let start = self.start.take().unwrap_or(here);
        self.gap = false;
        match kind {
            TokenKind::LeftBrace => self.braces += 1,
            TokenKind::RightBrace => self.braces -= 1,
            TokenKind::LeftBracket => self.brackets += 1,
            TokenKind::RightBracket => self.brackets -= 1,
            _ => {}
        }
        self.token_bytes += end - start;
        if self.token_bytes > MAX_TOKEN_BYTES {
            return Finished::Exceeds("token size");
        }
        if self.tokens.len() + 1 > MAX_TOKENS {
            return Finished::Exceeds("token count");
        }
        if self.braces + self.brackets > MAX_NESTING as isize {
            return Finished::Exceeds("nesting depth");
        }
        // Both fit: at most one blank stands between two tokens.
        self.tokens.push(Token {
            kind,
            start: start as u32,
            end: end as u32,
            plain,
        });
        let open = self.braces > 0 || self.brackets > 0;
        if open && self.braces >= 0 && self.brackets >= 0 {
            Finished::More
        } else {
            Finished::Whole
        }
    }

    fn complete(&mut self, spare: &mut parse::Spare) -> Item {
        let bytes = std::mem::take(&mut self.bytes);
        let item = match parse::parse(bytes, &self.tokens, spare) {
            Ok(document) => Item::Message(document),
            Err(error) => Item::Error(error),
        };
        self.reset();
        item
    }

    fn stray(&mut self, here: usize) -> Item {
        let start = self.start.unwrap_or(here);
        // A NUL ends the text, as it does in QEMU's reply.
        let bytes = self.bytes[start..].split(|&byte| byte == 0).next();
        let text = text::lossy(bytes.unwrap_or_default());
        let error = format!("JSON parse error, stray '{text}'");
        self.fail(error)
    }

    fn fail(&mut self, error: String) -> Item {
        self.reset();
        Item::Error(error)
    }

    fn reset(&mut self) {
        let (mut bytes, mut tokens) = (
            std::mem::take(&mut self.bytes),
            std::mem::take(&mut self.tokens),
        );
        bytes.clear();
        bytes.shrink_to(KEEP_BYTES);
        tokens.clear();
        tokens.shrink_to(KEEP_BYTES / size_of::<Token>());
        *self = Message {
            bytes,
            tokens,
            ..Message::default()
        };
    }
}

//! From tokens to messages: balances braces and brackets, guards the limits, reports errors.

use super::document::Document;
use super::lex::{Lexer, Step, TokenKind};
use super::parse::{Parser, Token};
use super::run::Room;
use super::source::Source;
use super::text;

/// How deep objects and arrays may nest.
pub const MAX_NESTING: usize = 1024;
/// How many tokens a message may have.
pub const MAX_TOKENS: usize = 2 << 20;
/// How many bytes a token, and all tokens of a message together, may have.
pub const MAX_TOKEN_BYTES: usize = 64 << 20;

/// A buffer larger than this is given back once its message is done.
pub(super) const KEEP_BYTES: usize = 64 << 10;

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
}

/// The message being read.
#[derive(Debug, Default)]
struct Message {
    /// Its text, as far as it was copied from the input. A blank between two tokens is kept, more of
    /// them are not: text in one piece is copied faster, and blanks must not cost memory.
    bytes: Vec<u8>,
    parser: Parser,
    /// How many tokens are finished.
    tokens: usize,
    /// How many bytes they have.
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
        let Document { text, nodes } = document;
        let mut bytes = text.into_bytes();
        if self.message.bytes.capacity() == 0 && bytes.capacity() <= KEEP_BYTES {
            bytes.clear();
            self.message.bytes = bytes;
        }
        self.message.parser.recycle(nodes);
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
            if self.lexer.is_between_tokens() {
                let used = message.quick(&bytes[run..], at - run);
                if used > 0 {
                    at += used;
                    if !message.parser.is_complete() {
                        continue;
                    }
                    message.bytes.extend_from_slice(&bytes[run..at]);
                    *input = &bytes[at..];
                    return Some(message.complete());
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
                    if message
                        .start
                        .is_some_and(|start| start < message.bytes.len())
                    {
                        // Came in pieces: from here on it stands in one place.
                        message.bytes.extend_from_slice(&bytes[run..at]);
                        run = at;
                    }
                    match message.finish(kind, here, &bytes[run..at]) {
                        Finished::More => None,
                        Finished::Whole => {
                            message.bytes.extend_from_slice(&bytes[run..at]);
                            Some(message.complete())
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

impl Stream {
    /// The last item of an input that has come to its end.
    pub fn end(&mut self) -> Option<Item> {
        // A number ends where something else begins.
        match self.next_item(&mut &b"\n"[..]) {
            Some(Item::Error(error)) => Some(Item::Error(error.replace("\n'", "'"))),
            None if self.message.tokens > 0 => Some(self.message.complete()),
            item => item,
        }
    }
}

impl Message {
    /// Takes note of a byte between tokens; says whether it is to be left out.
    fn skip(&mut self) -> bool {
        self.tokens == 0 || std::mem::replace(&mut self.gap, true)
    }

    /// Takes tokens from `input[at..]`, where most of a message can be taken quickly; how many bytes.
    ///
    /// Only while the grammar holds: then what is open is in balance, and all counts can be kept there.
    #[inline]
    fn quick(&mut self, input: &[u8], at: usize) -> usize {
        let source = Source {
            copied: &self.bytes,
            input,
        };
        let room = Room {
            tokens: MAX_TOKENS - self.tokens,
            bytes: MAX_TOKEN_BYTES - self.token_bytes,
        };
        let run = self.parser.run(source, at, room);
        self.tokens += run.tokens;
        self.token_bytes += run.used - run.blanks;
        self.braces += run.braces;
        self.brackets += run.brackets;
        if run.used > 0 {
            self.gap = run.ends_blank;
        }
        run.used
    }

    /// Takes a token that ends where `input`, the text that was not copied, does. If nothing of it was
    /// noted before, it starts at `here`.
    fn finish(&mut self, kind: TokenKind, here: usize, input: &[u8]) -> Finished {
        let start = self.start.take().unwrap_or(here);
        let end = self.bytes.len() + input.len();
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
        self.tokens += 1;
        if self.tokens > MAX_TOKENS {
            return Finished::Exceeds("token count");
        }
        if self.braces + self.brackets > MAX_NESTING as isize {
            return Finished::Exceeds("nesting depth");
        }
        // Both fit: at most one blank stands between two tokens.
        let token = Token {
            kind,
            start: start as u32,
            end: end as u32,
        };
        let source = Source {
            copied: &self.bytes,
            input,
        };
        self.parser.token(token, source);
        let open = self.braces > 0 || self.brackets > 0;
        if open && self.braces >= 0 && self.brackets >= 0 {
            Finished::More
        } else {
            Finished::Whole
        }
    }

    fn complete(&mut self) -> Item {
        let bytes = std::mem::take(&mut self.bytes);
        let item = match self.parser.complete(bytes) {
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
        let (mut bytes, mut parser) = (
            std::mem::take(&mut self.bytes),
            std::mem::take(&mut self.parser),
        );
        bytes.clear();
        bytes.shrink_to(KEEP_BYTES);
        parser.reset();
        *self = Message {
            bytes,
            parser,
            ..Message::default()
        };
    }
}

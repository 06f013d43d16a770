//! The short way for what most messages are made of: punctuation with at most one blank behind it, strings
//! of plain ASCII that are whole, keywords, and integers of digits alone. Everything else, errors too, is left to the
//! long way, byte by byte.

use super::document::Kind;
use super::lex::end_of_plain;
use super::node::Node;
use super::parse::{Expected, Parser};
use super::source::Source;
use super::stream::MAX_NESTING;

/// How much a message may still grow.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) tokens: usize,
    pub(super) bytes: usize,
}

/// What was taken.
#[derive(Default)]
pub(super) struct Run {
    /// How many bytes.
    pub(super) used: usize,
    /// How many of them are blanks.
    pub(super) blanks: usize,
    /// The last one is a blank.
    pub(super) ends_blank: bool,
    pub(super) tokens: usize,
    /// How many braces were opened and not closed, or the other way round.
    pub(super) braces: isize,
    pub(super) brackets: isize,
}

impl Parser {
    /// Takes tokens from the uncopied part of the text, from `at` on, as long as they are simple; up to the
    /// end of the message, or to an error of the grammar.
    #[inline]
    pub(super) fn run(&mut self, source: Source<'_>, at: usize, room: Room) -> Run {
        let mut run = Run::default();
        let input = source.input;
        // Whatever comes, it stays within the limits.
        let limit = input
            .len()
            .min(at.saturating_add(room.tokens.min(room.bytes)));
        let base = source.copied.len();
        let mut here = at;
        while let Some(&byte) = input[..limit].get(here) {
            let start = (base + here) as u32;
            match (self.expected, byte) {
                (Expected::Value | Expected::Member | Expected::Element, b'"') => {
                    let text = &input[here + 1..limit];
                    let Some(end) = end_of_plain(text).filter(|&end| text[end] == b'"') else {
                        break;
                    };
                    here += end + 2;
                    let id =
                        self.push(Node::leaf(Kind::String, false, start, (base + here) as u32));
                    self.completed(id, true, source);
                }
                (Expected::Colon, b':')
                | (Expected::ArraySeparator | Expected::ObjectSeparator, b',') => {
                    self.expected = Expected::Value;
                    here += 1;
                    if input[..limit].get(here) == Some(&b' ') {
                        here += 1;
                        run.blanks += 1;
                    }
                }
                (Expected::Value | Expected::Member | Expected::Element, b'{' | b'[')
                    if self.depth() < MAX_NESTING =>
                {
                    if byte == b'{' {
                        run.braces += 1;
                        self.open(Kind::Object, start);
                    } else {
                        run.brackets += 1;
                        self.open(Kind::Array, start);
                    }
                    here += 1;
                }
                (Expected::Member | Expected::ObjectSeparator, b'}')
                | (Expected::Element | Expected::ArraySeparator, b']') => {
                    if byte == b'}' {
                        run.braces -= 1;
                    } else {
                        run.brackets -= 1;
                    }
                    here += 1;
                    self.close(source);
                }
                (Expected::Value | Expected::Element, _) => {
                    let Some((kind, length)) = scalar(&input[here..limit]) else {
                        break;
                    };
                    here += length;
                    let id = self.push(Node::leaf(kind, false, start, (base + here) as u32));
                    self.completed(id, false, source);
                }
                _ => break,
            }
            run.tokens += 1;
        }
        run.used = here - at;
        run.ends_blank = run.used > 0 && input[here - 1] == b' ';
        run
    }
}

/// The keyword or number of digits at the start, with its length, if what is behind it shows that it is whole.
#[inline]
fn scalar(text: &[u8]) -> Option<(Kind, usize)> {
    let (kind, length) = match text {
        [b'n', b'u', b'l', b'l', ..] => (Kind::Null, 4),
        [b't', b'r', b'u', b'e', ..] => (Kind::Bool, 4),
        [b'f', b'a', b'l', b's', b'e', ..] => (Kind::Bool, 5),
        [b'0', ..] => (Kind::Integer, 1),
        [b'1'..=b'9', rest @ ..] => {
            let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
            (Kind::Integer, 1 + digits)
        }
        _ => return None,
    };
    matches!(text.get(length), Some(b',' | b'}' | b']')).then_some((kind, length))
}

//! The short way for what most messages are made of: punctuation with at most one blank behind it, and strings
//! of plain ASCII that are whole. Everything else, errors too, is left to the long way, byte by byte.

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
                    let result = self.completed(id, source);
                    self.keep_error(result);
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
                    let result = self.close(source);
                    self.keep_error(result);
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

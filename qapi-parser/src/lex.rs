//! Tokens over the text, without allocation.
//!
//! The language has punctuation, strings in single quotes, `true` and `false`. Comments run from
//! `#` to the end of the line; one that starts with `##` opens a documentation comment and is a
//! token, the others are skipped unless they are asked for.

use std::ops::Range;

use memchr::memchr;

use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// One of `{ } [ ] : ,`.
    Punct(char),
    /// A string; the text is what stands between the quotes, escapes as written.
    Str,
    /// `true` or `false`.
    Bool(bool),
    /// A comment, from its `#` to the end of the line.
    Comment,
    /// The end of the file; it lies on the last newline.
    End,
}

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'s> {
    /// What it is.
    pub kind: TokenKind,
    /// Its text.
    pub text: &'s str,
    /// Where it is, quotes included.
    pub span: Span,
    /// Whether it is a string with escapes.
    pub escapes: bool,
}

impl Token<'_> {
    /// Whether it is this punctuation mark.
    #[inline]
    pub fn is(&self, mark: char) -> bool {
        self.kind == TokenKind::Punct(mark)
    }
}

/// Cuts a text into tokens.
#[derive(Debug, Clone)]
pub struct Lexer<'s> {
    text: &'s str,
    file: u32,
    pos: usize,
}

impl<'s> Lexer<'s> {
    /// A lexer at the start of the text of the file with this id.
    pub fn new(text: &'s str, file: u32) -> Lexer<'s> {
        Lexer { text, file, pos: 0 }
    }

    /// The offset behind the last token.
    pub fn pos(&self) -> usize {
        self.pos
    }

    /// The span of a byte range of this file.
    #[inline]
    pub fn span(&self, start: usize, end: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span::new(self.file, offset(start), offset(end))
    }

    /// The next token. Plain comments are skipped, those that open a documentation comment not.
    ///
    /// # Errors
    ///
    /// A malformed string, or text that starts no token; the lexer stands behind it then.
    pub fn token(&mut self) -> Result<Token<'s>, Box<Diagnostic>> {
        let mut token = self.start();
        self.next(&mut token)?;
        Ok(token)
    }

    /// The empty token at the start of the text.
    pub(crate) fn start(&self) -> Token<'s> {
        Token {
            kind: TokenKind::End,
            text: "",
            span: self.span(0, 0),
            escapes: false,
        }
    }

    /// As [`Lexer::token`]. It writes to where the token is to be, as copies of tokens are what would cost
    /// most.
    #[inline]
    pub(crate) fn next(&mut self, token: &mut Token<'s>) -> Result<(), Box<Diagnostic>> {
        loop {
            self.next_with_comments(token)?;
            if token.kind != TokenKind::Comment || token.text.starts_with("##") {
                return Ok(());
            }
        }
    }

    /// The next token, whatever comment it may be.
    ///
    /// # Errors
    ///
    /// As for [`Lexer::token`].
    pub fn token_with_comments(&mut self) -> Result<Token<'s>, Box<Diagnostic>> {
        let mut token = self.start();
        self.next_with_comments(&mut token)?;
        Ok(token)
    }

    fn next_with_comments(&mut self, token: &mut Token<'s>) -> Result<(), Box<Diagnostic>> {
        let start = self.skip_space();
        let Some((kind, range, escapes)) = scan(self.text.as_bytes(), start) else {
            if start == self.text.len() {
                *token = self.end();
                return Ok(());
            }
            return Err(self.failure(start));
        };
        // The quotes belong to the token, not to its text.
        let quote = usize::from(kind == TokenKind::Str);
        self.pos = range.end + quote;
        token.text = self.text.get(range).unwrap_or_default();
        token.kind = kind;
        token.span = self.span(start, self.pos);
        token.escapes = escapes;
        Ok(())
    }

    /// The text and the place of the next token if it is a comment; the lexer stands still otherwise.
    #[inline]
    pub fn comment(&mut self) -> Option<(&'s str, Span)> {
        let bytes = self.text.as_bytes();
        let start = match bytes.get(self.pos..self.pos + 2) {
            Some(b"\n#") => self.pos + 1,
            _ => self.skip_space(),
        };
        let rest = bytes.get(start..)?;
        if rest.first() != Some(&b'#') {
            return None;
        }
        let end = memchr(b'\n', rest).map_or(self.text.len(), |len| start + len);
        self.pos = end;
        Some((self.text.get(start..end)?, self.span(start, end)))
    }

    #[inline]
    fn skip_space(&self) -> usize {
        skip_space(self.text, self.pos)
    }

    fn end(&mut self) -> Token<'s> {
        self.pos = self.text.len();
        let at = if self.text.ends_with('\n') {
            self.pos - 1
        } else {
            self.pos
        };
        Token {
            kind: TokenKind::End,
            text: "",
            span: self.span(at, at),
            escapes: false,
        }
    }

    /// Says what is wrong at `start`, where no token matches, and steps behind it.
    #[cold]
    fn failure(&mut self, start: usize) -> Box<Diagnostic> {
        let rest = &self.text[start..];
        if let Some(inside) = rest.strip_prefix('\'') {
            return Box::new(self.string_failure(start, inside));
        }
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let behind = &rest[first..];
        let end = behind.find(ends_stray).unwrap_or(behind.len());
        let word = &rest[..first + end];
        self.pos = start + word.len();
        let message = format!("stray '{word}'");
        let span = self.span(start, self.pos);
        Box::new(Diagnostic::syntax(Code::StrayText, message, span))
    }

    fn string_failure(&mut self, start: usize, inside: &str) -> Diagnostic {
        let base = start + 1;
        let mut escaped = false;
        for (at, c) in inside.char_indices() {
            let problem = match c {
                '\n' => break,
                _ if escaped && c != '\\' => (Code::UnknownEscape, format!("unknown escape \\{c}")),
                '\\' => {
                    escaped = !escaped;
                    continue;
                }
                ' '..='~' => continue,
                _ => (Code::FunnyCharacter, "funny character in string".to_owned()),
            };
            self.pos = self.line_end(base + at);
            return self.string_diagnostic(problem, start, (base + at, base + at + c.len_utf8()));
        }
        self.pos = self.line_end(start);
        let message = "missing terminating \"'\"";
        Diagnostic::syntax(
            Code::UnterminatedString,
            message,
            self.span(start, self.pos),
        )
    }

    fn string_diagnostic(
        &self,
        (code, message): (Code, String),
        start: usize,
        (at, end): (usize, usize),
    ) -> Diagnostic {
        Diagnostic::syntax(code, message, self.span(at, end))
            .anchor(self.span(start, end), true)
            .help("strings hold printable ASCII; the only escape is \\\\")
    }

    fn line_end(&self, from: usize) -> usize {
        self.text[from..]
            .find('\n')
            .map_or(self.text.len(), |at| from + at)
    }

    /// Steps on to the next line that looks like the start of a top-level expression or of a
    /// documentation comment: the place to go on after an error.
    pub fn recover(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = self.pos;
        let at_line_start = at > 0 && bytes.get(at - 1) == Some(&b'\n');
        if !at_line_start {
            at = self.line_end(at) + 1;
        }
        while at < bytes.len() && !starts_expression(&bytes[at..]) {
            at = self.line_end(at) + 1;
        }
        self.pos = at.min(bytes.len());
    }

    /// Steps back to the start of a token that was read.
    pub fn rewind(&mut self, token: &Token<'_>) {
        self.pos = token.span.start() as usize;
    }
}

/// The offset of the next character from `at` on that is no white space.
#[inline]
pub(crate) fn skip_space(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    while let Some(b' ' | b'\t'..=b'\r') = bytes.get(at) {
        at += 1;
    }
    match bytes.get(at) {
        Some(0x80..) => skip_wide_space(text, at),
        _ => at,
    }
}

/// White space beyond ASCII is rare enough to be looked for the slow way.
#[cold]
fn skip_wide_space(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.len() - rest.trim_start().len()
}

fn starts_expression(line: &[u8]) -> bool {
    line.starts_with(b"{") || line.starts_with(b"##")
}

fn ends_stray(c: char) -> bool {
    c.is_whitespace() || "[]{}:,'\"".contains(c)
}

/// The token that starts at `start`, if one does: its kind, where its text is, and whether that has
/// escapes.
#[inline]
fn scan(bytes: &[u8], start: usize) -> Option<(TokenKind, Range<usize>, bool)> {
    let rest = bytes.get(start..)?;
    Some(match rest.first()? {
        mark @ (b'{' | b'}' | b'[' | b']' | b':' | b',') => {
            let kind = TokenKind::Punct(char::from(*mark));
            (kind, start..start + 1, false)
        }
        b'\'' => {
            let (len, escapes) = string_length(&rest[1..])?;
            (TokenKind::Str, start + 1..start + 1 + len, escapes)
        }
        b'#' => {
            let len = memchr(b'\n', rest).unwrap_or(rest.len());
            (TokenKind::Comment, start..start + len, false)
        }
        b't' if rest.starts_with(b"true") => (TokenKind::Bool(true), start..start + 4, false),
        b'f' if rest.starts_with(b"false") => (TokenKind::Bool(false), start..start + 5, false),
        _ => return None,
    })
}

/// The bytes that stand for themselves in a string.
const PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        table[byte as usize] = byte != b'\'' && byte != b'\\';
        byte += 1;
    }
    table
};

/// How long the text of a string is, up to its closing quote, and whether it has escapes; none when
/// it is malformed.
#[inline]
fn string_length(inside: &[u8]) -> Option<(usize, bool)> {
    let plain = inside.iter().position(|byte| !PLAIN[usize::from(*byte)])?;
    match inside.get(plain) {
        Some(b'\'') => Some((plain, false)),
        _ => Some((escaped_length(inside, plain)?, true)),
    }
}

/// As [`string_length`], for a string with escapes from `plain` on.
#[cold]
fn escaped_length(inside: &[u8], plain: usize) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in inside.iter().enumerate().skip(plain) {
        match byte {
            b'\\' => escaped = !escaped,
            _ if escaped => return None,
            b'\'' => return Some(at),
            b' '..=b'~' => {}
            _ => return None,
        }
    }
    None
}

//! A comment block as lines.

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::Parser;
use crate::lex::TokenKind;
use crate::source::Span;

use super::problems::Problems;

/// One line, without `# ` and without space at its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'s> {
    pub(super) text: &'s str,
    /// The comment, its `#` included.
    pub(super) span: Span,
    /// Where the text starts in the file.
    pub(super) start: u32,
}

impl Line<'_> {
    /// The number of bytes of white space in front of the text.
    pub(super) fn indent(&self) -> usize {
        self.text.len() - self.text.trim_start().len()
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

/// Reads a block whose opening token is the parser's current one. The parser is left at the token
/// behind it.
///
/// Fails only on text that is no token; what else is wrong goes to `problems`.
pub(super) fn read<'s>(
    parser: &mut Parser<'s>,
    problems: &mut Problems,
) -> Result<(Vec<Line<'s>>, Span), Box<Diagnostic>> {
    let open = parser.token();
    let mut lines = Vec::new();
    if open.text != "##" {
        let message = "junk after '##' at start of documentation comment";
        problems.legacy(Diagnostic::syntax(Code::DocDelimiter, message, open.span));
        lines.extend(opening_line(open.text, open.span));
    }
    let mut span = open.span;
    loop {
        parser.advance_with_comments()?;
        let token = parser.token();
        if token.kind != TokenKind::Comment {
            let message = "documentation comment must end with '##'";
            problems.legacy(Diagnostic::syntax(Code::DocDelimiter, message, token.span));
            if is_skipped(parser) {
                parser.advance()?;
            }
            return Ok((lines, span));
        }
        span = span.to(token.span);
        if token.text.starts_with("##") {
            if token.text != "##" {
                let message = "junk after '##' at end of documentation comment";
                problems.legacy(Diagnostic::syntax(Code::DocDelimiter, message, token.span));
            }
            parser.advance()?;
            return Ok((lines, span));
        }
        lines.push(line(token.text, token.span, problems));
    }
}

/// Whether the current token is a comment that only the reader of blocks wants to see.
fn is_skipped(parser: &Parser<'_>) -> bool {
    let token = parser.token();
    token.kind == TokenKind::Comment && !token.text.starts_with("##")
}

/// Before QEMU 2.8, `## @name` opened a block too.
fn opening_line(comment: &str, span: Span) -> Option<Line<'_>> {
    let text = comment.trim_start_matches('#').trim();
    let start = span.start + offset(comment, text);
    (!text.is_empty()).then_some(Line { text, span, start })
}

fn line<'s>(comment: &'s str, span: Span, problems: &mut Problems) -> Line<'s> {
    let rest = comment.strip_prefix('#').unwrap_or(comment);
    let text = rest.strip_prefix(' ').unwrap_or(rest);
    if !rest.is_empty() && !rest.starts_with(' ') {
        let message = "missing space after #";
        problems.legacy(Diagnostic::syntax(Code::DocLayout, message, span));
    }
    let start = span.start + offset(comment, text);
    Line {
        text: text.trim_end(),
        span,
        start,
    }
}

/// The offset of the part `of` in `text`.
fn offset(text: &str, of: &str) -> u32 {
    let at = (of.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    u32::try_from(at).unwrap_or(0)
}

//! A comment block as lines.

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::Parser;
use crate::lex::skip_space;
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
        skip_space(self.text, 0)
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

/// Reads the lines of a block whose opening token is the parser's current one, and its span. The parser is left at the token
/// behind it.
///
/// Fails only on text that is no token; what else is wrong goes to `problems`.
pub(super) fn read<'s>(
    parser: &mut Parser<'s>,
    lines: &mut Vec<Line<'s>>,
    problems: &mut Problems,
) -> Result<Span, Box<Diagnostic>> {
    let open = parser.token();
    if open.text != "##" {
        lines.extend(opening_line(open.text, open.span, problems));
    }
    let mut span = open.span;
    loop {
        let Some((text, place)) = parser.comment() else {
            parser.advance()?;
            let token = parser.token();
            let message = "documentation comment must end with '##'";
            let problem = Diagnostic::syntax(Code::DocDelimiter, message, token.span);
            problems.lift(problem, "comment without its closing '##' ended here");
            return Ok(span);
        };
        span = span.to(place);
        if text.starts_with("##") {
            if text != "##" {
                let message = "junk after '##' at end of documentation comment";
                let problem = Diagnostic::syntax(Code::DocDelimiter, message, place);
                problems.lift(problem, "text behind the closing '##' left out");
            }
            parser.advance()?;
            return Ok(span);
        }
        lines.push(line(text, place, problems));
    }
}

/// Before QEMU 2.8, `## @name` opened a block too.
#[cold]
fn opening_line<'s>(comment: &'s str, span: Span, problems: &mut Problems) -> Option<Line<'s>> {
    let message = "junk after '##' at start of documentation comment";
    let problem = Diagnostic::syntax(Code::DocDelimiter, message, span);
    problems.lift(
        problem,
        "text behind '##' read as the first line of the comment",
    );
    let text = comment.trim_start_matches('#').trim();
    let start = span.start() + offset(comment, text);
    (!text.is_empty()).then_some(Line { text, span, start })
}

#[inline]
fn line<'s>(comment: &'s str, span: Span, problems: &mut Problems) -> Line<'s> {
    let (mark, text) = match comment.strip_prefix("# ") {
        Some(text) => (2, text),
        None => (1, comment.get(1..).unwrap_or_default()),
    };
    if mark == 1 && !text.is_empty() {
        close_mark(span, problems);
    }
    let start = span.start() + mark;
    // Most lines end with what is clearly no space.
    let text = match text.as_bytes().last() {
        Some(b'!'..=b'~') => text,
        _ => text.trim_end(),
    };
    Line { text, span, start }
}

#[cold]
fn close_mark(span: Span, problems: &mut Problems) {
    let message = "missing space after #";
    let problem = Diagnostic::syntax(Code::DocLayout, message, span);
    problems.lift(problem, "text behind '#' read without a space between them");
}

/// The offset of the part `of` in `text`.
fn offset(text: &str, of: &str) -> u32 {
    let at = (of.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    u32::try_from(at).unwrap_or(0)
}

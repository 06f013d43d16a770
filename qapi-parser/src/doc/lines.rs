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

/// Steps over the block whose opening token is the parser's current one, to the token behind it, and notes where its
/// lines are.
///
/// # Errors
///
/// No token behind it.
pub(crate) fn skip(parser: &mut Parser<'_>, lines: &mut Vec<Span>) -> Result<(), Box<Diagnostic>> {
    lines.push(parser.token().span);
    while let Some((text, place)) = parser.comment() {
        lines.push(place);
        if text.starts_with("##") {
            break;
        }
    }
    parser.advance()
}

/// Reads the lines of a block, which are at these places of `file`; `behind` is the token behind it.
pub(super) fn read<'s>(
    file: &'s str,
    places: &[Span],
    behind: Span,
    lines: &mut Vec<Line<'s>>,
    problems: &mut Problems,
) {
    let mut places = places.iter();
    let mut next = || {
        let place = *places.next()?;
        Some((file.get(place.range())?, place))
    };
    if let Some((open, span)) = next().filter(|(open, _)| *open != "##") {
        lines.extend(opening_line(open, span, problems));
    }
    while let Some((text, place)) = next() {
        if text.starts_with("##") {
            if text != "##" {
                let message = "junk after '##' at end of documentation comment";
                let problem = Diagnostic::syntax(Code::DocDelimiter, message, place);
                problems.lift(problem, "text behind the closing '##' left out");
            }
            return;
        }
        lines.push(line(text, place, problems));
    }
    let message = "documentation comment must end with '##'";
    let problem = Diagnostic::syntax(Code::DocDelimiter, message, behind);
    problems.lift(problem, "comment without its closing '##' ended here");
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

//! Layout rules that QEMU has since 10.2: width, and the space between sentences.

use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

use super::lines::Line;

/// The widest line, `# ` included.
const MAX_WIDTH: usize = 70;

/// Follows the lines of one block. Literal blocks are free.
#[derive(Debug, Default)]
pub(super) struct Layout {
    literal: bool,
    /// The indentation of the literal block; zero until its first line.
    indent: usize,
}

impl Layout {
    /// What is wrong with the next line.
    pub(super) fn check(&mut self, line: &Line<'_>) -> Option<Diagnostic> {
        if opens_literal(line.text) {
            *self = Layout {
                literal: true,
                indent: 0,
            };
        } else if self.literal && !line.is_blank() {
            let indent = line.indent();
            if self.indent == 0 {
                self.indent = indent;
            } else if indent < self.indent {
                self.literal = false;
            }
        }
        if self.literal {
            None
        } else {
            width(line).or_else(|| sentence_space(line))
        }
    }
}

/// `::` alone, or an example that starts at the margin.
fn opens_literal(text: &str) -> bool {
    let Some(directive) = text.strip_suffix("::") else {
        return false;
    };
    let directive = directive.trim_end_matches(' ');
    let example = directive
        .strip_prefix("..")
        .is_some_and(|rest| rest.starts_with(' ') && rest.trim_start_matches(' ') == "qmp-example");
    directive.is_empty() || example
}

fn width(line: &Line<'_>) -> Option<Diagnostic> {
    let wide = line.text.chars().count() + 2 > MAX_WIDTH;
    let message = format!("documentation line longer than {MAX_WIDTH} characters");
    let problem = || Diagnostic::syntax(Code::DocLayout, message, line.span);
    (wide && !is_url(line.text.trim_start())).then(problem)
}

fn is_url(text: &str) -> bool {
    let schemes = ["http://", "https://", "ftp://"];
    schemes.iter().any(|scheme| text.starts_with(scheme)) && !text.contains(' ')
}

fn sentence_space(line: &Line<'_>) -> Option<Diagnostic> {
    let bytes = line.text.as_bytes();
    for at in 0..bytes.len().saturating_sub(2) {
        let ends = matches!(bytes[at], b'.' | b'!' | b'?') && bytes[at + 1] == b' ';
        let next = bytes[at + 2];
        let starts = next.is_ascii_uppercase() || next.is_ascii_digit() || next == b'(';
        if ends && starts && !is_exempt(line.text, at) {
            return Some(spacing_problem(line, at));
        }
    }
    None
}

/// An abbreviation or the number of a list item ends at `at`.
fn is_exempt(text: &str, at: usize) -> bool {
    let Some(before) = text.get(..=at) else {
        return true;
    };
    let number = before.trim_start_matches(' ');
    let is_number = number.len() == 2 && number.as_bytes()[0].is_ascii_digit();
    let word = before.strip_suffix("e.g.");
    let starts_word = |rest: &str| !rest.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    is_number || word.is_some_and(starts_word)
}

fn spacing_problem(line: &Line<'_>, at: usize) -> Diagnostic {
    // QEMU points at the space behind the full stop.
    let start = line.start + u32::try_from(at + 1).unwrap_or(0);
    let span = Span::new(line.span.file(), start, start + 1);
    Diagnostic::syntax(Code::DocLayout, "Use two spaces between sentences", span)
        .note("If this not the end of a sentence, please report a bug.")
}

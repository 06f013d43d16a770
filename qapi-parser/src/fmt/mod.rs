//! The canonical layout of a schema file: that of QEMU's own, at 70 columns.
//!
//! - A definition stands on one line if it fits. Otherwise `data`, `base`, `discriminator`,
//!   `features` and `if` start lines of their own, and what is short follows on the line at hand.
//! - Members stand on one line or each on its own, below each other; values fill lines.
//! - Comments stay what and where they are; white space at their ends goes. Documentation comments
//!   keep their wording and line breaks.
//! - One blank line at most stands between things; there is one in front of each documentation
//!   comment and none behind it.
//!
//! Old forms stay as they are, except that commas are put right.

mod layout;
mod tree;

use std::path::PathBuf;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::lex::TokenKind;
use crate::outcome::Failure;
use crate::source::{MAX_FILE_SIZE, SourceMap};
use crate::text::Whole;

use layout::Layout;
use tree::Reader;

/// The widest line, if it can be helped.
pub const WIDTH: usize = 70;

/// Lays out the text of a schema file. Only its syntax is looked at: includes are not followed.
///
/// # Errors
///
/// What is malformed in the text.
pub fn format(text: &str) -> Result<String, Failure> {
    let failure = |problem: Diagnostic| {
        let mut sources = SourceMap::default();
        sources.add(PathBuf::from("schema"), Whole::new(text.to_owned()), None);
        Failure {
            diagnostics: vec![problem],
            sources: Arc::new(sources),
        }
    };
    if text.len() > MAX_FILE_SIZE {
        return Err(failure(tree::too_large()));
    }
    pieces(text).map_err(|problem| failure(*problem))
}

/// What the last piece was, as far as blank lines are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Comment,
    /// A line of a documentation comment that is still open.
    Open,
    /// The end of a documentation comment.
    Closed,
    Expression,
}

fn pieces(text: &str) -> Result<String, Box<Diagnostic>> {
    let mut reader = Reader::new(text)?;
    let mut out = String::with_capacity(text.len());
    let mut last = Last::Nothing;
    // Whether the comment is one for a definition.
    let mut named = false;
    loop {
        let token = reader.token();
        let gap = reader.blank_before();
        match token.kind {
            TokenKind::End => return Ok(out),
            TokenKind::Comment => {
                let line = token.text.trim_end();
                let mark = line.starts_with("##");
                let blank = match last {
                    Last::Nothing => false,
                    Last::Open => gap && !mark,
                    _ => gap || mark,
                };
                named =
                    !mark && (named || line.starts_with("# @")) || (named && last == Last::Open);
                separate(&mut out, blank);
                out.push_str(line);
                out.push('\n');
                last = last.comment(mark);
                reader.advance()?;
            }
            _ => {
                let documented = named && matches!(last, Last::Open | Last::Closed);
                let expression = reader.expression()?;
                separate(&mut out, gap && !documented && last != Last::Nothing);
                Layout::new(&mut out).expression(&expression);
                last = Last::Expression;
            }
        }
    }
}

impl Last {
    /// What the last piece is behind a further comment; `mark` says that it starts with `##`.
    fn comment(self, mark: bool) -> Last {
        match (mark, self) {
            (true, Last::Open) | (false, Last::Closed) => Last::Closed,
            (true, _) | (false, Last::Open) => Last::Open,
            _ => Last::Comment,
        }
    }
}

fn separate(out: &mut String, blank: bool) {
    if blank && !out.ends_with("\n\n") {
        out.push('\n');
    }
}

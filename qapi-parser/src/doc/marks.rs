//! The marks that structure a block: `@name:`, tags, and what they look like when outdated.

use memchr::memchr;

use crate::diagnostic::{Code, Diagnostic};

use super::SectionKind;
use super::lines::Line;

pub(super) fn outdated(kind: SectionKind, line: Line<'_>) -> Diagnostic {
    let tag = line.text.split(':').next().unwrap_or_default();
    let instead = match kind {
        SectionKind::Note => {
            "rST's '.. note::' or '.. admonition:: notes' directives, or another \
             suitable admonition instead"
        }
        _ => "the '.. qmp-example::' directive, or other suitable markup instead",
    };
    let message = format!("The '{tag}' section is no longer supported. Please use {instead}.");
    Diagnostic::syntax(Code::DocSection, message, line.span)
}

pub(super) fn described(line: Line<'_>) -> Option<(&str, &str, Line<'_>)> {
    at_name(line.text).map(|(name, rest)| (name, rest, line))
}

/// `@name: text` as name and text.
pub(super) fn at_name(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = at_colon(line.strip_prefix('@')?)?;
    Some((name, without_space(rest)))
}

fn without_space(text: &str) -> &str {
    let space = text.bytes().take_while(|byte| *byte == b' ').count();
    text.get(space..).unwrap_or_default()
}

fn at_colon(line: &str) -> Option<(&str, &str)> {
    let at = memchr(b':', line.as_bytes())?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

/// `Tag: text` as tag and text; two colons are reST, not a tag.
pub(super) fn tag(line: &str) -> Option<(SectionKind, &str)> {
    // Most lines are told by their first character.
    if !line.starts_with(['R', 'E', 'S', 'T', 'N']) {
        return None;
    }
    let (word, rest) = at_colon(line)?;
    let kind = match word {
        "Returns" => SectionKind::Returns,
        "Errors" => SectionKind::Errors,
        "Since" => SectionKind::Since,
        "TODO" => SectionKind::Todo,
        "Note" | "Notes" => SectionKind::Note,
        "Example" | "Examples" => SectionKind::Example,
        _ => return None,
    };
    (!rest.starts_with(':')).then(|| (kind, without_space(rest)))
}

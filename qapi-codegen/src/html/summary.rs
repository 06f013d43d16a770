//! What a definition is about, in one line.

use qapi_parser::schema::Entity;

use super::page::plain;
use crate::rest::{self, Block, Inline};

/// The longest summary, in characters.
const LONGEST: usize = 160;

/// The first sentence of a definition's comment, with its markup; empty without one.
pub(super) fn of(entity: &Entity) -> Vec<Inline> {
    let body = entity.doc.as_ref().map_or("", |doc| &doc.body);
    // What is not needed is not taken apart.
    let start = body.trim_start_matches('\n');
    let first = start.split("\n\n").next().unwrap_or(start);
    match rest::parse_body(first).into_iter().next() {
        Some(Block::Paragraph(text)) => sentence(text),
        _ => Vec::new(),
    }
}

/// As [`of`], without markup and on one line.
pub(super) fn text(entity: &Entity) -> String {
    let text = plain(&of(entity));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sentence(text: Vec<Inline>) -> Vec<Inline> {
    let mut out = Vec::new();
    let mut length = 0;
    for piece in text {
        if let Inline::Text(text) = &piece {
            if let Some(end) = end_of_sentence(text) {
                let text = text.get(..end).unwrap_or(text);
                out.push(Inline::Text(text.to_owned()));
                return out;
            }
            length += text.len();
        }
        if length > LONGEST {
            out.push(shortened(piece));
            return out;
        }
        out.push(piece);
    }
    out
}

fn end_of_sentence(text: &str) -> Option<usize> {
    let ends = |(at, _): &(usize, &str)| {
        let before = text.get(..*at).unwrap_or_default();
        let behind = text.get(at + 1..).unwrap_or_default();
        let is_short_form = before.ends_with("e.g") || before.ends_with("i.e");
        behind.starts_with(char::is_whitespace) && !is_short_form
    };
    text.match_indices('.').find(ends).map(|(at, _)| at + 1)
}

fn shortened(piece: Inline) -> Inline {
    let Inline::Text(text) = piece else {
        return piece;
    };
    let short: String = text.chars().take(LONGEST).collect();
    let words = short.trim_end();
    Inline::Text(if short.len() < text.len() {
        format!("{words} …")
    } else {
        words.to_owned()
    })
}

//! Running text.

use super::markup::{Html, PLAIN};
use super::page::plain;
use super::scope::Scope;
use crate::rest::Inline;

/// Writes the pieces of a paragraph.
pub(super) fn write(html: &mut Html, scope: &Scope<'_>, pieces: &[Inline]) {
    for piece in pieces {
        put(html, scope, piece);
    }
}

fn put(html: &mut Html, scope: &Scope<'_>, piece: &Inline) {
    match piece {
        Inline::Text(text) => prose(html, scope, text),
        Inline::Escaped(c) => html.text(c.encode_utf8(&mut [0; 4])),
        Inline::Code(text) => code(html, scope.of_literal(text), text),
        Inline::Interpreted(text) => code(html, scope.of_target(text), last_part(text)),
        Inline::Name(name) => code(html, scope.of_name(name), name),
        Inline::Emphasis(text) => html.element("em", PLAIN, |html| write(html, scope, text)),
        Inline::Strong(text) => html.element("strong", PLAIN, |html| write(html, scope, text)),
        Inline::Role { role, target, text } => role_text(html, scope, role, target, text),
        Inline::Reference(text) => write(html, scope, text),
        // A link must not hold another one.
        Inline::Link { text, address } if is_web(address) => {
            html.leaf("a", &[("href", address)], &plain(text));
        }
        Inline::Link { text, .. } => write(html, scope, text),
        Inline::Address(address) => html.leaf("a", &[("href", address)], address),
    }
}

/// Text without markup, in which authors name definitions, too. What could be a word of the language
/// is one.
fn prose(html: &mut Html, scope: &Scope<'_>, text: &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut rest = text;
    while !rest.is_empty() {
        let (between, behind) = split(rest, |c| !is_part(c));
        html.text(between);
        let (word, behind) = split(behind, is_part);
        let address = if is_name(word) {
            scope.of_literal(word)
        } else {
            None
        };
        match address {
            Some(address) => html.leaf("a", &[("href", &address)], word),
            None => html.text(word),
        }
        rest = behind;
    }
}

/// The characters at the start for which this holds, and those behind.
fn split(text: &str, holds: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !holds(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// Whether a word has marks or capitals inside, as no word of the language has.
fn is_name(word: &str) -> bool {
    let inside = word.get(1..).unwrap_or_default();
    let has_marks = inside.contains(['-', '_']);
    let has_small = inside.contains(|c: char| c.is_ascii_lowercase());
    has_marks || (has_small && inside.contains(|c: char| c.is_ascii_uppercase()))
}

/// Where a link of a schema may lead.
fn is_web(address: &str) -> bool {
    let known = ["https://", "http://", "mailto:"];
    known.iter().any(|scheme| address.starts_with(scheme))
}

fn code(html: &mut Html, address: Option<String>, text: &str) {
    match address {
        Some(address) => html.element("a", &[("href", &address)], |html| {
            html.leaf("code", PLAIN, text);
        }),
        None => html.leaf("code", PLAIN, text),
    }
}

fn role_text(html: &mut Html, scope: &Scope<'_>, role: &str, target: &str, text: &[Inline]) {
    if role == "qapi" || role.starts_with("qapi:") {
        let address = scope.of_target(target);
        match text {
            [Inline::Text(text)] => code(html, address, last_part(text)),
            _ => write(html, scope, text),
        }
    } else {
        html.element("cite", PLAIN, |html| write(html, scope, text));
    }
}

/// What is to be read of a target: with `~` in front, its last part.
fn last_part(target: &str) -> &str {
    let text = target.trim_start_matches('!');
    match text.strip_prefix('~') {
        Some(text) => text.rsplit(['.', ':']).next().unwrap_or(text),
        None => text,
    }
}

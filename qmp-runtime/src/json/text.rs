//! Strings: escapes, QEMU's idea of valid UTF-8, and both ways between bytes and text.

use std::borrow::Cow;

use super::node::Node;
use super::write::{Style, Writer};

/// Checks a text that ends with its quote; says whether it needs [`unescape`].
pub(super) fn check(text: &[u8]) -> Result<bool, String> {
    if text.is_ascii() && !text.contains(&b'\\') {
        return Ok(false);
    }
    let mut escaped = false;
    let mut rest = text;
    while let [byte, _, ..] = *rest {
        let used = match byte {
            b'\\' => {
                escaped = true;
                escape(rest)?.1
            }
            0..=0x7F => 1,
            _ => {
                let (_, used) = decode(rest).ok_or("invalid UTF-8 sequence in string")?;
                escaped |= byte == 0xC0;
                used
            }
        };
        rest = &rest[used..];
    }
    Ok(escaped)
}

/// The text of a message whose strings are checked and not all UTF-8, made UTF-8: strings that are not are
/// written with escapes in place of what only QEMU reads.
#[cold]
pub(super) fn mend(bytes: &[u8], nodes: &mut [Node]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut copied = 0;
    for node in nodes {
        let range = node.range();
        out.push_str(&String::from_utf8_lossy(&bytes[copied..range.start]));
        copied = range.end;
        let start = out.len();
        let mut escaped = node.is_escaped();
        match std::str::from_utf8(&bytes[range]) {
            Ok(text) => out.push_str(text),
            Err(_) => {
                let mut quoted = Writer::new(Style::Line);
                quoted.str(&unescape(&bytes[node.inner()]));
                out.push_str(&String::from_utf8_lossy(&quoted.into_bytes()));
                escaped = true;
            }
        }
        node.moved(escaped, start as u32, out.len() as u32);
    }
    out.push_str(&String::from_utf8_lossy(&bytes[copied..]));
    out
}

/// The text of a checked string.
pub(super) fn unescape(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        let decoded = if byte == b'\\' {
            escape(rest).ok()
        } else {
            decode(rest)
        };
        let (ch, used) = decoded.unwrap_or((char::REPLACEMENT_CHARACTER, 1));
        out.push(ch);
        rest = &rest[used..];
    }
    out
}

/// Any bytes as text, for error messages: what is no UTF-8 as U+FFFD, one for as many bytes as QEMU takes
/// together: a lead byte with the continuation bytes that it asks for, as far as they are there.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    let has_noncharacter = |text: &str| text.chars().any(|ch| is_noncharacter(u32::from(ch)));
    if let Some(text) = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !has_noncharacter(text))
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (ch, used) = decode(rest).unwrap_or((char::REPLACEMENT_CHARACTER, broken(rest)));
        out.push(ch);
        rest = &rest[used..];
    }
    Cow::Owned(out)
}

/// How many bytes the broken sequence at the start takes.
fn broken(bytes: &[u8]) -> usize {
    let wanted = match bytes[0] {
        lead @ 0xC0..=0xFD => lead.leading_ones() as usize,
        _ => 1,
    };
    let is_continuation = |byte: &&u8| **byte & 0xC0 == 0x80;
    1 + bytes[1..]
        .iter()
        .take(wanted - 1)
        .take_while(is_continuation)
        .count()
}

/// Decodes one character; C0 80 stands for NUL, and noncharacters are refused, as in QEMU.
fn decode(bytes: &[u8]) -> Option<(char, usize)> {
    if bytes.starts_with(&[0xC0, 0x80]) {
        return Some(('\0', 2));
    }
    let len = match bytes.first()? {
        0..=0x7F => 1,
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let ch = std::str::from_utf8(bytes.get(..len)?)
        .ok()?
        .chars()
        .next()?;
    (!is_noncharacter(u32::from(ch))).then_some((ch, len))
}

fn is_noncharacter(code: u32) -> bool {
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

/// Decodes the escape at the start of `text`; the character and how many bytes it takes.
fn escape(text: &[u8]) -> Result<(char, usize), String> {
    let simple = |ch| Ok((ch, 2));
    match text.get(1) {
        Some(b'"') => simple('"'),
        Some(b'\'') => simple('\''),
        Some(b'\\') => simple('\\'),
        Some(b'/') => simple('/'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b'n') => simple('\n'),
        Some(b'r') => simple('\r'),
        Some(b't') => simple('\t'),
        Some(b'u') => unicode(text),
        _ => Err("invalid escape sequence in string".into()),
    }
}

fn unicode(text: &[u8]) -> Result<(char, usize), String> {
    let (code, used) = match hex(text, 2) {
        Some(high @ 0xD800..=0xDBFF) if text.get(6..8) == Some(b"\\u") => match hex(text, 8) {
            Some(low @ 0xDC00..=0xDFFF) => {
                (Some(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF)), 12)
            }
            _ => (None, 6),
        },
        code => (code, 6),
    };
    match code
        .filter(|&code| !is_noncharacter(code))
        .and_then(char::from_u32)
    {
        Some(ch) => Ok((ch, used)),
        None => {
            let shown = lossy(&text[..used.min(text.len())]);
            Err(format!("{shown} is not a valid Unicode character"))
        }
    }
}

fn hex(text: &[u8], at: usize) -> Option<u32> {
    text.get(at..at + 4)?.iter().try_fold(0, |code, &byte| {
        Some(code * 16 + char::from(byte).to_digit(16)?)
    })
}

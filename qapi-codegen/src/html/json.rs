//! What client and server say, with the JSON coloured and its names linked.

use super::markup::{Html, PLAIN};
use super::scope::Scope;

/// Writes a dialogue: lines that start with `->` are the client's, those with `<-` the server's, and
/// all others belong to the line in front of them.
pub(super) fn dialogue(html: &mut Html, scope: &Scope<'_>, lines: &[String]) {
    html.element("pre", &[("class", "dialogue"), ("tabindex", "0")], |html| {
        let mut rest = lines;
        while let [first, others @ ..] = rest {
            let (class, arrow) = speaker(first);
            let more = others.iter().take_while(|line| speaker(line).1.is_empty());
            let more = if arrow.is_empty() && first.trim().is_empty() {
                0
            } else {
                more.count()
            };
            let (message, behind) = rest.split_at(1 + more);
            html.element("span", &[("class", class)], |html| {
                let first = first.get(arrow.len()..).unwrap_or_default();
                if !arrow.is_empty() {
                    html.leaf("b", PLAIN, arrow);
                }
                let others = message.iter().skip(1).map(String::as_str);
                let text: Vec<&str> = std::iter::once(first).chain(others).collect();
                json(html, scope, &(text.join("\n") + "\n"));
            });
            rest = behind;
        }
    });
    html.raw("\n");
}

fn speaker(line: &str) -> (&'static str, &'static str) {
    if line.starts_with("->") {
        ("client", "->")
    } else if line.starts_with("<-") {
        ("server", "<-")
    } else {
        ("more", "")
    }
}

/// Writes text that may be JSON. What is not is left as it is.
fn json(html: &mut Html, scope: &Scope<'_>, text: &str) {
    let mut rest = text;
    let mut key = "";
    while let Some(c) = rest.chars().next() {
        let length = token(rest, c);
        let (token, behind) = rest.split_at(length);
        match c {
            '"' if behind.trim_start().starts_with(':') => {
                key = token;
                html.leaf("span", &[("class", "key")], token);
            }
            '"' => string(html, scope, key, token),
            '0'..='9' | '-' if token.len() > 1 || c != '-' => {
                html.leaf("span", &[("class", "number")], token);
            }
            _ if matches!(token, "true" | "false" | "null") => {
                html.leaf("span", &[("class", "number")], token);
            }
            _ => html.text(token),
        }
        rest = behind;
    }
}

/// The length of the token at the start, at least one character.
fn token(text: &str, first: char) -> usize {
    let word = |ends: &dyn Fn(char) -> bool| text.find(ends).unwrap_or(text.len());
    match first {
        '"' => string_length(text),
        c if c.is_ascii_alphanumeric() || c == '-' => {
            word(&|c: char| !(c.is_ascii_alphanumeric() || "-+._".contains(c)))
        }
        _ => {
            let starts = |c: char| c == '"' || c == '-' || c.is_ascii_alphanumeric();
            word(&starts).max(first.len_utf8())
        }
    }
}

/// A string ends with its line at the latest.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return at,
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

/// A value; the names of commands and events lead to them.
fn string(html: &mut Html, scope: &Scope<'_>, key: &str, token: &str) {
    let names = matches!(key, "\"execute\"" | "\"exec-oob\"" | "\"event\"");
    let address = if names {
        scope.of_definition(token.trim_matches('"'))
    } else {
        None
    };
    match address {
        Some(address) => html.leaf("a", &[("class", "string"), ("href", &address)], token),
        None => html.leaf("span", &[("class", "string")], token),
    }
}

#[cfg(test)]
mod tests {
    use super::token;

    #[test]
    fn tokens_end_where_they_should() {
        let cases = [
            (r#""a\"b": 1"#, r#""a\"b""#),
            (r#""a\\" 1"#, r#""a\\""#),
            ("\"open\nnext", "\"open"),
            ("-1.5e+3, 2", "-1.5e+3"),
            ("null }", "null"),
            ("{ \"a\"", "{ "),
            ("é\u{1}1", "é\u{1}"),
            ("- x", "-"),
        ];
        for (text, expected) in cases {
            let first = text.chars().next().unwrap();
            assert_eq!(&text[..token(text, first)], expected, "{text}");
        }
    }
}

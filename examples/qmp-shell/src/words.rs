//! A line of input as words: `command key=value key="quoted value" key={'json': [1, 2]}`.

/// A word and where it starts in its line, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'l> {
    pub(crate) text: &'l str,
    pub(crate) start: usize,
}

impl<'l> Word<'l> {
    /// Key and value of an argument.
    pub(crate) fn argument(&self) -> Option<(&'l str, &'l str)> {
        self.text.split_once('=').filter(|(key, _)| !key.is_empty())
    }
}

/// What keeps a blank from ending a word.
#[derive(Debug, Default)]
struct Inside {
    quote: Option<char>,
    depth: usize,
    escaped: bool,
}

impl Inside {
    /// Takes note of a character; quotes and brackets open where a value starts, or within brackets.
    fn take(&mut self, ch: char, starts_value: bool) {
        if let Some(quote) = self.quote {
            if self.escaped {
                self.escaped = false;
            } else if ch == '\\' {
                self.escaped = true;
            } else if ch == quote {
                self.quote = None;
            }
            return;
        }
        let may_open = starts_value || self.depth > 0;
        match ch {
            '"' | '\'' if may_open => self.quote = Some(ch),
            '{' | '[' if may_open => self.depth += 1,
            '}' | ']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn is_open(&self) -> bool {
        self.quote.is_some() || self.depth > 0
    }
}

/// The words of a line; the last one may be incomplete.
pub(crate) fn words(line: &str) -> Vec<Word<'_>> {
    scan(line).0
}

/// Whether a quote or bracket is open at the end of a line.
pub(crate) fn is_open(line: &str) -> bool {
    scan(line).1
}

fn scan(line: &str) -> (Vec<Word<'_>>, bool) {
    let mut words = Vec::new();
    let mut inside = Inside::default();
    let mut start = None;
    let mut before = ' ';
    let mut has_value = false;
    for (at, ch) in line.char_indices() {
        if ch.is_whitespace() && !inside.is_open() {
            if let Some(start) = start.take() {
                words.push(Word {
                    text: &line[start..at],
                    start,
                });
            }
            has_value = false;
        } else {
            let starts_value = start.is_none() || (before == '=' && !has_value);
            has_value |= before == '=';
            start.get_or_insert(at);
            inside.take(ch, starts_value);
        }
        before = ch;
    }
    if let Some(start) = start {
        words.push(Word {
            text: &line[start..],
            start,
        });
    }
    (words, inside.is_open())
}

/// The text of a quoted value; `None` when it is not quoted.
///
/// # Errors
/// The quote is not closed, or an escape is none.
pub(crate) fn unquote(value: &str) -> Option<Result<String, String>> {
    let quote = value.chars().next().filter(|ch| matches!(ch, '"' | '\''))?;
    if value.len() < 2 || !value.ends_with(quote) {
        return Some(Err(format!(
            "the quote {quote} is not closed at the end of {value}"
        )));
    }
    // The strings of QMP have either kind of quotes, and no ends of lines in them.
    let text = qmp_runtime::codec::parse_one(&value.replace('\n', "\\n").replace('\t', "\\t"))
        .map(|document| {
            document
                .str(document.root())
                .unwrap_or_default()
                .into_owned()
        })
        .map_err(|error| format!("{value}: {}", error.desc()));
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<&str> {
        words(line).iter().map(|word| word.text).collect()
    }

    #[test]
    fn blanks_in_quotes_and_brackets_stay_in_their_word() {
        assert_eq!(texts("  a b=1\tc.d=x "), ["a", "b=1", "c.d=x"]);
        assert_eq!(texts("a b=\"c d\" e='f g'"), ["a", "b=\"c d\"", "e='f g'"]);
        assert_eq!(
            texts("a b={'c': [1, \"} \"]} d=1"),
            ["a", "b={'c': [1, \"} \"]}", "d=1"]
        );
        assert_eq!(texts("a b=it's c=d"), ["a", "b=it's", "c=d"]);
        assert_eq!(texts("a b=\"\\\" c\" d"), ["a", "b=\"\\\" c\"", "d"]);
        assert_eq!(texts("{ 'execute': 'a' }"), ["{ 'execute': 'a' }"]);
        assert_eq!(texts("a b==[ c"), ["a", "b==[", "c"]);
        assert!(texts(" ").is_empty());
    }

    #[test]
    fn open_lines_are_seen() {
        for open in ["a b={", "a b=\"c", "{'a': '}'", "a b=[1, [2]"] {
            assert!(is_open(open), "{open}");
        }
        for closed in ["a", "a b={}", "a b=it's", "a b=]", "a b=\"c\""] {
            assert!(!is_open(closed), "{closed}");
        }
    }

    #[test]
    fn quotes_come_off() {
        assert_eq!(unquote("\"a\\n\\u00e9\""), Some(Ok("a\né".into())));
        assert_eq!(unquote("'a \"b\"'"), Some(Ok("a \"b\"".into())));
        assert_eq!(unquote("'a\n\tb'"), Some(Ok("a\n\tb".into())));
        assert_eq!(unquote("a"), None);
        assert!(unquote("\"a").is_some_and(|result| result.is_err()));
        assert!(unquote("\"a\\q\"").is_some_and(|result| result.is_err()));
        assert!(unquote("\"").is_some_and(|result| result.is_err()));
        assert!(unquote("'a' 'b'").is_some_and(|result| result.is_err()));
    }
}

//! A line, taken apart word by word.

use super::Stop;

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'l> {
    rest: &'l str,
    /// The full name of the command, for messages.
    command: &'static str,
}

impl<'l> Line<'l> {
    pub(super) fn new(text: &'l str) -> Self {
        Line {
            rest: text.trim(),
            command: "",
        }
    }

    /// It is one of this command's.
    pub(super) fn of(&mut self, command: &'static str) {
        self.command = command;
    }

    /// The command's first name.
    pub(super) fn command_name(&self) -> &'static str {
        self.command.split('|').next().unwrap_or_default()
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'l str {
        std::mem::take(&mut self.rest).trim()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.trim_start().is_empty()
    }

    /// The name of a command: a format may follow it without a blank.
    pub(super) fn name(&mut self) -> Option<&'l str> {
        self.rest = self.rest.trim_start();
        let is_end = |letter: char| letter.is_ascii_whitespace() || letter == '/';
        let (name, rest) = self
            .rest
            .split_at(self.rest.find(is_end).unwrap_or(self.rest.len()));
        if name.is_empty() {
            return None;
        }
        self.rest = rest;
        Some(name)
    }

    /// What the next character is if it is this one; takes it.
    pub(super) fn takes(&mut self, letter: char) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(letter);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The next character if `is_it` says so; takes it.
    pub(super) fn letter(&mut self, is_it: impl Fn(char) -> bool) -> Option<char> {
        let letter = self.rest.chars().next().filter(|letter| is_it(*letter))?;
        self.rest = &self.rest[letter.len_utf8()..];
        Some(letter)
    }

    /// The next character, which stays.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Switches such as `-a`, in any order.
    pub(super) fn flags<const N: usize>(&mut self, known: [char; N]) -> Result<[bool; N], Stop> {
        let mut on = [false; N];
        loop {
            self.skip_blanks();
            let mut letters = self.rest.chars();
            let (Some('-'), Some(letter)) = (letters.next(), letters.next()) else {
                return Ok(on);
            };
            if !letters
                .next()
                .is_none_or(|after| after.is_ascii_whitespace())
            {
                return Ok(on);
            }
            let Some(index) = known.iter().position(|known| *known == letter) else {
                let text = format!("{}: unsupported option -{letter}", self.command);
                return Err(Stop::Usage(text));
            };
            on[index] = true;
            self.rest = letters.as_str();
        }
    }

    /// A word, or text in quotation marks.
    pub(super) fn word(&mut self) -> Result<Option<String>, Stop> {
        self.skip_blanks();
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let end = self.rest.find(|letter: char| letter.is_ascii_whitespace());
            let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            self.rest = rest;
            return Ok(Some(word.to_owned()));
        };
        let mut word = String::new();
        let mut letters = quoted.chars();
        loop {
            match letters.next() {
                None => return Err(Stop::Usage("unterminated string".to_owned())),
                Some('"') => break,
                Some('\\') => match letters.next() {
                    Some('n') => word.push('\n'),
                    Some('r') => word.push('\r'),
                    Some(letter @ ('\\' | '\'' | '"')) => word.push(letter),
                    other => {
                        let letter = other.unwrap_or(' ');
                        let text = format!("unsupported escape code: '\\{letter}'");
                        return Err(Stop::Usage(text));
                    }
                },
                Some(letter) => word.push(letter),
            }
        }
        self.rest = letters.as_str();
        Ok(Some(word))
    }

    /// A word that has to be there; `what` it is.
    pub(super) fn needs(&mut self, what: &str) -> Result<String, Stop> {
        let word = self.word()?;
        word.ok_or_else(|| Stop::Usage(format!("{}: {what} expected", self.command)))
    }

    /// `on` or `off`.
    pub(super) fn switch(&mut self) -> Result<bool, Stop> {
        match self.word()?.as_deref() {
            Some("on") => Ok(true),
            Some("off") => Ok(false),
            _ => Err(Stop::Usage("Expected 'on' or 'off'".to_owned())),
        }
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Stop> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(Stop::Usage(format!(
                "{}: extraneous characters at the end of line",
                self.command
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_may_be_quoted_and_flags_come_in_any_order() {
        let mut line = Line::new(r#" cmd/4xw -b -a "one \"word\"\n" two "#);
        assert_eq!(line.name(), Some("cmd"));
        assert!(line.takes('/'));
        assert_eq!(line.word().unwrap().unwrap(), "4xw");
        assert_eq!(line.flags(['a', 'b', 'c']).unwrap(), [true, true, false]);
        assert_eq!(line.word().unwrap().unwrap(), "one \"word\"\n");
        assert!(line.end().is_err());
        assert_eq!(line.word().unwrap().unwrap(), "two");
        assert!(line.word().unwrap().is_none() && line.end().is_ok());
        assert!(Line::new("\"open").word().is_err());
        assert!(Line::new("-x").flags(['a']).is_err());
    }
}

//! Markup within a paragraph.

/// Converts the text of a paragraph.
pub(crate) fn inline(text: &str) -> String {
    let mut converter = Converter {
        rest: text,
        last: ' ',
        out: String::with_capacity(text.len()),
    };
    while !converter.rest.is_empty() {
        converter.step();
    }
    converter.out
}

struct Converter<'t> {
    rest: &'t str,
    /// The character in front of `rest`.
    last: char,
    out: String,
}

impl<'t> Converter<'t> {
    fn step(&mut self) {
        let done = self.literal()
            || self.role()
            || self.interpreted()
            || self.name()
            || self.emphasis("**")
            || self.emphasis("*")
            || self.address();
        if !done {
            self.character();
        }
    }

    /// Whether a word or markup may start here.
    fn at_start(&self) -> bool {
        !self.last.is_alphanumeric()
    }

    fn advance(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.last = taken.chars().next_back().unwrap_or(self.last);
        self.rest = rest;
    }

    /// The text between marks at the start, and the length with the marks.
    fn between(&self, open: &str, close: &str) -> Option<(&'t str, usize)> {
        let inner = self.rest.strip_prefix(open)?;
        let end = inner.find(close)?;
        (end > 0).then(|| (&inner[..end], open.len() + end + close.len()))
    }

    /// ```` ``text`` ````
    fn literal(&mut self) -> bool {
        let Some((text, length)) = self.between("``", "``") else {
            return false;
        };
        self.code(text);
        self.advance(length);
        true
    }

    fn code(&mut self, text: &str) {
        if text.contains('`') {
            self.out += &format!("`` {text} ``");
        } else {
            self.out += &format!("`{text}`");
        }
    }

    /// ``:role:`text` `` or ``:role:`text <target>` ``
    fn role(&mut self) -> bool {
        let Some((role, start)) = self.between(":", ":`") else {
            return false;
        };
        let is_role = role
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_+.:".contains(c));
        let Some(end) = self.rest[start..]
            .find('`')
            .filter(|_| is_role && self.at_start())
        else {
            return false;
        };
        let text = &self.rest[start..start + end];
        self.out += &inline(text.split(" <").next().unwrap_or(text));
        self.advance(start + end + 1);
        true
    }

    /// `` `text` ``, `` `text`_ ``, or `` `text <address>`_ ``
    fn interpreted(&mut self) -> bool {
        let Some((text, length)) = self.between("`", "`") else {
            return false;
        };
        if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
            return false;
        }
        let behind = &self.rest[length..];
        let marks = behind.len() - behind.trim_start_matches('_').len();
        if marks == 0 {
            self.code(text);
        } else if let Some((text, address)) =
            text.strip_suffix('>').and_then(|text| text.split_once('<'))
        {
            self.out += &format!("[{}](<{address}>)", inline(text.trim()));
        } else {
            self.out += &inline(text);
        }
        self.advance(length + marks);
        true
    }

    /// `@name`
    fn name(&mut self) -> bool {
        let Some(rest) = self.rest.strip_prefix('@').filter(|_| self.at_start()) else {
            return false;
        };
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches('-');
        if name.is_empty() {
            return false;
        }
        self.code(name);
        self.advance(1 + name.len());
        true
    }

    fn emphasis(&mut self, marks: &str) -> bool {
        let Some((text, length)) = self.between(marks, marks).filter(|_| self.at_start()) else {
            return false;
        };
        let is_tight =
            !text.starts_with(char::is_whitespace) && !text.ends_with(char::is_whitespace);
        let ends = !self.rest[length..].starts_with(char::is_alphanumeric);
        if !is_tight || !ends || text.contains('*') {
            return false;
        }
        self.out += &format!("{marks}{}{marks}", inline(text));
        self.advance(length);
        true
    }

    /// An address on the web, which may stand in angle brackets already.
    fn address(&mut self) -> bool {
        if let Some((address, length)) = self.between("<http", ">")
            && !address.contains(char::is_whitespace)
        {
            self.out += &self.rest[..length];
            self.advance(length);
            return true;
        }
        let is_address = ["http://", "https://"]
            .iter()
            .any(|scheme| self.rest.starts_with(scheme));
        if !is_address || !self.at_start() {
            return false;
        }
        let ends = |c: char| c.is_whitespace() || "<>\"'`)]".contains(c);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let address = self.rest[..end].trim_end_matches(['.', ',', ';', ':']);
        self.out += &format!("<{address}>");
        self.advance(address.len());
        true
    }

    fn character(&mut self) {
        let mut chars = self.rest.chars();
        let Some(c) = chars.next() else { return };
        let next = chars.next();
        if c == '\\' && next.is_some_and(|next| next.is_ascii_punctuation()) {
            self.advance(1);
            let escaped = self.rest.chars().next().unwrap_or(c);
            self.out.push('\\');
            self.out.push(escaped);
            self.advance(escaped.len_utf8());
            return;
        }
        let special = match c {
            '[' | ']' | '`' | '*' | '~' | '\\' => true,
            '<' => next.is_some_and(|next| next.is_ascii_alphabetic() || "/!?".contains(next)),
            '>' => self.out.is_empty() || self.out.ends_with('\n'),
            '&' => next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '#'),
            '_' => self.at_start() || !next.is_some_and(char::is_alphanumeric),
            _ => false,
        };
        if special {
            self.out.push('\\');
        }
        self.out.push(c);
        self.advance(c.len_utf8());
    }
}

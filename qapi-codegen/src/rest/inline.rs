//! Markup within a paragraph.

use super::tree::Inline;

/// Takes the text of a paragraph apart.
pub(super) fn parse(text: &str) -> Vec<Inline> {
    let mut parser = Parser {
        rest: text,
        last: ' ',
        out: Vec::new(),
    };
    while !parser.rest.is_empty() {
        parser.step();
    }
    parser.out
}

struct Parser<'t> {
    rest: &'t str,
    /// The character in front of `rest`.
    last: char,
    out: Vec<Inline>,
}

impl<'t> Parser<'t> {
    fn step(&mut self) {
        let done = self.plain()
            || self.literal()
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

    /// Text up to where markup may start, which is most of it.
    fn plain(&mut self) -> bool {
        let starts = |at: usize, byte: u8| match byte {
            b'`' | b':' | b'@' | b'*' | b'<' | b'\\' => true,
            b'h' => self.rest.as_bytes()[at..].starts_with(b"http"),
            _ => false,
        };
        let mut bytes = self.rest.bytes().enumerate();
        let end = bytes.position(|(at, byte)| starts(at, byte));
        let end = end.unwrap_or(self.rest.len());
        if end == 0 {
            return false;
        }
        let text = &self.rest[..end];
        match self.out.last_mut() {
            Some(Inline::Text(before)) => before.push_str(text),
            _ => self.out.push(Inline::Text(text.to_owned())),
        }
        self.advance(end);
        true
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
        self.out.push(Inline::Code(text.to_owned()));
        self.advance(length);
        true
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
        let (shown, target) = text.split_once(" <").unwrap_or((text, text));
        self.out.push(Inline::Role {
            role: role.to_owned(),
            target: target.strip_suffix('>').unwrap_or(target).to_owned(),
            text: parse(shown),
        });
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
            self.out.push(Inline::Interpreted(text.to_owned()));
        } else if let Some((text, address)) =
            text.strip_suffix('>').and_then(|text| text.split_once('<'))
        {
            self.out.push(Inline::Link {
                text: parse(text.trim()),
                address: address.to_owned(),
            });
        } else {
            self.out.push(Inline::Reference(parse(text)));
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
        self.out.push(Inline::Name(name.to_owned()));
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
        let text = parse(text);
        self.out.push(if marks == "*" {
            Inline::Emphasis(text)
        } else {
            Inline::Strong(text)
        });
        self.advance(length);
        true
    }

    /// An address on the web, which may stand in angle brackets already.
    fn address(&mut self) -> bool {
        if let Some((address, length)) = self.between("<http", ">")
            && !address.contains(char::is_whitespace)
        {
            self.out.push(Inline::Address(format!("http{address}")));
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
        self.out.push(Inline::Address(address.to_owned()));
        self.advance(address.len());
        true
    }

    fn character(&mut self) {
        let mut chars = self.rest.chars();
        let Some(c) = chars.next() else { return };
        if let Some(escaped) = chars
            .next()
            .filter(|next| c == '\\' && next.is_ascii_punctuation())
        {
            self.out.push(Inline::Escaped(escaped));
            self.advance(1 + escaped.len_utf8());
            return;
        }
        match self.out.last_mut() {
            Some(Inline::Text(text)) => text.push(c),
            _ => self.out.push(Inline::Text(c.to_string())),
        }
        self.advance(c.len_utf8());
    }
}

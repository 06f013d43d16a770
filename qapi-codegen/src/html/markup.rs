//! HTML as it is written: elements are closed, text is escaped.

/// HTML under construction. Tags and attribute names are literals of ours.
#[derive(Debug, Default)]
pub(super) struct Html {
    out: String,
}

/// The attributes of an element.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// No attributes.
pub(super) const PLAIN: Attributes<'static> = &[];

impl Html {
    pub(super) fn new() -> Self {
        Html {
            out: String::with_capacity(1 << 14),
        }
    }

    pub(super) fn into_text(self) -> String {
        self.out
    }

    /// Markup of ours.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.out.push_str(markup);
    }

    /// Text of anybody.
    pub(super) fn text(&mut self, text: &str) {
        escape(&mut self.out, text);
    }

    /// An element without content, such as `<link>`.
    pub(super) fn void(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.out.push('<');
        self.out.push_str(tag);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(&mut self.out, value);
            self.out.push('"');
        }
        self.out.push('>');
    }

    /// An element around whatever `content` writes.
    pub(super) fn element(
        &mut self,
        tag: &'static str,
        attributes: Attributes<'_>,
        content: impl FnOnce(&mut Html),
    ) {
        self.void(tag, attributes);
        content(self);
        self.out.push_str("</");
        self.out.push_str(tag);
        self.out.push('>');
    }

    /// As [`Html::element`], with line breaks around the content.
    pub(super) fn block(
        &mut self,
        tag: &'static str,
        attributes: Attributes<'_>,
        content: impl FnOnce(&mut Html),
    ) {
        self.element(tag, attributes, |html| {
            html.raw("\n");
            content(html);
        });
        self.raw("\n");
    }

    /// An element around text.
    pub(super) fn leaf(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(tag, attributes, |html| html.text(text));
    }

    /// As [`Html::leaf`], with a line break behind it.
    pub(super) fn line(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.leaf(tag, attributes, text);
        self.raw("\n");
    }
}

/// Adds text so that it means nothing but itself. Characters that HTML refuses, and those that turn
/// the direction of what follows, are replaced.
fn escape(out: &mut String, text: &str) {
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let replacement = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&#39;",
            '\t' | '\n' => continue,
            _ if is_refused(c) => "\u{fffd}",
            _ => continue,
        };
        out.push_str(text.get(plain..at).unwrap_or_default());
        out.push_str(replacement);
        plain = at + c.len_utf8();
    }
    out.push_str(text.get(plain..).unwrap_or_default());
}

fn is_refused(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_no_character = u32::from(c) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}');
    c.is_control() || turns || is_no_character
}

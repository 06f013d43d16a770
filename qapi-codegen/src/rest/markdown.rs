//! From the tree to Markdown for rustdoc.
//!
//! Nothing in the result may mean more to rustdoc than it meant to the author: no code block is a
//! Rust example, no bracket a link, no angle bracket HTML.

use super::blocks::{bullet, is_rule, marker, trim_blank};
use super::tree::{Admonition, Block, Inline, Item};

/// The lines of some blocks.
pub(super) fn blocks(blocks: &[Block]) -> Vec<String> {
    let mut writer = Writer::default();
    for block in blocks {
        writer.block(block);
    }
    writer.out
}

/// A block of code that is not Rust.
pub(super) fn fence<T: AsRef<str>>(lines: &[T]) -> Vec<String> {
    let lines = trim_blank(lines);
    if lines.is_empty() {
        return Vec::new();
    }
    let marks = if lines.iter().any(|line| line.as_ref().contains("```")) {
        "````"
    } else {
        "```"
    };
    let mut out = vec![format!("{marks}text")];
    out.extend(lines.iter().map(|line| line.as_ref().to_owned()));
    out.push(marks.to_owned());
    out
}

#[derive(Default)]
struct Writer {
    out: Vec<String>,
}

impl Writer {
    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(text) => self.push(escape_starts(&inline(text))),
            Block::Literal(lines) | Block::Dialogue(lines) | Block::Table(lines) => {
                self.push(fence(lines));
            }
            Block::Item(item) => self.item(item),
            Block::Indented(content) => self.push(blocks(content)),
            Block::Example { title, content } => {
                self.title("Example", &inline(title));
                self.push(blocks(content));
            }
            Block::Admonition(admonition) => self.admonition(admonition),
            Block::Heading { text, .. } => self.push(vec![format!("**{}**", inline(text))]),
        }
    }

    /// Adds a block, apart from what is in front of it.
    fn push(&mut self, block: Vec<String>) {
        if !self.out.is_empty() && !block.is_empty() {
            self.out.push(String::new());
        }
        self.out.extend(block);
    }

    fn title(&mut self, word: &str, text: &str) {
        self.push(vec![if text.is_empty() {
            format!("**{word}:**")
        } else {
            format!("**{word}:** {text}")
        }]);
    }

    fn item(&mut self, item: &Item) {
        let mark = if item.mark == "#." { "1." } else { &item.mark };
        let hang = " ".repeat(mark.len() + 1);
        let block: Vec<String> = blocks(&item.content)
            .into_iter()
            .enumerate()
            .map(|(index, line)| match (index, line.is_empty()) {
                (0, _) => format!("{mark} {line}"),
                (_, true) => line,
                (_, false) => format!("{hang}{line}"),
            })
            .collect();
        let follows = self
            .out
            .last()
            .is_some_and(|last| marker(last).is_some() || last.starts_with("  "));
        if follows {
            self.out.extend(block);
        } else {
            self.push(block);
        }
    }

    fn admonition(&mut self, admonition: &Admonition) {
        let mut block = blocks(&admonition.content);
        if admonition.kind == "admonition" {
            self.title(&inline(&admonition.title), "");
            self.push(block);
            return;
        }
        let word = admonition.word();
        match block.first_mut() {
            Some(first) if !first.starts_with("```") && marker(first).is_none() => {
                *first = format!("**{word}:** {first}");
            }
            _ => self.title(&word, ""),
        }
        self.push(block);
    }
}

/// The text of a paragraph.
pub(super) fn inline(pieces: &[Inline]) -> String {
    let mut out = String::new();
    let mut last = ' ';
    for (index, piece) in pieces.iter().enumerate() {
        let behind = match pieces.get(index + 1) {
            Some(Inline::Address(_)) => Some('h'),
            _ => None,
        };
        last = put(&mut out, piece, last, behind);
    }
    out
}

/// Adds a piece between these characters of the source, and gives its own last one.
fn put(out: &mut String, piece: &Inline, last: char, behind: Option<char>) -> char {
    match piece {
        Inline::Text(text) => return put_text(out, text, last, behind),
        Inline::Escaped(c) => {
            out.extend(['\\', *c]);
            return *c;
        }
        Inline::Code(text) | Inline::Interpreted(text) => put_code(out, text),
        Inline::Name(name) => {
            put_code(out, name);
            return name.chars().next_back().unwrap_or(last);
        }
        Inline::Emphasis(text) => *out += &format!("*{}*", inline(text)),
        Inline::Strong(text) => *out += &format!("**{}**", inline(text)),
        Inline::Role { text, .. } => *out += &inline(text),
        Inline::Reference(text) => {
            *out += &inline(text);
            return '_';
        }
        Inline::Link { text, address } => {
            *out += &format!("[{}](<{address}>)", inline(text));
            return '_';
        }
        Inline::Address(address) => {
            *out += &format!("<{address}>");
            return address.chars().next_back().unwrap_or(last);
        }
    }
    '`'
}

fn put_code(out: &mut String, text: &str) {
    if text.contains('`') {
        *out += &format!("`` {text} ``");
    } else {
        *out += &format!("`{text}`");
    }
}

fn put_text(out: &mut String, text: &str, mut last: char, behind: Option<char>) -> char {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().or(behind);
        let special = match c {
            '[' | ']' | '`' | '*' | '~' | '\\' => true,
            '<' => next.is_some_and(|next| next.is_ascii_alphabetic() || "/!?".contains(next)),
            '>' => out.is_empty() || out.ends_with('\n'),
            '&' => next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '#'),
            '_' => !last.is_alphanumeric() || !next.is_some_and(char::is_alphanumeric),
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(c);
        last = c;
    }
    last
}

/// Takes from the starts of lines what would make them more than text.
fn escape_starts(text: &str) -> Vec<String> {
    let escape = |line: &str| {
        let line = line.trim_start();
        let number = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if number > 0 && marker(line).is_some() {
            format!("{}\\{}", &line[..number], &line[number..])
        } else if line.starts_with(['#', '+', '=']) || bullet(line) || is_rule(line) {
            format!("\\{line}")
        } else {
            line.to_owned()
        }
    };
    text.lines()
        .map(escape)
        .filter(|line| !line.is_empty())
        .collect()
}

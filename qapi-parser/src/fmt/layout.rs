//! From expressions to lines.

use super::WIDTH;
use super::tree::{Group, Item, Part, Trail};

/// Keys of a definition that start a line when it takes several.
const OWN_LINE: [&str; 5] = ["'data'", "'base'", "'discriminator'", "'features'", "'if'"];

/// How far what is in block form is indented.
const BLOCK: usize = 4;

/// Writes expressions.
pub(super) struct Layout<'o> {
    out: &'o mut String,
    /// Whether lists stand in block form, one element on each line.
    blocks: bool,
}

/// The item on one line, unless there is a comment inside.
fn flat(item: &Item<'_>) -> Option<String> {
    let (open, close, group) = match item {
        Item::Word(text) => return Some((*text).to_owned()),
        Item::List(group) => ('[', ']', group),
        Item::Object(group) => ('{', '}', group),
    };
    if group.has_comments() {
        return None;
    }
    let parts: Option<Vec<String>> = group.parts.iter().map(flat_part).collect();
    Some(match (parts?.as_slice(), item) {
        ([], _) => format!("{open}{close}"),
        ([only], Item::List(_)) if only.starts_with('\'') => format!("{open}{only}{close}"),
        (parts, _) => format!("{open} {} {close}", parts.join(", ")),
    })
}

fn flat_part(part: &Part<'_>) -> Option<String> {
    let item = flat(&part.item)?;
    Some(match part.key {
        Some(key) => format!("{key}: {item}"),
        None => item,
    })
}

/// A word, or a list of one word.
fn is_short(item: &Item<'_>) -> bool {
    match item {
        Item::Word(_) => true,
        Item::List(group) => matches!(
            group.parts.as_slice(),
            [Part {
                item: Item::Word(_),
                ..
            }]
        ),
        Item::Object(_) => false,
    }
}

impl<'o> Layout<'o> {
    pub(super) fn new(out: &'o mut String) -> Layout<'o> {
        Layout { out, blocks: false }
    }

    /// A top-level expression.
    pub(super) fn expression(mut self, part: &Part<'_>) {
        match (&part.item, flat(&part.item)) {
            (_, Some(line)) if line.len() <= WIDTH => self.out.push_str(&line),
            (Item::Object(group), _) if !group.parts.is_empty() => {
                self.blocks = group.parts[0].key == Some("'pragma'");
                self.definition(group);
            }
            (item, _) => self.item(item, ""),
        }
        self.trail(&part.trail);
        self.new_line(0);
    }

    fn column(&self) -> usize {
        let start = self.out.rfind('\n').map_or(0, |at| at + 1);
        self.out.len() - start
    }

    /// How far the line at hand is indented.
    fn indent(&self) -> usize {
        let start = self.out.rfind('\n').map_or(0, |at| at + 1);
        let line = self.out.get(start..).unwrap_or_default();
        line.len() - line.trim_start().len()
    }

    /// Starts a line, unless the one at hand has nothing on it.
    fn new_line(&mut self, indent: usize) {
        let end = self.out.trim_end_matches(' ').len();
        self.out.truncate(end);
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.out.push_str(&" ".repeat(indent));
    }

    fn fits(&self, text: &str, tail: &str) -> bool {
        self.column() + text.len() + tail.len() <= WIDTH
    }

    fn definition(&mut self, group: &Group<'_>) {
        self.out.push_str("{ ");
        let mut first_line = true;
        let last = group.parts.len() - 1;
        for (at, part) in group.parts.iter().enumerate() {
            let closes = at == last && part.trail.is_empty() && group.last.is_empty();
            let tail = if closes {
                " }"
            } else if at == last {
                ""
            } else {
                ","
            };
            if at > 0 {
                let before = &group.parts[at - 1];
                if self.stays(part, before, tail, first_line) {
                    self.out.push(' ');
                } else {
                    self.new_line(2);
                    first_line = false;
                }
            }
            self.part(part, tail);
        }
        self.close(group, '}', 0, "");
    }

    /// Whether a pair of a definition follows the one before on its line.
    fn stays(&self, part: &Part<'_>, before: &Part<'_>, tail: &str, first_line: bool) -> bool {
        let key = part.key.unwrap_or_default();
        let before_key = before.key.unwrap_or_default();
        let apart = OWN_LINE.contains(&key) || (key == "'returns'" && !first_line);
        let open = is_short(&before.item) && !OWN_LINE.contains(&before_key);
        if apart || !open || !part.lead.is_empty() || !before.trail.is_empty() {
            return false;
        }
        flat_part(part).is_some_and(|text| self.fits(&text, tail) && self.fits(&text, " }"))
    }

    /// A key with its value, or an element; `tail` follows it at once.
    fn part(&mut self, part: &Part<'_>, tail: &str) {
        let indent = self.column();
        for comment in &part.lead {
            self.new_line_for_comment(indent);
            self.out.push_str(comment);
            self.out.push('\n');
            self.out.push_str(&" ".repeat(indent));
        }
        if let Some(key) = part.key {
            self.out.push_str(key);
            self.out.push_str(": ");
        }
        self.item(&part.item, tail);
        self.trail(&part.trail);
    }

    /// A comment of its own line never follows anything.
    fn new_line_for_comment(&mut self, indent: usize) {
        if self.indent() != self.column() {
            self.new_line(indent);
        }
    }

    fn trail(&mut self, trail: &[Trail<'_>]) {
        for comment in trail {
            let column = self.column();
            let space = comment.column.saturating_sub(column).max(2);
            self.out.push_str(&" ".repeat(space.min(WIDTH)));
            self.out.push_str(comment.text);
            self.out.push('\n');
        }
    }

    fn item(&mut self, item: &Item<'_>, tail: &str) {
        let list = matches!(item, Item::List(_));
        if let Some(text) =
            flat(item).filter(|text| self.fits(text, tail) && !(self.blocks && list))
        {
            self.out.push_str(&text);
            self.out.push_str(tail);
            return;
        }
        match item {
            Item::Word(text) => {
                self.out.push_str(text);
                self.out.push_str(tail);
            }
            // Nothing to break a line in, however long the line is.
            Item::List(group) | Item::Object(group)
                if group.parts.is_empty() && group.last.is_empty() =>
            {
                self.out.push_str(if list { "[]" } else { "{}" });
                self.out.push_str(tail);
            }
            Item::List(group) => {
                let words = |part: &Part<'_>| matches!(part.item, Item::Word(_));
                if self.blocks || group.has_comments() {
                    self.block(group, ('[', ']'), tail);
                } else if group.parts.iter().all(words) {
                    self.fill(group, tail);
                } else {
                    self.column_of(group, ('[', ']'), tail);
                }
            }
            Item::Object(group) if self.blocks || group.has_comments() => {
                self.block(group, ('{', '}'), tail);
            }
            Item::Object(group) => self.column_of(group, ('{', '}'), tail),
        }
    }

    /// Words one behind the other, on as many lines as it takes.
    fn fill(&mut self, group: &Group<'_>, tail: &str) {
        let indent = self.column() + 2;
        self.out.push('[');
        let last = group.parts.len().saturating_sub(1);
        for (at, part) in group.parts.iter().enumerate() {
            let Item::Word(word) = part.item else {
                continue;
            };
            let tail = if at == last {
                format!(" ]{tail}")
            } else {
                ",".to_owned()
            };
            if at > 0 && self.column() + 1 + word.len() + tail.len() > WIDTH {
                self.new_line(indent);
            } else {
                self.out.push(' ');
            }
            self.out.push_str(word);
            self.out.push_str(&tail);
        }
    }

    /// Parts below each other, the first one on the line at hand.
    fn column_of(&mut self, group: &Group<'_>, (open, close): (char, char), tail: &str) {
        let indent = self.column() + 2;
        self.out.push(open);
        let last = group.parts.len().saturating_sub(1);
        for (at, part) in group.parts.iter().enumerate() {
            if at == last {
                self.next(at, indent);
                self.part(part, &format!(" {close}{tail}"));
            } else {
                self.next(at, indent);
                self.part(part, ",");
            }
        }
    }

    fn next(&mut self, at: usize, indent: usize) {
        match at {
            0 => self.out.push(' '),
            _ => self.new_line(indent),
        }
    }

    /// Parts below each other, each on a line of its own, behind their comments.
    fn block(&mut self, group: &Group<'_>, (open, close): (char, char), tail: &str) {
        let outer = self.indent();
        self.out.push(open);
        let last = group.parts.len().saturating_sub(1);
        for (at, part) in group.parts.iter().enumerate() {
            self.new_line(outer + BLOCK);
            let closes = at == last && part.trail.is_empty() && group.last.is_empty();
            match (closes, at == last) {
                (true, _) => self.part(part, &format!(" {close}{tail}")),
                (_, true) => self.part(part, ""),
                _ => self.part(part, ","),
            }
        }
        self.close(group, close, outer, tail);
    }

    /// The closing bracket, where comments keep it from the last part's line.
    fn close(&mut self, group: &Group<'_>, close: char, outer: usize, tail: &str) {
        for comment in &group.last {
            self.new_line(outer + BLOCK);
            self.out.push_str(comment);
        }
        let trails = group.parts.last().is_none_or(|part| !part.trail.is_empty());
        if trails || !group.last.is_empty() {
            self.new_line(outer);
            self.out.push(close);
            self.out.push_str(tail);
        }
    }
}

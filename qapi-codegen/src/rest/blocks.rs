//! Paragraphs, lists, directives, literal blocks.

use super::tree::{Admonition, Block, Inline, Item};
use super::{dedent, indent, inline, title};

/// Admonitions that are known by a word of their own.
const ADMONITIONS: &[&str] = &[
    "attention",
    "caution",
    "danger",
    "error",
    "hint",
    "important",
    "note",
    "tip",
    "warning",
    "seealso",
];

/// Lists and directives within each other: deeper ones are taken as they are.
const MAX_DEPTH: usize = 16;

/// Takes lines apart that are indented relative to the first.
pub(super) fn parse(lines: &[&str]) -> Vec<Block> {
    Parser::new(lines, 0).blocks()
}

/// As [`parse`], with titles of sections.
pub(super) fn parse_with_headings(lines: &[&str]) -> Vec<Block> {
    let mut parser = Parser::new(lines, 0);
    parser.has_headings = true;
    parser.blocks()
}

pub(super) fn trim_blank<T: AsRef<str>>(mut lines: &[T]) -> &[T] {
    while let [first, rest @ ..] = lines
        && first.as_ref().is_empty()
    {
        lines = rest;
    }
    while let [rest @ .., last] = lines
        && last.as_ref().is_empty()
    {
        lines = rest;
    }
    lines
}

fn owned(lines: &[&str]) -> Vec<String> {
    let lines = trim_blank(lines);
    lines.iter().map(|line| (*line).to_owned()).collect()
}

struct Parser<'l, 't> {
    lines: &'l [&'t str],
    at: usize,
    depth: usize,
    has_headings: bool,
    out: Vec<Block>,
}

impl<'l, 't> Parser<'l, 't> {
    fn new(lines: &'l [&'t str], depth: usize) -> Self {
        Parser {
            lines,
            at: 0,
            depth,
            has_headings: false,
            out: Vec::new(),
        }
    }

    fn blocks(mut self) -> Vec<Block> {
        if self.depth > MAX_DEPTH {
            return vec![Block::Literal(owned(self.lines))];
        }
        while self.at < self.lines.len() {
            self.block();
        }
        self.out
    }

    fn block(&mut self) {
        let line = self.lines[self.at];
        if line.is_empty() {
            self.at += 1;
        } else if self.has_headings && self.heading() {
        } else if indent(line) > 0 {
            let inner = self.indented();
            let block = self.inner(&inner);
            self.out.push(Block::Indented(block));
        } else if let Some(rest) = line.strip_prefix(".. ") {
            self.at += 1;
            self.directive(rest);
        } else if let Some(width) = marker(line) {
            self.item(line, width);
        } else if is_rule(line) || line.starts_with("+-") {
            let table = self.filled();
            // A single line of marks is the underline of a title.
            if table.len() > 1 {
                self.out.push(Block::Table(owned(&table)));
            }
        } else if is_said(line) {
            let example = self.filled();
            self.out.push(Block::Dialogue(owned(&example)));
        } else {
            self.paragraph();
        }
    }

    fn heading(&mut self) -> bool {
        let Some(found) = title::find(&self.lines[self.at..]) else {
            return false;
        };
        self.at += found.lines;
        self.out.push(Block::Heading {
            level: found.level,
            text: inline::parse(found.text),
        });
        true
    }

    fn inner(&self, lines: &[&str]) -> Vec<Block> {
        Parser::new(lines, self.depth + 1).blocks()
    }

    /// The lines up to a blank one.
    fn filled(&mut self) -> Vec<&'t str> {
        let rest = &self.lines[self.at..];
        let taken: Vec<&str> = rest
            .iter()
            .copied()
            .take_while(|line| !line.is_empty())
            .collect();
        self.at += taken.len();
        taken
    }

    /// The lines up to one that is not indented, without their indentation.
    fn indented(&mut self) -> Vec<&'t str> {
        let rest = &self.lines[self.at..];
        let taken: Vec<&str> = rest
            .iter()
            .copied()
            .take_while(|line| line.is_empty() || indent(line) > 0)
            .collect();
        self.at += taken.len();
        dedent(taken.into_iter())
    }

    fn paragraph(&mut self) {
        let mut lines = Vec::new();
        while let Some(&line) = self.lines.get(self.at) {
            let ends = line.is_empty() || indent(line) > 0 || (!lines.is_empty() && bullet(line));
            if ends {
                break;
            }
            lines.push(line);
            self.at += 1;
        }
        let text = lines.join("\n");
        let Some(introduction) = text.strip_suffix("::") else {
            self.text(&text);
            return;
        };
        if !introduction.is_empty() {
            let colon = if introduction.ends_with(char::is_whitespace) {
                ""
            } else {
                ":"
            };
            self.text(&format!("{}{colon}", introduction.trim_end()));
        }
        let literal = owned(&self.indented());
        if !literal.is_empty() {
            self.out.push(Block::Literal(literal));
        }
    }

    fn text(&mut self, text: &str) {
        let pieces = inline::parse(text);
        if !pieces.is_empty() {
            self.out.push(Block::Paragraph(pieces));
        }
    }

    fn item(&mut self, line: &'t str, width: usize) {
        self.at += 1;
        let (mark, rest) = line.split_at(width);
        let inner: Vec<&str> = std::iter::once(rest).chain(self.indented()).collect();
        self.out.push(Block::Item(Item {
            mark: mark.trim_end().to_owned(),
            content: self.inner(&inner),
        }));
    }

    fn directive(&mut self, text: &'t str) {
        let inner = self.indented();
        let Some((name, argument)) = text.split_once("::") else {
            // A comment or the target of a link.
            return;
        };
        let options = inner.iter().take_while(|line| is_option(line)).count();
        let (options, inner) = inner.split_at(options);
        let inner = &dedent(inner.iter().copied());
        let argument = argument.trim();
        match name {
            "qmp-example" => self.example(argument, options, inner),
            "code-block" | "code" | "literalinclude" | "parsed-literal" => {
                self.out.push(Block::Literal(owned(inner)));
            }
            "admonition" => self.admonition("admonition", inline::parse(argument), inner),
            _ => match ADMONITIONS.iter().find(|known| **known == name) {
                Some(kind) => {
                    let text: Vec<&str> = std::iter::once(argument)
                        .chain(inner.iter().copied())
                        .collect();
                    self.admonition(kind, Vec::new(), &text);
                }
                None => {
                    self.text(argument);
                    let block = self.inner(inner);
                    self.out.push(Block::Indented(block));
                }
            },
        }
    }

    fn example(&mut self, argument: &str, options: &[&str], inner: &[&str]) {
        let title = options
            .iter()
            .find_map(|line| line.strip_prefix(":title:"))
            .map_or(argument, str::trim);
        let annotated = options.iter().any(|line| line.starts_with(":annotated:"));
        self.out.push(Block::Example {
            title: inline::parse(title),
            content: if annotated {
                self.inner(inner)
            } else {
                vec![Block::Dialogue(owned(inner))]
            },
        });
    }

    fn admonition(&mut self, kind: &'static str, title: Vec<Inline>, text: &[&str]) {
        self.out.push(Block::Admonition(Admonition {
            kind,
            title,
            content: self.inner(text),
        }));
    }
}

/// The option of a directive, such as `:title: text`.
fn is_option(line: &str) -> bool {
    let name = line
        .strip_prefix(':')
        .and_then(|rest| rest.split_once(':'))
        .map(|(name, _)| name);
    name.is_some_and(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '-')
    })
}

/// Whether client or server say this.
pub(super) fn is_said(line: &str) -> bool {
    line.starts_with("-> ") || line.starts_with("<- ")
}

pub(super) fn bullet(line: &str) -> bool {
    line.starts_with("- ") || line.starts_with("* ")
}

/// The width of the marker of a list item, with the space behind it.
pub(super) fn marker(line: &str) -> Option<usize> {
    if bullet(line) || line.starts_with("+ ") {
        return Some(indent(&line[1..]) + 1);
    }
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number = if line.starts_with('#') { 1 } else { digits };
    let rest = line.get(number..)?;
    let is_item = number > 0
        && number <= 9
        && (rest.starts_with(". ") || (digits > 0 && rest.starts_with(") ")));
    is_item.then(|| number + 1 + indent(&rest[1..]))
}

/// A line of marks only: the edge of a table, or the underline of a title.
pub(super) fn is_rule(line: &str) -> bool {
    let mark = line.chars().next();
    let is_mark = matches!(mark, Some('=' | '-' | '~' | '^'));
    is_mark
        && line.len() >= 3
        && line
            .chars()
            .all(|c| Some(c) == mark || (c == ' ' && mark == Some('=')))
}

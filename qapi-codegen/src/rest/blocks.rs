//! Paragraphs, lists, directives, literal blocks.

use super::{dedent, indent, inline};

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

/// Converts lines that are indented relative to the first.
pub(super) fn render(lines: &[&str]) -> Vec<String> {
    render_at(lines, 0)
}

fn render_at(lines: &[&str], depth: usize) -> Vec<String> {
    if depth > MAX_DEPTH {
        return fence(lines);
    }
    let mut renderer = Renderer {
        lines,
        at: 0,
        depth,
        out: Vec::new(),
    };
    while renderer.at < lines.len() {
        renderer.block();
    }
    while renderer.out.last().is_some_and(String::is_empty) {
        renderer.out.pop();
    }
    renderer.out
}

/// A block of code that is not Rust.
pub(super) fn fence(lines: &[&str]) -> Vec<String> {
    let lines = trim_blank(lines);
    if lines.is_empty() {
        return Vec::new();
    }
    let marks = if lines.iter().any(|line| line.contains("```")) {
        "````"
    } else {
        "```"
    };
    let mut out = vec![format!("{marks}text")];
    out.extend(lines.iter().map(|line| (*line).to_owned()));
    out.push(marks.to_owned());
    out
}

fn trim_blank<'l, 't>(mut lines: &'l [&'t str]) -> &'l [&'t str] {
    while let [first, rest @ ..] = lines
        && first.is_empty()
    {
        lines = rest;
    }
    while let [rest @ .., last] = lines
        && last.is_empty()
    {
        lines = rest;
    }
    lines
}

struct Renderer<'l, 't> {
    lines: &'l [&'t str],
    at: usize,
    depth: usize,
    out: Vec<String>,
}

impl<'t> Renderer<'_, 't> {
    fn block(&mut self) {
        let line = self.lines[self.at];
        if line.is_empty() {
            self.at += 1;
        } else if indent(line) > 0 {
            let inner = self.indented();
            let block = self.inner(&inner);
            self.push(block);
        } else if let Some(rest) = line.strip_prefix(".. ") {
            self.at += 1;
            self.directive(rest);
        } else if let Some(width) = marker(line) {
            self.item(line, width);
        } else if is_rule(line) || line.starts_with("+-") {
            let table = self.filled();
            // A single line of marks is the underline of a title.
            if table.len() > 1 {
                self.push(fence(&table));
            }
        } else if line.starts_with("-> ") || line.starts_with("<- ") {
            let example = self.filled();
            self.push(fence(&example));
        } else {
            self.paragraph();
        }
    }

    fn inner(&self, lines: &[&str]) -> Vec<String> {
        render_at(lines, self.depth + 1)
    }

    /// Adds a block, apart from what is in front of it.
    fn push(&mut self, block: Vec<String>) {
        if !self.out.is_empty() && !block.is_empty() {
            self.out.push(String::new());
        }
        self.out.extend(block);
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
            self.push(escape_starts(&inline(&text)));
            return;
        };
        if !introduction.is_empty() {
            let colon = if introduction.ends_with(char::is_whitespace) {
                ""
            } else {
                ":"
            };
            self.push(escape_starts(&inline(&format!(
                "{}{colon}",
                introduction.trim_end()
            ))));
        }
        let literal = self.indented();
        self.push(fence(&literal));
    }

    fn item(&mut self, line: &'t str, width: usize) {
        self.at += 1;
        let (mark, rest) = line.split_at(width);
        let mark = mark.trim_end();
        let mark = if mark == "#." { "1." } else { mark };
        let inner: Vec<&str> = std::iter::once(rest).chain(self.indented()).collect();
        let hang = " ".repeat(mark.len() + 1);
        let block: Vec<String> = self
            .inner(&inner)
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

    fn directive(&mut self, text: &'t str) {
        let inner = self.indented();
        let Some((name, argument)) = text.split_once("::") else {
            // A comment or the target of a link.
            return;
        };
        let options = inner.iter().take_while(|line| is_option(line)).count();
        let (options, inner) = inner.split_at(options);
        let inner = &dedent(inner.iter().copied());
        let title = options
            .iter()
            .find_map(|line| line.strip_prefix(":title:"))
            .map(str::trim);
        let argument = argument.trim();
        match name {
            "qmp-example" if options.iter().any(|line| line.starts_with(":annotated:")) => {
                self.title("Example", title.unwrap_or(argument));
                let block = self.inner(inner);
                self.push(block);
            }
            "qmp-example" => {
                self.title("Example", title.unwrap_or(argument));
                self.push(fence(inner));
            }
            "code-block" | "code" | "literalinclude" | "parsed-literal" => self.push(fence(inner)),
            "admonition" => {
                self.title(argument, "");
                let block = self.inner(inner);
                self.push(block);
            }
            _ if ADMONITIONS.contains(&name) => {
                let text: Vec<&str> = std::iter::once(argument)
                    .chain(inner.iter().copied())
                    .collect();
                let mut block = self.inner(&text);
                let word = capital(if name == "seealso" { "see also" } else { name });
                match block.first_mut() {
                    Some(first) if !first.starts_with("```") && marker(first).is_none() => {
                        *first = format!("**{word}:** {first}");
                    }
                    _ => self.title(&word, ""),
                }
                self.push(block);
            }
            _ => {
                self.push(escape_starts(&inline(argument)));
                let block = self.inner(inner);
                self.push(block);
            }
        }
    }

    fn title(&mut self, word: &str, text: &str) {
        let word = inline(word);
        self.push(vec![if text.is_empty() {
            format!("**{word}:**")
        } else {
            format!("**{word}:** {}", inline(text))
        }]);
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

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + chars.as_str()
    })
}

fn bullet(line: &str) -> bool {
    line.starts_with("- ") || line.starts_with("* ")
}

/// The width of the marker of a list item, with the space behind it.
fn marker(line: &str) -> Option<usize> {
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
fn is_rule(line: &str) -> bool {
    let mark = line.chars().next();
    let is_mark = matches!(mark, Some('=' | '-' | '~' | '^'));
    is_mark
        && line.len() >= 3
        && line
            .chars()
            .all(|c| Some(c) == mark || (c == ' ' && mark == Some('=')))
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

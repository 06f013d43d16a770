//! The reStructuredText of documentation comments: taken apart once, for Markdown and for HTML.

mod blocks;
mod inline;
mod markdown;
mod title;
mod tree;

pub(crate) use tree::{Admonition, Block, Inline};

/// Takes text apart whose lines are all indented alike.
pub(crate) fn parse_body(text: &str) -> Vec<Block> {
    blocks::parse(&dedent(text.lines()))
}

/// As [`parse_body`], for free-form comments, which have titles of sections.
pub(crate) fn parse_free(text: &str) -> Vec<Block> {
    blocks::parse_with_headings(&dedent(text.lines()))
}

/// Takes text apart whose first line stands behind a name or tag, and whose other lines are indented.
pub(crate) fn parse_hanging(text: &str) -> Vec<Block> {
    let mut lines = text.lines();
    let first = lines.next().map(str::trim_start);
    let rest = dedent(lines);
    let all: Vec<&str> = first.into_iter().chain(rest).collect();
    blocks::parse(&all)
}

/// Whether a line is the start of what client or server say.
pub(crate) fn is_said(line: &str) -> bool {
    blocks::is_said(line)
}

/// Converts text whose lines are all indented alike to Markdown.
pub(crate) fn body(text: &str) -> Vec<String> {
    markdown::blocks(&parse_body(text))
}

/// As [`body`], for text whose first line stands behind a name or tag.
pub(crate) fn hanging(text: &str) -> Vec<String> {
    markdown::blocks(&parse_hanging(text))
}

/// Lines as they are, in a block that nobody interprets.
pub(crate) fn literal(text: &str) -> Vec<String> {
    markdown::fence(&dedent(text.lines()))
}

/// Lines as they are, without the indentation that they share.
pub(crate) fn lines(text: &str) -> Vec<&str> {
    dedent(text.lines())
}

/// The first paragraph.
pub(crate) fn summary(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .take_while(|line| !line.is_empty())
        .cloned()
        .collect()
}

/// The text on one line, with backquotes as the only markup.
pub(crate) fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("``", "`").replace('@', "")
}

/// Without characters that rustc refuses in comments: controls, and those that turn the direction of
/// text.
pub(crate) fn printable(line: &str) -> String {
    let turns = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    line.chars()
        .filter(|&c| c == '\t' || !(c.is_control() || turns(c)))
        .collect()
}

/// Takes away the indentation that all lines share.
fn dedent<'t>(lines: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    let lines: Vec<&str> = lines.collect();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let shared = filled.map(|line| indent(line)).min().unwrap_or_default();
    lines
        .into_iter()
        .map(|line| line.get(shared..).unwrap_or_default().trim_end())
        .collect()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests;

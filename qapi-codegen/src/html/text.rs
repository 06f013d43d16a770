//! Paragraphs, lists, notes, examples.

use super::inline;
use super::json;
use super::markup::{Attributes, Html, PLAIN};
use super::scope::Scope;
use crate::rest::{self, Admonition, Block};

/// Writes some blocks.
pub(super) fn write<'b>(
    html: &mut Html,
    scope: &Scope<'_>,
    blocks: impl IntoIterator<Item = &'b Block>,
) {
    let mut blocks = blocks.into_iter().peekable();
    while let Some(block) = blocks.next() {
        let Block::Item(first) = block else {
            put(html, scope, block);
            continue;
        };
        let numbered = first.is_numbered();
        let tag = if numbered { "ol" } else { "ul" };
        html.block(tag, PLAIN, |html| {
            item(html, scope, &first.content);
            let same = |block: &&Block| {
                matches!(block, Block::Item(item) if item.is_numbered() == numbered)
            };
            while let Some(Block::Item(next)) = blocks.next_if(same) {
                item(html, scope, &next.content);
            }
        });
    }
}

fn put(html: &mut Html, scope: &Scope<'_>, block: &Block) {
    match block {
        Block::Paragraph(text) => {
            html.element("p", PLAIN, |html| inline::write(html, scope, text));
            html.raw("\n");
        }
        Block::Dialogue(lines) => json::dialogue(html, scope, lines),
        Block::Literal(lines) if lines.first().is_some_and(|line| rest::is_said(line)) => {
            json::dialogue(html, scope, lines);
        }
        Block::Literal(lines) => preformatted(html, lines),
        Block::Table(lines) => table(html, scope, lines),
        Block::Item(item) => write(html, scope, &item.content),
        Block::Indented(content) => {
            html.block("div", &[("class", "indented")], |html| {
                write(html, scope, content);
            });
        }
        Block::Example { title, content } => {
            html.block("figure", &[("class", "example")], |html| {
                html.element("figcaption", PLAIN, |html| {
                    html.raw("Example");
                    if !title.is_empty() {
                        html.raw(": ");
                        inline::write(html, scope, title);
                    }
                });
                html.raw("\n");
                write(html, scope, content);
            });
        }
        Block::Admonition(admonition) => note(html, scope, admonition),
        Block::Heading { text, .. } => {
            html.element("p", PLAIN, |html| {
                html.element("strong", PLAIN, |html| inline::write(html, scope, text));
            });
            html.raw("\n");
        }
    }
}

/// An item of one paragraph stays on its line.
fn item(html: &mut Html, scope: &Scope<'_>, content: &[Block]) {
    html.element("li", PLAIN, |html| tight(html, scope, content));
    html.raw("\n");
}

/// Writes blocks where a single paragraph needs no element of its own.
pub(super) fn tight(html: &mut Html, scope: &Scope<'_>, content: &[Block]) {
    match content {
        [Block::Paragraph(text)] => inline::write(html, scope, text),
        [Block::Paragraph(text), rest @ ..]
            if rest.iter().all(|block| matches!(block, Block::Item(_))) =>
        {
            inline::write(html, scope, text);
            html.raw("\n");
            write(html, scope, rest);
        }
        _ => write(html, scope, content),
    }
}

fn preformatted(html: &mut Html, lines: &[String]) {
    html.element("pre", &[("tabindex", "0")], |html| {
        html.element("code", PLAIN, |html| {
            for line in lines {
                html.text(line);
                html.raw("\n");
            }
        });
    });
    html.raw("\n");
}

fn note(html: &mut Html, scope: &Scope<'_>, admonition: &Admonition) {
    let class = match admonition.kind {
        "caution" | "warning" | "attention" | "danger" | "error" => "note care",
        _ => "note",
    };
    html.block("aside", &[("class", class)], |html| {
        html.element("p", &[("class", "word")], |html| {
            if admonition.kind == "admonition" {
                inline::write(html, scope, &admonition.title);
            } else {
                html.text(&admonition.word());
            }
        });
        html.raw("\n");
        write(html, scope, &admonition.content);
    });
}

/// A table whose edges are lines of `=`; others stay as they were drawn.
fn table(html: &mut Html, scope: &Scope<'_>, lines: &[String]) {
    let is_edge = |line: &String| line.starts_with('=');
    let rows: Vec<&[String]> = lines
        .split(is_edge)
        .filter(|rows| !rows.is_empty())
        .collect();
    let columns = lines.first().filter(|line| is_edge(line));
    let (Some(columns), Some((body, head))) = (columns, rows.split_last()) else {
        return preformatted(html, lines);
    };
    let columns = starts(columns);
    html.block("div", &[("class", "scroll"), ("tabindex", "0")], |html| {
        html.block("table", PLAIN, |html| {
            if let [head, ..] = head {
                html.block("thead", PLAIN, |html| {
                    let attributes = &[("scope", "col")];
                    rows_of(html, scope, head, &columns, "th", attributes);
                });
            }
            html.block("tbody", PLAIN, |html| {
                rows_of(html, scope, body, &columns, "td", PLAIN);
            });
        });
    });
}

/// Where the columns start.
fn starts(edge: &str) -> Vec<usize> {
    let bytes = edge.as_bytes();
    let starts = |at: &usize| bytes[*at] == b'=' && (*at == 0 || bytes[*at - 1] == b' ');
    (0..bytes.len()).filter(starts).collect()
}

fn rows_of(
    html: &mut Html,
    scope: &Scope<'_>,
    rows: &[String],
    columns: &[usize],
    tag: &'static str,
    attributes: Attributes<'_>,
) {
    for row in rows {
        let chars: Vec<char> = row.chars().collect();
        html.element("tr", PLAIN, |html| {
            for (index, start) in columns.iter().enumerate() {
                let end = columns.get(index + 1).copied().unwrap_or(chars.len());
                let cell = chars.get(*start..end.min(chars.len())).unwrap_or_default();
                let cell: String = cell.iter().collect();
                html.element(tag, attributes, |html| {
                    let text = rest::parse_body(cell.trim());
                    tight(html, scope, &text);
                });
            }
        });
        html.raw("\n");
    }
}

//! Titles of sections in free-form comments: `= Text`, and text between or above lines of marks.

/// A title at the start of some lines.
pub(super) struct Title<'t> {
    /// How many lines it takes up.
    pub(super) lines: usize,
    /// 1 for the outermost.
    pub(super) level: usize,
    pub(super) text: &'t str,
}

/// The title that the lines start with.
pub(super) fn find<'t>(lines: &[&'t str]) -> Option<Title<'t>> {
    let first = lines.first()?;
    marked(first).or_else(|| match lines {
        [over, text, under, ..] if over == under && mark(over).is_some() => {
            let text = text.trim();
            // Between two lines of marks, a table has columns.
            (!text.is_empty() && mark(text).is_none() && over.len() >= text.len()).then_some(
                Title {
                    lines: 3,
                    level: 1,
                    text,
                },
            )
        }
        [text, under, ..] if !text.starts_with(' ') && under.len() >= text.len() => {
            let level = match mark(under)? {
                '#' | '*' => 1,
                '=' => 2,
                '-' => 3,
                _ => 4,
            };
            mark(text).is_none().then_some(Title {
                lines: 2,
                level,
                text,
            })
        }
        _ => None,
    })
}

/// `= Text`, `== Text`
fn marked(line: &str) -> Option<Title<'_>> {
    let text = line.trim_start_matches('=');
    let level = line.len() - text.len();
    let text = text.strip_prefix(' ').map(str::trim)?;
    (level > 0 && !text.is_empty() && !text.starts_with('=')).then_some(Title {
        lines: 1,
        level,
        text,
    })
}

/// The character that a line of marks is made of.
fn mark(line: &str) -> Option<char> {
    let mark = line.chars().next()?;
    let is_mark = "=-~^*#\"'+.:_`".contains(mark);
    (is_mark && line.len() >= 3 && line.chars().all(|c| c == mark)).then_some(mark)
}

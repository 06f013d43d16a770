//! The modes of `fopen()`.

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mode {
    pub(super) read: bool,
    pub(super) write: bool,
    /// Writes go to the end.
    pub(super) append: bool,
    /// What is there is dropped.
    pub(super) truncate: bool,
}

/// Reads a mode: `r`, `w` or `a`, with `+` and `b` in any order behind it, each at most once.
pub(super) fn parse(text: &str) -> Option<Mode> {
    let (letter, rest) = text.split_at_checked(1)?;
    let both = match rest {
        "" | "b" => false,
        "+" | "b+" | "+b" => true,
        _ => return None,
    };
    let (read, write, append, truncate) = match letter {
        "r" => (true, both, false, false),
        "w" => (both, true, false, true),
        "a" => (both, true, true, false),
        _ => return None,
    };
    Some(Mode {
        read,
        write,
        append,
        truncate,
    })
}

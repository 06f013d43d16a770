//! Patterns of names on the wire.

use std::fmt;

/// How many names an error suggests.
const SUGGESTIONS: usize = 3;

/// A name, or part of one with `*` at its start or end for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    exact: bool,
}

impl Pattern {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Pattern { text, exact: false }
    }

    /// A name in which a star stands for itself.
    pub(crate) fn exact(text: impl Into<String>) -> Self {
        let text = text.into();
        Pattern { text, exact: true }
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        if self.exact {
            return self.text == name;
        }
        let open_start = self.text.starts_with('*');
        let open_end = self.text.len() > 1 && self.text.ends_with('*');
        let middle = &self.text[usize::from(open_start)..self.text.len() - usize::from(open_end)];
        match (open_start, open_end) {
            (false, false) => name == middle,
            (false, true) => name.starts_with(middle),
            (true, false) => name.ends_with(middle),
            (true, true) => name.contains(middle),
        }
    }

    /// The names that are most like the pattern: those that start as it does.
    pub(crate) fn suggestions<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
        let wanted = self.text.trim_matches('*');
        let shared = |name: &str| {
            let same = wanted.chars().zip(name.chars());
            same.take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
        };
        let mut names: Vec<(usize, &str)> = names.map(|name| (shared(name), name)).collect();
        names.retain(|(shared, _)| *shared > 0);
        names.sort_by(|(a, _), (b, _)| b.cmp(a));
        names
            .into_iter()
            .take(SUGGESTIONS)
            .map(|(_, name)| name)
            .collect()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_anything() {
        let matches = |pattern: &str, name| Pattern::new(pattern).matches(name);
        assert!(matches("stop", "stop") && !matches("stop", "stop-now"));
        assert!(matches("device_*", "device_add") && !matches("device_*", "x-device_add"));
        assert!(
            matches("*-info", "guest-info")
                && matches("*", "anything")
                && matches("*uest*", "guest-info")
        );
        assert!(!matches("", "x") && matches("**", "x"));
    }

    #[test]
    fn suggestions_start_alike() {
        let names = ["stop", "query-status", "query-stats", "cont"];
        assert_eq!(
            Pattern::new("query-statu").suggestions(names.into_iter()),
            ["query-status", "query-stats"]
        );
    }
}

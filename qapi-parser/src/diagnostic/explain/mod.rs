//! A paragraph for each code: what it means, an example, the remedy.
//!
//! The example is the block that is indented by four spaces; a test checks that it brings about the
//! code. Codes of limits have none, as it would be too long.

mod docs;
mod files;
mod lints;
mod shapes;
mod types;

use super::Code;

/// What it means, an example (lines indented by four spaces), the remedy.
macro_rules! texts {
    ($($code:ident: $meaning:literal, $example:literal, $remedy:literal;)*) => {
        pub(super) const TEXTS: &[(Code, &str)] = &[
            $((Code::$code, concat!($meaning, "\n\n", $example, "\n\n", $remedy, "\n")),)*
        ];
    };
}
use texts;

impl Code {
    /// What the code means, in most cases with an example that is indented by four spaces, and how
    /// to mend it.
    pub fn explain(self) -> &'static str {
        let groups = [
            files::TEXTS,
            shapes::TEXTS,
            types::TEXTS,
            docs::TEXTS,
            lints::TEXTS,
        ];
        let mut texts = groups.iter().copied().flatten();
        texts
            .find(|(code, _)| *code == self)
            .map_or("", |(_, text)| text)
    }

    /// The example of [`Code::explain`], a schema that brings about this code; none for limits.
    pub fn example(self) -> Option<String> {
        let lines = self.explain().lines();
        let example: Vec<&str> = lines.filter_map(|line| line.strip_prefix("    ")).collect();
        (!example.is_empty()).then(|| example.join("\n") + "\n")
    }
}

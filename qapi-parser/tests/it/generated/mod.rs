//! Schemas made up at random: valid ones of every kind of definition, laid out in any way.

mod build;
mod parts;

use proptest::prelude::*;
use proptest::sample::select;
use qapi_parser::fmt::format;
use qapi_parser::{Dialect, Format, Options, check, check_str};

use crate::fmt::{comments, meaning};

use build::Schema;
use parts::definition;

fn schema() -> impl Strategy<Value = String> {
    prop::collection::vec(definition(), 1..8).prop_map(|all| {
        let mut schema = Schema::default();
        schema.text += "{ 'struct': 'Leaf', 'data': { 'leaf': 'str' } }\n";
        for (index, def) in all.iter().enumerate() {
            schema.add(index, def);
        }
        schema.text
    })
}

/// Other white space, and comments between tokens outside of documentation comments.
fn shaken(text: &str, gaps: &[&str]) -> String {
    let mut gaps = gaps.iter().cycle();
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with('#') || line.is_empty() {
            out += line;
        } else {
            for token in line.split_inclusive(' ') {
                out += token.trim_end();
                out += gaps.next().unwrap_or(&" ");
            }
        }
        out += "\n";
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_schema_means_the_same_when_it_is_laid_out(
        text in schema(),
        gaps in prop::collection::vec(select(vec![" ", " ", "\n", "  \t", "\n # note\n", " # behind\n"]), 1..30),
    ) {
        let before = check_str("a.json", &text);
        let problems = before.render(Format::Short);
        prop_assert!(before.schema.is_some(), "{}\n{}", problems, text);
        let before = meaning(&before.schema.unwrap());
        let shaken = shaken(&text, &gaps);
        for text in [&text, &shaken] {
            let once = format(text).unwrap();
            prop_assert_eq!(&format(&once).unwrap(), &once);
            prop_assert_eq!(comments(&once), comments(text));
            let after = check_str("a.json", &once);
            let problems = after.render(Format::Short);
            prop_assert!(after.schema.is_some(), "{}\n{}", problems, once);
            prop_assert_eq!(meaning(&after.schema.unwrap()), before.as_str());
        }
    }

    #[test]
    fn a_schema_with_a_piece_gone_never_panics(
        text in schema(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 1..30_usize), 1..4),
    ) {
        let mut text = text;
        for (at, len) in cuts {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.ceil_char_boundary((start + len).min(text.len()));
            text.replace_range(start..end, "");
        }
        for dialect in [Dialect::Any, Dialect::Modern] {
            let loader = qapi_parser::MemoryLoader::new().file("a.json", text.clone());
            let options = Options::new().dialect(dialect);
            let outcome = check("a.json".as_ref(), &loader, &options);
            let failed = outcome.diagnostics.iter().any(|one| one.is_error());
            prop_assert_eq!(outcome.schema.is_none(), failed);
        }
    }
}

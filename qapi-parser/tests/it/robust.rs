//! No input makes the compiler panic, or a place lie outside of its text.

use std::path::Path;

use proptest::prelude::*;
use qapi_parser::{Dialect, Format, MemoryLoader, Options, Renderer, check};

use crate::corpus;

const SAMPLE: &str = "\
##
# = Sample
##
{ 'pragma': { 'doc-required': false, 'member-name-exceptions': [ 'Mode' ] } }

##
# @Mode:
#
# How to go on.
#
# @slow: step by step
#     and carefully
#
# @FAST: at once
#
# Features:
# @young: it is new
#
# Since: 1.0
##
{ 'enum': 'Mode', 'data': [ 'slow', { 'name': 'FAST', 'if': 'CONFIG_FAST' } ],
  'features': [ { 'name': 'young', 'if': { 'not': 'OLD' } } ] }
{ 'struct': 'Base', 'data': { 'mode': 'Mode', '*n': { 'type': 'int', 'features': [ 'deprecated' ] } } }
{ 'struct': 'Slow', 'base': 'Empty', 'data': { 'steps': [ 'int' ] } }
{ 'struct': 'Empty', 'data': { } }
{ 'union': 'Plan', 'base': 'Base', 'discriminator': 'mode', 'data': { 'slow': 'Slow' } }
{ 'alternate': 'Either', 'data': { 'a': 'str', 'b': [ 'Plan' ], 'c': 'null' } }
{ 'union': 'Simple', 'data': { 'a': 'str', 'b': [ 'Plan' ] } }
{ 'type': 'Old', 'data': { 'in': { 'side': 'int' } } }
{ 'command': 'go', 'data': 'Plan', 'boxed': true, 'returns': [ 'Base' ], 'allow-oob': true }
{ 'event': 'GONE', 'data': { 'why': 'Either' }, 'if': 'defined(X) && defined(Y)' }
";

fn check_all(bytes: &[u8]) {
    let loader = MemoryLoader::new().file("a.json", bytes);
    for dialect in [Dialect::Any, Dialect::Modern] {
        let outcome = check(
            Path::new("a.json"),
            &loader,
            &Options::new().dialect(dialect),
        );
        let errors = outcome.diagnostics.iter().any(|one| one.is_error());
        assert_eq!(outcome.schema.is_none(), errors);
        for one in &outcome.diagnostics {
            let labels = one.labels.iter().map(|label| label.span);
            for span in one
                .span
                .into_iter()
                .chain(one.anchor.map(|anchor| anchor.span))
                .chain(labels)
            {
                let file = outcome.sources.file(span.file()).unwrap();
                assert!(file.text().get(span.range()).is_some(), "{one:?}");
            }
        }
        for format in [Format::Rich, Format::Short, Format::Qemu] {
            let renderer = Renderer::new(&outcome.sources, format);
            for one in outcome.diagnostics.iter().take(20) {
                let text = renderer.render(one);
                assert!(!text.contains('\u{1b}'));
                assert!(format == Format::Rich || text.contains(&one.message));
            }
        }
    }
}

/// Changes that leave most of a text as it is.
#[derive(Debug, Clone)]
enum Change {
    Delete(usize, usize),
    Repeat(usize, usize),
    Insert(usize, Vec<u8>),
    Truncate(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let pieces = [
        "'", "{", "}", "[", "]", ",", ":", "\\", "#", "##", "\n", "\n##\n", " ", "\t", "*", "@",
        "::",
    ];
    let words = [
        "true",
        "'if'",
        "'data'",
        "'Mode'",
        "'str'",
        "'base'",
        "# @x:",
        "é",
        "\u{0}",
        "Features:",
    ];
    let piece = prop::sample::select([&pieces[..], &words[..]].concat());
    let bytes = prop_oneof![
        piece.prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop_oneof![
        (any::<usize>(), 1..40_usize).prop_map(|(at, len)| Change::Delete(at, len)),
        (any::<usize>(), 1..200_usize).prop_map(|(at, len)| Change::Repeat(at, len)),
        (any::<usize>(), bytes).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        any::<usize>().prop_map(Change::Truncate),
    ]
}

fn apply(text: &mut Vec<u8>, change: Change) {
    let place = |at: usize| at % (text.len() + 1);
    match change {
        Change::Delete(at, len) => {
            let at = place(at);
            text.drain(at..(at + len).min(text.len()));
        }
        Change::Repeat(at, len) => {
            let at = place(at);
            let piece = text[at..(at + len).min(text.len())].to_vec();
            text.splice(at..at, piece);
        }
        Change::Insert(at, bytes) => {
            let at = place(at);
            text.splice(at..at, bytes);
        }
        Change::Truncate(at) => text.truncate(text.len() - at % (text.len() / 4 + 1)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check_all(&bytes);
    }

    #[test]
    fn arbitrary_tokens_never_panic(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "'a'", "'data'", "'struct'", "'Foo'", "true", "##\n",
                "# @a:\n", "\n", "'base'", "'union'", "'discriminator'", "'type'", "'if'", "#x\n",
            ]),
            0..60,
        ),
    ) {
        check_all(pieces.concat().as_bytes());
    }

    #[test]
    fn changed_schemas_never_panic(changes in prop::collection::vec(change(), 1..6)) {
        let mut text = SAMPLE.as_bytes().to_vec();
        changes.into_iter().for_each(|change| apply(&mut text, change));
        check_all(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(ProptestConfig::default().cases / 8) })]

    #[test]
    fn changed_releases_never_panic(
        which in 0..4_usize,
        changes in prop::collection::vec(change(), 1..20),
    ) {
        let Some(releases) = corpus::folder("releases") else { return Ok(()) };
        let names = ["10.0.2/qga/qapi-schema.json", "10.0.2/qapi/sockets.json",
            "v1.2.0/qapi-schema.json", "v2.4.0/qga/qapi-schema.json"];
        let mut text = std::fs::read(releases.join(names[which])).unwrap();
        changes.into_iter().for_each(|change| apply(&mut text, change));
        check_all(&text);
    }
}

#[test]
fn the_sample_itself_is_accepted() {
    let outcome = qapi_parser::check_str("a.json", SAMPLE);
    assert!(
        outcome.schema.is_some(),
        "{}",
        outcome.render(Format::Short)
    );
}

#[test]
fn windows_line_ends_are_white_space_outside_of_comments() {
    let outcome = qapi_parser::check_str("a.json", "{ 'command':\r\n  'c' }\r\n");
    assert!(outcome.schema.is_some());
}

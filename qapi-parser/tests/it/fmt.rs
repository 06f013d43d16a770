//! The canonical layout.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use qapi_parser::fmt::format;
use qapi_parser::schema::Schema;
use qapi_parser::{FsLoader, MemoryLoader, Options, check, check_str};

use crate::corpus;
use crate::dump::dump;

fn formatted(text: &str) -> String {
    let once = format(text).unwrap();
    let twice = format(&once).unwrap();
    assert_eq!(
        twice, once,
        "not stable:\n{text}\n-- once:\n{once}\n-- twice:\n{twice}"
    );
    once
}

#[test]
fn what_fits_stands_on_one_line() {
    let text = "{'enum':'Ee','data':['a','b']}\n{   'command':\n'c',\n'returns':[ 'Ee' ]}";
    let expected =
        "{ 'enum': 'Ee', 'data': [ 'a', 'b' ] }\n{ 'command': 'c', 'returns': ['Ee'] }\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn long_definitions_are_laid_out_over_lines() {
    let text = "{ 'struct': 'Machine', 'base': { 'name': 'str', '*alias-of-the-name': 'str' }, 'data': { 'name': 'str', '*number-of-processors': 'int', '*properties': { 'type': [ 'CompatProperty' ], 'features': [ 'unstable' ] } } }\n\
                { 'enum': 'Long', 'data': [ 'one-value', 'another-value', 'third-value', 'fourth-value', 'fifth' ] }\n\
                { 'command': 'query-the-state-of-the-machine', 'returns': 'Machine', 'allow-preconfig': true, 'if': 'CONFIG_X' }";
    insta::assert_snapshot!(formatted(text));
}

#[test]
fn empty_groups_that_do_not_fit_are_closed() {
    let key = "k".repeat(70);
    for empty in ["{}", "[]"] {
        let text = format!("{{ 'struct': 'S', '{key}': {empty} }}");
        let expected = format!("{{ 'struct': 'S',\n  '{key}': {empty} }}\n");
        assert_eq!(formatted(&text), expected);
    }
}

#[test]
fn comments_stay_where_they_are() {
    let text = "#  head  \n{ 'pragma': { # all of them\n 'doc-required': true,\n # names\n 'member-name-exceptions': [ 'A',   # first\n 'B' ],  # both\n # the end\n } }   # behind\n\n\n\n##\n# @c:   \n#\n#   kept  as  is\n##\n\n{ 'command': 'c' }\n# tail";
    insta::assert_snapshot!(formatted(text));
}

#[test]
fn malformed_text_is_refused_with_its_place() {
    for (text, place) in [
        ("{ 'a' 'b' }", "schema:1:7: "),
        ("{ 'a': [ 'b' 'c' ] }", "schema:1:14: "),
        ("{ 'a': 'b', 7 }", "schema:1:13: "),
        ("{ 'a': 'b'", "schema:1:11: "),
    ] {
        let failure = format(text).unwrap_err().to_string();
        assert!(failure.starts_with(place), "{failure}");
    }
}

/// All that a schema says, without places.
pub(crate) fn meaning(schema: &Schema) -> String {
    let mut out = dump(schema);
    for entity in schema.entities() {
        let Some(doc) = &entity.doc else { continue };
        let _ = writeln!(out, "{:?} {}", doc.symbol, doc.body);
        for one in doc.members.iter().chain(&doc.features) {
            let _ = writeln!(out, "{}: {}", one.name, one.text);
        }
        for section in &doc.sections {
            let _ = writeln!(out, "{:?}: {}", section.kind, section.text);
        }
    }
    for free in schema.free_docs() {
        let _ = writeln!(out, "{} {}", free.before, free.doc.body);
    }
    out
}

/// A loader that lays out what it loads.
struct Formatted(FsLoader);

impl qapi_parser::Loader for Formatted {
    fn load(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let text = String::from_utf8(self.0.load(path)?).unwrap();
        Ok(formatted(&text).into_bytes())
    }
}

#[test]
fn releases_mean_the_same_when_they_are_laid_out_anew() {
    let Some(folder) = corpus::folder("releases") else {
        return;
    };
    for root in [
        "v1.0/qapi-schema.json",
        "v1.2.0/qapi-schema.json",
        "v1.7.0/qapi-schema.json",
        "v2.4.0/qapi-schema.json",
        "v2.8.0/qapi-schema.json",
        "v3.1.0/qapi/qapi-schema.json",
        "v5.2.0/qapi/qapi-schema.json",
        "v7.2.0/qapi/qapi-schema.json",
        "v9.0.0/qapi/qapi-schema.json",
        "10.0.2/qapi/qapi-schema.json",
        "10.0.2/qga/qapi-schema.json",
        "10.0.2/storage-daemon/qapi/qapi-schema.json",
    ] {
        let path = folder.join(root);
        let before = check(&path, &FsLoader::new(), &Options::new()).schema;
        let after = check(&path, &Formatted(FsLoader::new()), &Options::new()).schema;
        assert!(
            meaning(&before.unwrap()) == meaning(&after.unwrap()),
            "{root}"
        );
    }
}

#[test]
fn our_own_schemas_are_laid_out_already() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../schema"));
    for module in ["qmp", "qga"] {
        for file in std::fs::read_dir(folder.join(module)).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                formatted(&text) == text,
                "{} is not laid out",
                path.display()
            );
        }
    }
}

/// Tokens of a schema; between any two of them may be white space and comments.
const TOKENS: &str = "{ 'enum' : 'Mode' , 'data' : [ 'slow' , { 'name' : 'fast' , 'if' : 'CONFIG_FAST' } ] } \
    { 'struct' : 'Base' , 'data' : { 'mode' : 'Mode' , '*number' : { 'type' : 'int' , 'features' : [ 'deprecated' ] } } } \
    { 'struct' : 'Slow' , 'base' : 'Empty' , 'data' : { 'steps' : [ 'int' ] } } { 'struct' : 'Empty' , 'data' : { } } \
    { 'union' : 'Plan' , 'base' : 'Base' , 'discriminator' : 'mode' , 'data' : { 'slow' : 'Slow' } } \
    { 'command' : 'go' , 'data' : 'Plan' , 'boxed' : true , 'returns' : [ 'Base' ] , 'allow-oob' : true }";

pub(crate) fn comments(text: &str) -> Vec<&str> {
    let found = text
        .lines()
        .filter_map(|line| line.find('#').map(|at| &line[at..]));
    found.map(str::trim_end).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_spacing_keeps_meaning_and_comments(
        gaps in prop::collection::vec(prop::sample::select(vec![
            " ", "", "\n", "\n\n\n", "\t", " # behind \n", "\n   # own line\n", "# a\n# b\n", "\r\n",
        ]), 200),
    ) {
        let mut text = String::new();
        for (token, gap) in TOKENS.split_whitespace().zip(gaps.iter().cycle()) {
            text += token;
            text += gap;
        }
        let plain = meaning(&check_str("a.json", TOKENS).schema.unwrap());
        let out = formatted(&text);
        prop_assert_eq!(comments(&out), comments(&text));
        let loader = MemoryLoader::new().file("a.json", out);
        let after = check(Path::new("a.json"), &loader, &Options::new()).schema;
        prop_assert_eq!(meaning(&after.unwrap()), plain);
    }

    #[test]
    fn any_text_is_refused_or_laid_out_for_good(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "'a'", "'data'", "true", "##\n", "# @a:\n", "\n", "#x\n", " ", "{ 'a': ", "[ 'b', ", "\u{a0}",
        ]), 0..40),
    ) {
        if let Ok(once) = format(&pieces.concat()) {
            prop_assert_eq!(&format(&once).unwrap(), &once);
        }
    }
}

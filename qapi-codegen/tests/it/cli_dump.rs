//! `qapi dump`

use std::fs;

use serde_json::Value;

use crate::command::{folder, qapi, qapi_in};
use crate::corpus;

fn oracle(name: &str) -> Option<Value> {
    let text = fs::read_to_string(corpus::path(&format!("oracle/{name}"))?).expect("it is there");
    Some(serde_json::from_str(&text).expect("the corpus holds JSON"))
}

/// The dump of a release, made in its folder.
fn dump(release: &str, root: &str, options: &[&str]) -> Option<Value> {
    let tree = corpus::path(&format!("releases/{release}"))?;
    let file = corpus::root_file(release, root)?;
    let file = file.strip_prefix(&tree).expect("it lies in the release");
    let mut arguments = vec!["dump", file.to_str().expect("it is text")];
    arguments.extend(options);
    let run = qapi_in(&tree, &arguments, "");
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    Some(serde_json::from_str(&run.out).expect("it is JSON"))
}

/// Element by element: a difference in the whole would be unreadable.
fn assert_equal(found: &Value, expected: &Value) {
    let list = |value: &Value| value.as_array().expect("it is a list").clone();
    let (found, expected) = (list(found), list(expected));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "found left, expected right");
    }
    assert_eq!(found.len(), expected.len());
}

const ROOTS: [&str; 3] = ["qmp", "qga", "storage-daemon"];

#[test]
fn release_10_equals_the_reference() {
    for root in ROOTS {
        let expected = oracle(&format!("ir.10.0.2.{root}.json"));
        let found = dump("10.0.2", root, &[]);
        let (Some(expected), Some(found)) = (expected, found) else {
            return;
        };
        assert_equal(&found["entities"], &expected["entities"]);
        for key in ["root", "modules", "counts", "introspection-entries"] {
            assert_eq!(found[key], expected[key], "{key} of {root}");
        }
    }
}

#[test]
fn release_7_equals_the_reference_but_for_comments() {
    for root in ROOTS {
        let expected = oracle(&format!("ir.7.2.{root}.json"));
        let found = dump("v7.2.0", root, &[]);
        let (Some(mut expected), Some(mut found)) = (expected, found) else {
            return;
        };
        simplify(&mut expected["entities"]);
        simplify(&mut found["entities"]);
        assert_equal(&found["entities"], &expected["entities"]);
        for key in ["root", "modules", "counts", "introspection-entries"] {
            assert_eq!(found[key], expected[key], "{key} of {root}");
        }
    }
}

/// Drops what changed in QEMU's front end between the releases: comments had other sections.
fn simplify(entities: &mut Value) {
    for entity in entities.as_array_mut().into_iter().flatten() {
        if let Some(keys) = entity.as_object_mut() {
            keys.remove("doc");
        }
    }
}

#[test]
fn documentation_of_release_10_equals_the_reference() {
    for root in ROOTS {
        let expected = oracle(&format!("docs.10.0.2.{root}.json"));
        let found = dump("10.0.2", root, &["--docs"]);
        let (Some(expected), Some(found)) = (expected, found) else {
            return;
        };
        assert_equal(&found, &expected);
    }
}

const SMALL: &str = "\
##
# = Shapes
##

{ 'pragma': { 'documentation-exceptions': ['Kind'] } }

{ 'include': 'sub/colour.json' }

##
# @Kind:
#
# @round: has no corners
#
# Since: 1.0
##
{ 'enum': 'Kind', 'data': [ 'round', { 'name': 'flat', 'if': 'CONFIG_FLAT' } ] }

##
# @Shape:
#
# A shape.
#
# @kind: what it is
#
# Since: 1.1
##
{ 'union': 'Shape', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind',
  'data': { 'round': 'Colour' },
  'if': { 'all': [ 'A', { 'not': 'B' } ] } }

{ 'alternate': 'Any', 'data': { 'name': 'str', 'one': 'Colour' } }

##
# @draw:
#
# Draws
# something.
#
# @of: what
#     to draw
#
# Features:
#
# @unstable: it may change
#
# Returns: the shape
#
# TODO: draw well
##
{ 'command': 'draw', 'data': { '*of': ['Any'] }, 'returns': 'Shape', 'allow-oob': true,
  'features': [ { 'name': 'unstable', 'if': 'A' } ], 'if': 'A' }

{ 'event': 'DRAWN', 'data': 'Colour', 'boxed': true }
";

const COLOUR: &str = "{ 'struct': 'Colour', 'data': { 'rgb': 'uint32', '*name': 'str' } }\n";

#[test]
fn small_schema_is_dumped_whole() {
    let folder = folder(&[("small.json", SMALL), ("sub/colour.json", COLOUR)]);
    let run = qapi_in(folder.path(), &["dump", "small.json"], "");
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    // What is predefined is the same everywhere.
    let own = run
        .out
        .lines()
        .filter(|line| !line.contains("./builtin\",\"info\""));
    insta::assert_snapshot!(own.collect::<Vec<_>>().join("\n"));
}

#[test]
fn documentation_of_small_schema_is_dumped() {
    let folder = folder(&[("small.json", SMALL), ("sub/colour.json", COLOUR)]);
    let run = qapi_in(folder.path(), &["dump", "--docs", "small.json"], "");
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(run.out);
}

#[test]
fn absolute_path_is_told_as_seen_from_the_current_folder() {
    let folder = folder(&[
        ("deep/small.json", "{ 'include': '../other.json' }"),
        ("other.json", "{ 'command': 'go' }"),
    ]);
    let folder = folder.path().canonicalize().expect("it exists");
    let file = folder.join("deep/../deep/small.json");
    let run = qapi_in(&folder, &["dump", file.to_str().expect("it is text")], "");
    assert!(
        run.out.contains(r#""root": "deep/small.json""#),
        "{}",
        run.out
    );
    assert!(run.out.contains(r#""info":{"file":"other.json","line":1}"#));
    let run = qapi_in(
        &folder.join("deep"),
        &["dump", file.to_str().expect("it is text")],
        "",
    );
    let other = folder.join("other.json");
    assert!(
        run.out
            .contains(&format!("{:?}", other.to_str().expect("it is text"))),
        "{}",
        run.out
    );
}

#[test]
fn schema_with_errors_is_not_dumped() {
    let run = qapi(&["dump", "-"], "{ 'command': 'go', 'returns': 'Nothing' }");
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(run.err.contains("error[QAPI0040]"), "{}", run.err);
}

#[test]
fn schema_without_comments_has_an_empty_list_of_them() {
    let run = qapi(&["dump", "--docs", "-"], "{ 'command': 'go' }");
    assert_eq!((run.code, run.out.as_str()), (Some(0), "[]\n"));
}

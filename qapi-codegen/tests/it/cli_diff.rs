//! `qapi diff`

use std::path::Path;

use serde_json::{Value, json};

use crate::command::{Run, folder, qapi_in};
use crate::corpus;

const OLD: &str = "\
{ 'command': 'resize', 'data': { 'size': 'int', '*force': 'bool' } }
{ 'command': 'stop', 'features': [ 'deprecated' ] }
";
const NEW: &str = "\
{ 'command': 'resize',
  'data': { 'size': 'int', 'node': 'str' } }
{ 'event': 'RESIZED' }
";
const WIDER: &str = "\
{ 'command': 'resize', 'data': { 'size': 'int', '*force': 'bool', '*node': 'str' } }
{ 'command': 'stop', 'features': [ 'deprecated' ] }
";

fn diff(old: &str, new: &str, options: &[&str]) -> Run {
    let folder = folder(&[("old.json", old), ("new.json", new)]);
    let arguments = [&["diff", "old.json", "new.json"], options].concat();
    qapi_in(folder.path(), &arguments, "")
}

#[test]
fn changes_are_grouped_by_impact_the_worst_first() {
    let run = diff(OLD, NEW, &[]);
    assert_eq!(run.code, Some(1));
    assert_eq!(run.err, "2 breaking, 1 risky, 1 compatible\n");
    let at = |text: &str| run.out.find(text).expect(text);
    let order = [
        "breaking:\n  resize.arguments.",
        "\n\nrisky:\n  stop: ",
        "    old --> old.json:2:1\n",
        "\n\ncompatible:\n  RESIZED: ",
        "    new --> new.json:3:1\n",
    ];
    assert!(order.map(at).is_sorted(), "{}", run.out);
    assert!(
        run.out.contains("    old --> old.json:1:49\n"),
        "{}",
        run.out
    );
}

#[test]
fn nothing_breaking_is_success() {
    let run = diff(OLD, WIDER, &[]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), "1 compatible\n"));
    assert!(
        run.out
            .starts_with("compatible:\n  resize.arguments.node: "),
        "{}",
        run.out
    );
    let run = diff(OLD, OLD, &[]);
    assert_eq!(
        (run.code, run.out.as_str(), run.err.as_str()),
        (Some(0), "", "no changes\n")
    );
}

#[test]
fn json_tells_everything_of_a_change() {
    let run = diff(OLD, NEW, &["--format", "json"]);
    assert_eq!((run.code, run.err.as_str()), (Some(1), ""));
    let changes: Vec<Value> = serde_json::from_str(&run.out).expect("it is an array");
    let impacts: Vec<&Value> = changes.iter().map(|one| &one["impact"]).collect();
    assert_eq!(impacts, ["breaking", "breaking", "risky", "compatible"]);
    let message = changes[3]["message"].as_str().expect("it is text");
    let expected = json!({
        "impact": "compatible",
        "kind": "event-added",
        "side": "server",
        "path": "RESIZED",
        "message": message,
        "old": null,
        "new": { "file": "new.json", "line": 3, "column": 1 },
    });
    assert_eq!(changes[3], expected);
    assert_eq!(diff(OLD, OLD, &["--format", "json"]).out, "[]\n");
}

#[test]
fn schema_with_errors_is_a_finding() {
    let broken = "{ 'command': 'stop', 'returns': 'Nothing' }";
    for (old, new, name) in [(OLD, broken, "new.json"), (broken, OLD, "old.json")] {
        let run = diff(old, new, &[]);
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
        assert!(
            run.err.contains("error[QAPI0040]") && run.err.contains(name),
            "{}",
            run.err
        );
    }
}

#[test]
fn old_version_may_come_from_standard_input() {
    let folder = folder(&[("new.json", WIDER)]);
    let run = qapi_in(folder.path(), &["diff", "-", "new.json"], OLD);
    assert_eq!((run.code, run.err.as_str()), (Some(0), "1 compatible\n"));
}

#[test]
fn wrong_usage_is_explained() {
    let folder = folder(&[("a.json", OLD)]);
    let cases: [(&[&str], &str); 5] = [
        (&["a.json"], "two schemas are compared; name the root files"),
        (&["a.json", "a.json", "a.json"], "two schemas are compared"),
        (&["a.json", "b.json"], "cannot read b.json"),
        (&["-", "-"], "standard input can be read once only"),
        (
            &["--format", "xml"],
            "unknown format 'xml'; there are rich and json",
        ),
    ];
    for (arguments, message) in cases {
        let run = qapi_in(folder.path(), &[&["diff"], arguments].concat(), "");
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(run.err.contains(message), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn included_files_are_looked_for_in_folders() {
    let text = "{ 'include': 'more.json' }";
    let folder = folder(&[
        ("a/root.json", text),
        ("b/root.json", text),
        ("c/more.json", OLD),
    ]);
    let run = qapi_in(folder.path(), &["diff", "a/root.json", "b/root.json"], "");
    assert_eq!(run.code, Some(1));
    let run = qapi_in(
        folder.path(),
        &["diff", "-I", "c", "a/root.json", "b/root.json"],
        "",
    );
    assert_eq!((run.code, run.err.as_str()), (Some(0), "no changes\n"));
}

#[test]
fn releases_are_compared() {
    let (Some(old), Some(new)) = (
        corpus::root_file("v7.2.0", "qga"),
        corpus::root_file("10.0.2", "qga"),
    ) else {
        return;
    };
    let [old, new] = [&old, &new].map(|path| path.to_str().expect("it is text"));
    let run = qapi_in(Path::new("."), &["diff", old, new], "");
    assert_eq!(run.code, Some(0), "{}", run.out);
    assert!(run.out.contains("\n  guest-get-load: "), "{}", run.out);
    let run = qapi_in(Path::new("."), &["diff", new, old], "");
    assert_eq!(run.code, Some(1));
}

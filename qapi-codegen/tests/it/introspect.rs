//! The introspection data against what QEMU's generator and QEMU itself give.

use std::collections::BTreeSet;
use std::fs;

use qapi_codegen::{Conditions, introspect};
use serde_json::Value;

use crate::corpus;

fn load(name: &str) -> Option<Value> {
    let text = fs::read_to_string(corpus::path(name)?).expect("the file is there");
    Some(serde_json::from_str(&text).expect("the corpus holds JSON"))
}

fn compare(release: &str, oracle: &str, root: &str, unmasked: bool) {
    let masking = if unmasked { "unmasked" } else { "masked" };
    let Some(expected) = load(&format!("oracle/introspect.{oracle}.{root}.{masking}.json")) else {
        return;
    };
    let Some(schema) = corpus::schema(release, root) else {
        return;
    };
    let options = introspect::Options {
        unmasked,
        with_conditions: true,
        ..introspect::Options::default()
    };
    assert_equal(&introspect::entries(&schema, &options), &expected);
}

/// Entry by entry: a difference in the whole would be unreadable.
fn assert_equal(entries: &[Value], expected: &Value) {
    let expected = expected.as_array().expect("the oracle is a list");
    for (entry, expected) in entries.iter().zip(expected) {
        assert_eq!(entry, expected);
    }
    assert_eq!(entries.len(), expected.len());
}

#[test]
fn release_10_equals_the_reference() {
    for root in ["qmp", "qga", "storage-daemon"] {
        compare("10.0.2", "10.0.2", root, true);
        compare("10.0.2", "10.0.2", root, false);
    }
}

#[test]
fn release_7_equals_the_reference() {
    for root in ["qmp", "qga", "storage-daemon"] {
        compare("v7.2.0", "7.2", root, true);
        compare("v7.2.0", "7.2", root, false);
    }
}

#[test]
fn configuration_of_a_running_qemu_gives_its_reply() {
    let Some(config) = load("oracle/live-config.qemu-10.0.2-x86_64.json") else {
        return;
    };
    let Some(reply) = load("oracle/query-qmp-schema.qemu-10.0.2-x86_64.json") else {
        return;
    };
    let Some(schema) = corpus::schema("10.0.2", "qmp") else {
        return;
    };
    let defined: BTreeSet<String> = config["defined"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|symbol| symbol.as_str().map(str::to_owned))
        .collect();
    let options = introspect::Options {
        conditions: Conditions::Evaluate(defined),
        ..introspect::Options::default()
    };
    assert_equal(&introspect::entries(&schema, &options), &reply);
}

#[test]
fn empty_schema_gives_an_empty_list() {
    let schema = qapi_parser::check_str("empty.json", "# nothing\n")
        .into_result()
        .expect("it is sound")
        .schema;
    assert_eq!(
        introspect::text(&schema, &introspect::Options::default()),
        "[]\n"
    );
}

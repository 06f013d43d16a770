//! JSON Schema and OpenRPC, by the judgement of an independent validator.

use std::collections::BTreeSet;
use std::fs;

use jsonschema::Validator;
use qapi_codegen::Conditions;
use qapi_codegen::json_schema::{Options, json_schema, openrpc};
use qapi_parser::{Schema, check_str};
use serde_json::{Value, json};

use crate::command::{folder, qapi, qapi_in};
use crate::corpus;

const SCHEMA: &str = r"
{ 'enum': 'Kind', 'data': [ 'none', 'disk', { 'name': 'net', 'if': 'CONFIG_NET' } ] }
##
# @Disk:
#
# A disk.
#
# @size: its size in bytes
#
# @label: what is written on it
#
# Features:
#
# @fast: it is fast
##
{ 'struct': 'Disk', 'data': { 'size': 'size', '*label': 'str' }, 'features': [ 'fast' ] }
{ 'struct': 'Net', 'data': { 'mac': [ 'uint8' ] }, 'if': 'CONFIG_NET' }
##
# @Device:
#
# A device.
#
# @kind: what it is
#
# @id: its name
##
{ 'union': 'Device', 'base': { 'kind': 'Kind', '*id': 'str' }, 'discriminator': 'kind',
  'data': { 'disk': 'Disk', 'net': { 'type': 'Net', 'if': 'CONFIG_NET' } } }
{ 'alternate': 'Limit', 'data': { 'at': 'int8', 'named': 'Kind', 'none': 'null' } }
{ 'command': 'plug', 'data': 'Device', 'boxed': true, 'allow-oob': true }
##
# @tune:
#
# Tunes.
#
# @limit: no more than that
#
# @how: in any way
#
# Features:
#
# @deprecated: do not
#
# Returns: what was plugged
##
{ 'command': 'tune', 'data': { 'limit': 'Limit', '*how': 'any' }, 'returns': [ 'Device' ],
  'features': [ 'deprecated' ] }
{ 'command': 'add', 'data': { 'driver': 'str' }, 'gen': false }
{ 'command': 'die', 'success-response': false }
{ 'event': 'PLUGGED', 'data': { 'id': 'str' } }
";

fn small() -> Schema {
    check_str("small.json", SCHEMA).schema.expect("it is sound")
}

/// A validator for one of the definitions, or for requests.
fn validator(document: &Value, of: Option<&str>) -> Validator {
    let mut document = document.clone();
    if let Some(name) = of {
        let object = document.as_object_mut().expect("it is an object");
        object.remove("oneOf");
        object.insert("$ref".to_owned(), json!(format!("#/$defs/{name}")));
    }
    jsonschema::validator_for(&document).expect("it is a schema")
}

#[test]
fn documents_hold_all_that_the_schema_says() {
    let schema = small();
    let document = json_schema(&schema, &Options::default());
    insta::assert_snapshot!("json_schema", format!("{document:#}"));
    let document = openrpc(&schema, &Options::default());
    insta::assert_snapshot!("openrpc", format!("{document:#}"));
}

#[test]
fn requests_are_accepted_as_a_server_would() {
    let document = json_schema(&small(), &Options::default());
    jsonschema::meta::validate(&document).expect("it keeps to its draft");
    let validator = validator(&document, None);
    let accepted = [
        json!({ "execute": "plug", "arguments": { "kind": "none" } }),
        json!({ "exec-oob": "plug", "arguments": { "kind": "disk", "size": u64::MAX }, "id": [1] }),
        json!({ "execute": "plug", "arguments": { "id": "x", "kind": "net", "mac": [0, 255] } }),
        json!({ "execute": "tune", "arguments": { "limit": -128, "how": { "x": null } } }),
        json!({ "execute": "tune", "arguments": { "limit": null } }),
        json!({ "execute": "add", "arguments": { "driver": "e1000", "addr": 3 } }),
        json!({ "execute": "die" }),
        json!({ "execute": "die", "arguments": {} }),
    ];
    for request in accepted {
        assert!(validator.is_valid(&request), "{request}");
    }
    let refused = [
        json!({ "execute": "plug" }),
        json!({ "execute": "plug", "arguments": { "kind": "disk" } }),
        json!({ "execute": "plug", "arguments": { "kind": "none", "size": 1 } }),
        json!({ "execute": "plug", "arguments": { "kind": "disk", "size": -1 } }),
        json!({ "execute": "plug", "arguments": { "kind": "net", "mac": [256] } }),
        json!({ "execute": "plug", "arguments": { "kind": "tape" } }),
        json!({ "execute": "tune", "arguments": { "limit": 128 } }),
        json!({ "execute": "tune", "arguments": { "limit": null, "haw": 1 } }),
        json!({ "exec-oob": "tune", "arguments": { "limit": null } }),
        json!({ "execute": "add", "arguments": { "addr": 3 } }),
        json!({ "execute": "die", "arguments": { "x": 1 } }),
        json!({ "execute": "dye" }),
    ];
    for request in refused {
        assert!(!validator.is_valid(&request), "{request}");
    }
}

#[test]
fn what_is_configured_out_is_left_out() {
    let options = Options {
        conditions: Conditions::Evaluate(BTreeSet::new()),
        ..Options::default()
    };
    let document = json_schema(&small(), &options);
    assert_eq!(document["$defs"]["Kind"]["enum"], json!(["none", "disk"]));
    assert_eq!(document["$defs"].get("Net"), None);
    let request = json!({ "execute": "plug", "arguments": { "kind": "net", "mac": [] } });
    assert!(!validator(&document, None).is_valid(&request));
}

/// The answers of a real server are what the schema of its release promises.
#[test]
fn answers_of_a_real_server_are_valid() {
    let Some(schema) = corpus::schema("10.0.2", "qmp") else {
        return;
    };
    let document = json_schema(&schema, &Options::default());
    jsonschema::meta::validate(&document).expect("it keeps to its draft");
    for command in ["query-qmp-schema", "query-commands", "query-version"] {
        let name = format!("oracle/{command}.qemu-10.0.2-x86_64.json");
        let Some(path) = corpus::path(&name) else {
            return;
        };
        let text = fs::read_to_string(path).expect("it is there");
        let answer: Value = serde_json::from_str(&text).expect("it is JSON");
        let answer = answer.get("return").unwrap_or(&answer);
        let validator = validator(&document, Some(&format!("return.{command}")));
        let errors: Vec<String> = validator
            .iter_errors(answer)
            .map(|it| it.to_string())
            .collect();
        assert_eq!(errors, [""; 0], "{command}");
    }
}

/// The examples in the documentation of QMP, all but those that are known to be broken.
#[test]
fn documented_requests_are_valid_for_their_release() {
    let Some(schema) = corpus::schema("v2.8.0", "qmp-in-top-folder") else {
        return;
    };
    let Some(path) = corpus::path("../seeds/qmp-commands.json") else {
        return;
    };
    let text = fs::read_to_string(path).expect("it is there");
    let commands: Vec<Value> = serde_json::from_str(&text).expect("it is JSON");
    let validator = validator(&json_schema(&schema, &Options::default()), None);
    let examples = commands
        .iter()
        .flat_map(|one| one["examples"].as_array().expect("a list"));
    let mut accepted = 0;
    let mut refused = Vec::new();
    for example in examples.filter(|one| one["send"].is_object()) {
        if validator.is_valid(&example["send"]) {
            accepted += 1;
        } else {
            refused.push(example["line"].as_u64().expect("a line"));
        }
    }
    // `paging` missing, `cache.writeback` unknown, `enable` a string.
    assert_eq!((accepted, refused), (110, vec![509, 2133, 2606]));
}

#[test]
fn both_targets_write_one_file() {
    let folder = folder(&[("small.json", SCHEMA)]);
    for (target, file) in [("json-schema", "schema.json"), ("openrpc", "openrpc.json")] {
        let arguments = [
            "gen",
            "--target",
            target,
            "-o",
            "out",
            "--name",
            "Small",
            "small.json",
        ];
        let run = qapi_in(folder.path(), &arguments, "");
        assert_eq!(run.code, Some(0), "{}", run.err);
        let text = fs::read_to_string(folder.path().join("out").join(file)).expect("it is there");
        let document: Value = serde_json::from_str(&text).expect("it is JSON");
        let title = document.get("title").unwrap_or(&document["info"]["title"]);
        assert_eq!(title, "Small");
        let mut check = vec!["gen", "--check"];
        check.extend(&arguments[1..]);
        assert_eq!(qapi_in(folder.path(), &check, "").code, Some(0));
        let bindings = qapi_in(folder.path(), &["gen", "-o", "out", "small.json"], "");
        assert_eq!(bindings.code, Some(0), "{}", bindings.err);
    }
    // The second document has left the bindings alone.
    assert!(folder.path().join("out/types/small.rs").is_file());
    let run = qapi(&["gen", "--target", "cobol", "-o", "out", "-"], SCHEMA);
    let message = "unknown target 'cobol'; there are rust, json-schema and openrpc";
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains(message), "{}", run.err);
}

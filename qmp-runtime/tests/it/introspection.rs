//! `query-qmp-schema`: what is implemented, masked as QEMU masks it.

use std::fs;
use std::path::PathBuf;

use qmp_runtime::json::{Map, Value};
use qmp_runtime::{Context, QmpError, Router, handlers, server::Server};
use serde_json::json;

use crate::toy::types::Leaf;
use crate::toy::{INTROSPECTION, ToyCommands, commands};

struct Part;

#[handlers]
impl ToyCommands for Part {
    fn query_leaf(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryLeaf,
    ) -> Result<Leaf, QmpError> {
        Ok(Leaf::new(args.id, vec![]))
    }
}

fn ask(router: Router, name: &str) -> Value {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let server = Server::builder().serve(router);
    server.serve_socket(theirs.into()).unwrap();
    let mut client = qmp_runtime::client::Client::over_socket(ours.into()).unwrap();
    client.execute_value(name, &Map::new()).unwrap()
}

#[test]
fn schema_holds_what_is_implemented_and_reached() {
    let router = Router::new()
        .mount(Part, &[Part::COMMANDS])
        .unwrap()
        .schema(INTROSPECTION)
        .emits(&[]);
    let expected = json!([
        {"name": "query-leaf", "meta-type": "command", "arg-type": "0", "ret-type": "1"},
        {"name": "0", "meta-type": "object", "members": [
            {"name": "id", "type": "str"}, {"name": "limit", "type": "int", "default": null}]},
        {"name": "1", "meta-type": "object", "members": [
            {"name": "id", "type": "str"}, {"name": "weight", "type": "number", "default": null},
            {"name": "colors", "type": "[2]"}, {"name": "next", "type": "1", "default": null}]},
        {"name": "str", "meta-type": "builtin", "json-type": "string"},
        {"name": "int", "meta-type": "builtin", "json-type": "int"},
        {"name": "number", "meta-type": "builtin", "json-type": "number"},
        {"name": "[2]", "meta-type": "array", "element-type": "2"},
        {"name": "2", "meta-type": "enum", "members": [{"name": "red"}, {"name": "dark-blue"}],
            "values": ["red", "dark-blue"]},
    ]);
    assert_eq!(ask(router, "query-qmp-schema"), expected);
}

#[test]
fn masking_equals_qemus_for_the_whole_of_its_schema() {
    let oracle = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/corpus/oracle"
    ));
    for tree in [
        "10.0.2.qmp",
        "10.0.2.qga",
        "10.0.2.storage-daemon",
        "7.2.qmp",
    ] {
        let Ok(unmasked) =
            fs::read_to_string(oracle.join(format!("introspect.{tree}.unmasked.json")))
        else {
            println!("skipped: no oracle for {tree}");
            return;
        };
        let masked =
            fs::read_to_string(oracle.join(format!("introspect.{tree}.masked.json"))).unwrap();
        let expected: Value = serde_json::from_str(&masked).unwrap();
        let all = qmp_runtime::__private::select_all(&unmasked);
        assert_eq!(all, expected, "{tree}");
    }
}

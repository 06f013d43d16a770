//! One JSON Schema document for a whole QAPI schema.

use qapi_parser::Schema;
use qapi_parser::schema::{EntityId, EntityKind};
use serde_json::{Value, json};

use super::types::{Object, keyed};
use super::{Export, Options};

/// Makes a document of draft 2020-12. It accepts the requests that a client may send; under `$defs`
/// are the types by name, and `command.NAME`, `return.NAME` and `event.NAME`.
pub fn json_schema(schema: &Schema, options: &Options) -> Value {
    let export = Export {
        schema,
        options,
        home: "#/$defs/",
    };
    let mut definitions = export.types();
    let mut requests = Vec::new();
    for entity in schema.entities() {
        if !options.conditions.hold(&entity.cond) {
            continue;
        }
        let name = &entity.name;
        match &entity.kind {
            EntityKind::Command(command) => {
                let arguments = export.payload(command.arg_type, !command.generate);
                let needs = command.arg_type.is_some_and(|id| export.needs_members(id));
                let execute = |key: &str| {
                    let mut properties = keyed(key, json!({ "const": &**name }));
                    properties.insert("arguments".to_owned(), arguments.clone());
                    properties.insert("id".to_owned(), json!(true));
                    let mut required = vec![key];
                    required.extend(needs.then_some("arguments"));
                    message(properties, &required)
                };
                let mut request = export.about(entity);
                if command.allow_oob {
                    let forms = [execute("execute"), execute("exec-oob")];
                    request.extend(keyed("oneOf", json!(forms)));
                } else {
                    request.extend(execute("execute"));
                }
                requests.push(json!({ "$ref": format!("#/$defs/command.{name}") }));
                definitions.insert(format!("command.{name}"), Value::Object(request));
                if command.success_response {
                    let result = export.payload(command.ret_type, false);
                    definitions.insert(format!("return.{name}"), result);
                }
            }
            EntityKind::Event(event) => {
                let mut properties = keyed("event", json!({ "const": &**name }));
                let data = export.payload(event.arg_type, false);
                properties.insert("data".to_owned(), data);
                properties.insert("timestamp".to_owned(), timestamp());
                let needs = event.arg_type.is_some_and(|id| export.needs_members(id));
                let mut required = vec!["event", "timestamp"];
                required.extend(needs.then_some("data"));
                let mut body = export.about(entity);
                body.extend(message(properties, &required));
                definitions.insert(format!("event.{name}"), Value::Object(body));
            }
            _ => {}
        }
    }
    let mut document = Object::new();
    let draft = "https://json-schema.org/draft/2020-12/schema";
    document.insert("$schema".to_owned(), json!(draft));
    document.insert("title".to_owned(), json!(export.title()));
    if !requests.is_empty() {
        document.insert("oneOf".to_owned(), json!(requests));
    }
    document.insert("$defs".to_owned(), Value::Object(definitions));
    Value::Object(document)
}

impl Export<'_> {
    /// Whether every form of the object has a mandatory member.
    fn needs_members(&self, id: EntityId) -> bool {
        let shapes = self.shapes(id);
        let needs = |shape: &super::shape::Shape<'_>| {
            let mut members = shape.members.iter();
            members.any(|(_, member)| !member.optional)
        };
        shapes.iter().all(needs)
    }
}

fn message(properties: Object, required: &[&str]) -> Object {
    let mut object = keyed("type", "object");
    object.insert("properties".to_owned(), Value::Object(properties));
    object.insert("required".to_owned(), json!(required));
    object.insert("additionalProperties".to_owned(), json!(false));
    object
}

/// Both are -1 where the server cannot tell the time.
fn timestamp() -> Value {
    let number = json!({ "type": "integer", "minimum": -1 });
    json!({
        "type": "object",
        "properties": { "seconds": number, "microseconds": number },
        "required": ["seconds", "microseconds"],
    })
}

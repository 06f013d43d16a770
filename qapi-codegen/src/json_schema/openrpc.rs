//! One OpenRPC document for a whole QAPI schema.

use qapi_parser::Schema;
use qapi_parser::schema::{Command, Entity, EntityId, EntityKind, Member};
use serde_json::{Value, json};

use super::shape::Shape;
use super::types::{Object, keyed};
use super::{Export, Options};
use crate::rest;

/// The version of the OpenRPC specification.
const OPENRPC: &str = "1.3.2";

/// Makes an OpenRPC document: a method for each command, types under `components`, and events under
/// `x-qapi-events`, for OpenRPC knows none.
///
/// Parameters are by name. Where arguments depend on the value of one of them, the parameters are all
/// that there can be, and `x-qapi-arguments` says which go together.
pub fn openrpc(schema: &Schema, options: &Options) -> Value {
    let export = Export {
        schema,
        options,
        home: "#/components/schemas/",
    };
    let mut methods = Vec::new();
    let mut events = Vec::new();
    for entity in schema.entities() {
        if !options.conditions.hold(&entity.cond) {
            continue;
        }
        match &entity.kind {
            EntityKind::Command(command) => methods.push(export.method(entity, command)),
            EntityKind::Event(event) => {
                let mut object = keyed("name", entity.name.to_string());
                object.extend(export.about(entity));
                object.insert("params".to_owned(), export.payload(event.arg_type, false));
                events.push(object);
            }
            _ => {}
        }
    }
    json!({
        "openrpc": OPENRPC,
        "info": { "title": export.title(), "version": "0.0.0" },
        "methods": methods,
        "components": { "schemas": export.types() },
        "x-qapi-events": events,
    })
}

impl Export<'_> {
    fn method(&self, entity: &Entity, command: &Command) -> Value {
        let mut method = keyed("name", entity.name.to_string());
        if let Some(doc) = self.doc(entity) {
            let summary = rest::summary(&rest::body(&doc.body));
            if !summary.is_empty() {
                method.insert("summary".to_owned(), json!(summary.join(" ")));
            }
        }
        method.extend(self.about(entity));
        method.insert("paramStructure".to_owned(), json!("by-name"));
        let shapes = command.arg_type.map(|id| self.shapes(id));
        let params = shapes.map(|shapes| self.params(&shapes));
        method.insert("params".to_owned(), params.unwrap_or_else(|| json!([])));
        if command.success_response {
            let schema = self.payload(command.ret_type, false);
            method.insert(
                "result".to_owned(),
                json!({ "name": "return", "schema": schema }),
            );
        }
        let is_union = |id: &EntityId| matches!(self.schema.entity(*id).kind, EntityKind::Union(_));
        if let Some(id) = command.arg_type.filter(is_union) {
            method.insert("x-qapi-arguments".to_owned(), self.reference(id));
        }
        let flags = [
            ("x-qapi-allow-oob", command.allow_oob),
            ("x-qapi-allow-preconfig", command.allow_preconfig),
            ("x-qapi-open-arguments", !command.generate),
        ];
        for (key, _) in flags.iter().filter(|(_, is_set)| *is_set) {
            method.insert((*key).to_owned(), json!(true));
        }
        Value::Object(method)
    }

    /// All parameters of all forms. One is required if every form has and requires it; those come first,
    /// as the specification wants it.
    fn params(&self, shapes: &[Shape<'_>]) -> Value {
        let mut found: Vec<(EntityId, &Member, Vec<Value>)> = Vec::new();
        for (owner, member) in shapes.iter().flat_map(|shape| &shape.members) {
            let ty = self.reference(member.ty);
            match found
                .iter_mut()
                .find(|(_, other, _)| other.name == member.name)
            {
                Some((_, _, types)) if types.contains(&ty) => {}
                Some((_, _, types)) => types.push(ty),
                None => found.push((*owner, member, vec![ty])),
            }
        }
        let is_required = |name: &str| {
            shapes.iter().all(|shape| {
                let mut members = shape.members.iter();
                members.any(|(_, one)| &*one.name == name && !one.optional)
            })
        };
        let (required, optional): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|(_, member, _)| is_required(&member.name));
        let describe = |is_required: bool| {
            move |(owner, member, mut types): (EntityId, &Member, Vec<Value>)| {
                let mut param: Object = keyed("name", member.name.to_string());
                param.extend(self.described(owner, &member.name, &member.features));
                param.insert("required".to_owned(), json!(is_required));
                let schema = match types.len() {
                    1 => types.remove(0),
                    _ => json!({ "anyOf": types }),
                };
                param.insert("schema".to_owned(), schema);
                Value::Object(param)
            }
        };
        let required = required.into_iter().map(describe(true));
        let optional = optional.into_iter().map(describe(false));
        required.chain(optional).collect()
    }
}

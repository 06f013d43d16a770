//! One entity.

use qapi_parser::Schema;
use qapi_parser::schema::{
    Alternate, Alternative, Command, Entity, EntityId, EntityKind, Enum, Event, Struct, Union,
};
use serde_json::{Value, json};

use super::docs;
use super::parts::{self, Object, keys};
use super::place::Places;

pub(super) fn object(schema: &Schema, places: &Places<'_>, entity: &Entity) -> Value {
    let (kind, body) = body(schema, entity);
    let mut out = keys(json!({
        "kind": kind,
        "name": entity.name.as_str(),
        "module": schema.module(entity.module).name,
        "info": places.of(entity.span),
        "implicit": entity.implicit,
        "doc": docs::summary(schema, places, entity),
    }));
    out.extend(body);
    parts::with_marks(out, &entity.cond, &entity.features)
}

fn body(schema: &Schema, entity: &Entity) -> (&'static str, Object) {
    let (kind, body) = match &entity.kind {
        EntityKind::Builtin(of) => ("builtin", json!({ "json-type": of.json_type() })),
        EntityKind::Enum(of) => ("enum", enumeration(of)),
        EntityKind::Array { element } => (
            "array",
            json!({ "element-type": schema.entity(*element).name.as_str() }),
        ),
        EntityKind::Struct(of) => ("struct", structure(schema, of)),
        EntityKind::Union(of) => ("union", union(schema, of)),
        EntityKind::Alternate(of) => ("alternate", alternate(schema, of)),
        EntityKind::Command(of) => ("command", command(schema, of)),
        EntityKind::Event(of) => ("event", event(schema, of)),
    };
    (kind, keys(body))
}

fn enumeration(of: &Enum) -> Value {
    json!({ "prefix": of.prefix.as_deref(), "members": parts::values(&of.members) })
}

fn structure(schema: &Schema, of: &Struct) -> Value {
    json!({
        "base": name(schema, of.base),
        "local-members": parts::members(schema, &of.local_members),
        "members": parts::members(schema, &of.members),
    })
}

fn union(schema: &Schema, of: &Union) -> Value {
    let branches = of.branches.iter();
    json!({
        "base": schema.entity(of.base).name.as_str(),
        "local-members": [],
        "members": parts::members(schema, &of.members),
        "tag": of.members.get(of.tag).map(|tag| tag.name.as_str()),
        "tag-type": schema.entity(of.tag_type).name.as_str(),
        "branches": branches.map(|branch| parts::branch(schema, branch)).collect::<Value>(),
    })
}

fn alternate(schema: &Schema, of: &Alternate) -> Value {
    let alternative = |one: &Alternative| {
        let out = json!({ "name": one.name.as_str(), "type": schema.entity(one.ty).name.as_str() });
        parts::with_marks(keys(out), &one.cond, &[])
    };
    json!({ "alternatives": of.alternatives.iter().map(alternative).collect::<Value>() })
}

fn command(schema: &Schema, of: &Command) -> Value {
    json!({
        "arg-type": name(schema, of.arg_type),
        "ret-type": name(schema, of.ret_type),
        "gen": of.generate,
        "success-response": of.success_response,
        "boxed": of.boxed,
        "allow-oob": of.allow_oob,
        "allow-preconfig": of.allow_preconfig,
        "coroutine": of.coroutine,
    })
}

fn event(schema: &Schema, of: &Event) -> Value {
    json!({ "arg-type": name(schema, of.arg_type), "boxed": of.boxed })
}

fn name(schema: &Schema, id: Option<EntityId>) -> Option<&str> {
    id.map(|id| schema.entity(id).name.as_str())
}

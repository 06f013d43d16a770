//! One entry: a command, an event, or a type.

use qapi_parser::schema::{
    Alternate, Branch, Cond, Entity, EntityKind, Enum, EnumMember, Feature, Member, Union,
};
use serde_json::{Map, Value, json};

use super::list::{List, Type};

type Object = Map<String, Value>;

/// The entry of a command or event; none when its condition leaves it out. What it uses is noted in
/// any case.
pub(super) fn of_entity(list: &mut List<'_>, entity: &Entity) -> Option<Value> {
    let (meta, body) = match &entity.kind {
        EntityKind::Command(command) => {
            let mut body = Object::new();
            insert(&mut body, "arg-type", list.payload(command.arg_type));
            insert(&mut body, "ret-type", list.payload(command.ret_type));
            if command.allow_oob {
                insert(&mut body, "allow-oob", true);
            }
            ("command", body)
        }
        EntityKind::Event(event) => {
            let mut body = Object::new();
            insert(&mut body, "arg-type", list.payload(event.arg_type));
            ("event", body)
        }
        _ => return None,
    };
    finish(list, entity.name.to_string(), meta, body, entity)
}

/// The entry of a type; none when its condition leaves it out.
pub(super) fn of_type(list: &mut List<'_>, ty: Type) -> Option<Value> {
    let id = match ty {
        Type::Int => {
            return Some(json!({"name": "int", "meta-type": "builtin", "json-type": "int"}));
        }
        Type::IntArray => {
            return Some(json!({"name": "[int]", "meta-type": "array", "element-type": "int"}));
        }
        Type::Entity(id) => id,
    };
    let schema = list.schema;
    let entity = schema.entity(id);
    let (meta, body) = match &entity.kind {
        EntityKind::Builtin(builtin) => {
            let name = entity.name.to_string();
            return finish(
                list,
                name,
                "builtin",
                object("json-type", builtin.json_type()),
                entity,
            );
        }
        EntityKind::Array { element } => {
            let element = list.reference(*element);
            return finish(
                list,
                format!("[{element}]"),
                "array",
                object("element-type", element),
                entity,
            );
        }
        EntityKind::Enum(of) => ("enum", enumeration(list, of)),
        EntityKind::Struct(of) => ("object", object("members", members(list, &of.members))),
        EntityKind::Union(of) => ("object", union(list, of)),
        EntityKind::Alternate(of) => ("alternate", alternate(list, of)),
        EntityKind::Command(_) | EntityKind::Event(_) => return None,
    };
    let name = list.name(id);
    finish(list, name, meta, body, entity)
}

fn enumeration(list: &List<'_>, of: &Enum) -> Object {
    let kept: Vec<&EnumMember> = of
        .members
        .iter()
        .filter(|value| holds(list, &value.cond))
        .collect();
    let members = kept.iter().map(|value| {
        let mut member = object("name", value.name.as_str());
        put_features(list, &mut member, &value.features);
        put_condition(list, &mut member, &value.cond);
        Value::Object(member)
    });
    let mut body = object("members", members.collect::<Vec<_>>());
    insert(
        &mut body,
        "values",
        kept.iter()
            .map(|value| value.name.to_string())
            .collect::<Vec<_>>(),
    );
    put_conditions(
        list,
        &mut body,
        "values-if",
        kept.iter().map(|value| (value.name.as_str(), &value.cond)),
    );
    body
}

fn union(list: &mut List<'_>, of: &Union) -> Object {
    let mut body = object("members", members(list, &of.members));
    insert(&mut body, "tag", of.members[of.tag].name.as_str());
    let variants: Vec<Value> = of
        .branches
        .iter()
        .filter_map(|branch| variant(list, branch))
        .collect();
    insert(&mut body, "variants", variants);
    body
}

fn variant(list: &mut List<'_>, branch: &Branch) -> Option<Value> {
    let mut variant = object("case", branch.case.as_str());
    insert(&mut variant, "type", list.reference(branch.ty));
    put_condition(list, &mut variant, &branch.cond);
    holds(list, &branch.cond).then_some(Value::Object(variant))
}

fn alternate(list: &mut List<'_>, of: &Alternate) -> Object {
    let mut members = Vec::new();
    for one in &of.alternatives {
        let mut member = object("type", list.reference(one.ty));
        put_condition(list, &mut member, &one.cond);
        if holds(list, &one.cond) {
            members.push(Value::Object(member));
        }
    }
    object("members", members)
}

fn members(list: &mut List<'_>, members: &[Member]) -> Vec<Value> {
    members.iter().filter_map(|one| member(list, one)).collect()
}

fn member(list: &mut List<'_>, of: &Member) -> Option<Value> {
    let mut member = object("name", of.name.as_str());
    insert(&mut member, "type", list.reference(of.ty));
    if of.optional {
        insert(&mut member, "default", Value::Null);
    }
    put_features(list, &mut member, &of.features);
    put_condition(list, &mut member, &of.cond);
    holds(list, &of.cond).then_some(Value::Object(member))
}

fn finish(
    list: &List<'_>,
    name: String,
    meta: &str,
    body: Object,
    entity: &Entity,
) -> Option<Value> {
    let mut entry = object("name", name);
    insert(&mut entry, "meta-type", meta);
    entry.extend(body);
    put_features(list, &mut entry, &entity.features);
    put_condition(list, &mut entry, &entity.cond);
    holds(list, &entity.cond).then_some(Value::Object(entry))
}

fn put_features(list: &List<'_>, object: &mut Object, features: &[Feature]) {
    let kept: Vec<&Feature> = features
        .iter()
        .filter(|feature| holds(list, &feature.cond))
        .collect();
    if !kept.is_empty() {
        insert(
            object,
            "features",
            kept.iter()
                .map(|feature| feature.name.to_string())
                .collect::<Vec<_>>(),
        );
        put_conditions(
            list,
            object,
            "features-if",
            kept.iter().map(|one| (one.name.as_str(), &one.cond)),
        );
    }
}

fn put_condition(list: &List<'_>, object: &mut Object, cond: &Cond) {
    if list.options.with_conditions && *cond != Cond::Always {
        insert(object, "if", super::condition(cond));
    }
}

/// The conditions of the elements of a list of names, under a key of their own.
fn put_conditions<'c>(
    list: &List<'_>,
    object: &mut Object,
    key: &str,
    elements: impl Iterator<Item = (&'c str, &'c Cond)>,
) {
    let conditional = elements.filter(|(_, cond)| **cond != Cond::Always);
    let conditions: Object = conditional
        .map(|(name, cond)| (name.to_owned(), super::condition(cond)))
        .collect();
    if list.options.with_conditions && !conditions.is_empty() {
        insert(object, key, conditions);
    }
}

fn holds(list: &List<'_>, cond: &Cond) -> bool {
    list.options.conditions.hold(cond)
}

fn object(key: &str, value: impl Into<Value>) -> Object {
    let mut object = Object::new();
    insert(&mut object, key, value);
    object
}

fn insert(object: &mut Object, key: &str, value: impl Into<Value>) {
    object.insert(key.to_owned(), value.into());
}

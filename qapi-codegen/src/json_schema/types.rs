//! Types as JSON Schema.

use qapi_parser::doc::Doc;
use qapi_parser::schema::{Builtin, Entity, EntityId, EntityKind, Enum, Feature};
use serde_json::{Map, Value, json};

use super::Export;
use super::shape::Shape;
use crate::rest;

pub(super) type Object = Map<String, Value>;

impl Export<'_> {
    /// The types that have names in the schema, by these.
    pub(super) fn types(&self) -> Object {
        let ids = (0_u32..).map(EntityId);
        let all = ids.zip(self.schema.entities());
        let named = all.filter(|(_, entity)| {
            let is_type = !matches!(
                entity.kind,
                EntityKind::Builtin(_)
                    | EntityKind::Array { .. }
                    | EntityKind::Command(_)
                    | EntityKind::Event(_)
            );
            is_type && !entity.implicit && self.options.conditions.hold(&entity.cond)
        });
        named
            .map(|(id, entity)| (entity.name.to_string(), Value::Object(self.definition(id))))
            .collect()
    }

    /// A type where it is used: a reference, if it has a name.
    pub(super) fn reference(&self, id: EntityId) -> Value {
        let entity = self.schema.entity(id);
        match &entity.kind {
            EntityKind::Builtin(builtin) => scalar(*builtin),
            EntityKind::Array { element } => {
                json!({ "type": "array", "items": self.reference(*element) })
            }
            _ if entity.implicit => Value::Object(self.definition(id)),
            _ => json!({ "$ref": format!("{}{}", self.home, entity.name) }),
        }
    }

    /// The objects that may stand where there are none of these arguments or results.
    pub(super) fn payload(&self, id: Option<EntityId>, is_open: bool) -> Value {
        match id {
            Some(id) if is_open => self.open(id),
            Some(id) => self.reference(id),
            None => json!({ "type": "object", "additionalProperties": false }),
        }
    }

    /// Arguments that are taken as they come: what is known of them, and anything.
    fn open(&self, id: EntityId) -> Value {
        let mut object = self.definition(id);
        object.remove("additionalProperties");
        Value::Object(object)
    }

    fn definition(&self, id: EntityId) -> Object {
        let entity = self.schema.entity(id);
        let mut object = self.about(entity);
        object.extend(match &entity.kind {
            EntityKind::Enum(of) => self.enumeration(of),
            EntityKind::Struct(_) | EntityKind::Union(_) => self.object(id),
            EntityKind::Alternate(of) => {
                let alternatives = of.alternatives.iter();
                let kept = alternatives.filter(|one| self.options.conditions.hold(&one.cond));
                let kept = kept.map(|one| self.reference(one.ty));
                keyed("anyOf", kept.collect::<Value>())
            }
            _ => Object::new(),
        });
        object
    }

    fn enumeration(&self, of: &Enum) -> Object {
        let kept = of.members.iter();
        let kept = kept.filter(|one| self.options.conditions.hold(&one.cond));
        let mut object = keyed("type", "string");
        object.insert(
            "enum".to_owned(),
            kept.map(|one| one.name.to_string()).collect(),
        );
        object
    }

    fn object(&self, id: EntityId) -> Object {
        let mut shapes = self.shapes(id);
        if let ([only], EntityKind::Struct(_)) = (&shapes[..], &self.schema.entity(id).kind) {
            return self.shape(only);
        }
        let mut object = keyed("type", "object");
        let shapes = shapes.drain(..).map(|shape| {
            let mut branch = keyed("title", title(&shape));
            branch.extend(self.shape(&shape));
            Value::Object(branch)
        });
        object.insert("oneOf".to_owned(), shapes.collect());
        object
    }

    fn shape(&self, shape: &Shape<'_>) -> Object {
        let mut properties = Object::new();
        let mut required = Vec::new();
        for (owner, member) in &shape.members {
            let mut property = self.described(*owner, &member.name, &member.features);
            let fixed = shape.tags.iter().find(|(tag, _)| *tag == &*member.name);
            match fixed.map(|(_, values)| values.as_slice()) {
                Some([value]) => property.insert("const".to_owned(), json!(value)),
                Some(values) => property.insert("enum".to_owned(), json!(values)),
                None => match self.reference(member.ty) {
                    Value::Object(ty) => {
                        property.extend(ty);
                        None
                    }
                    _ => None,
                },
            };
            properties.insert(member.name.to_string(), Value::Object(property));
            if !member.optional {
                required.push(member.name.to_string());
            }
        }
        let mut object = keyed("type", "object");
        object.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        object.insert("additionalProperties".to_owned(), json!(false));
        object
    }

    /// What is said of a definition besides its content.
    pub(super) fn about(&self, entity: &Entity) -> Object {
        let mut object = Object::new();
        if let Some(doc) = self.doc(entity) {
            put_text(&mut object, &rest::body(&doc.body));
        }
        self.put_features(&mut object, &entity.features);
        object
    }

    /// What is said of a member besides its type.
    pub(super) fn described(&self, owner: EntityId, name: &str, features: &[Feature]) -> Object {
        let mut object = Object::new();
        let mut next = Some(owner);
        while let Some(entity) = next.map(|id| self.schema.entity(id)) {
            if let Some(description) = self.doc(entity).and_then(|doc| doc.member(name)) {
                put_text(&mut object, &rest::hanging(&description.text));
                break;
            }
            next = match &entity.kind {
                EntityKind::Struct(object) => object.base,
                EntityKind::Union(union) => Some(union.base),
                _ => None,
            };
        }
        self.put_features(&mut object, features);
        object
    }

    pub(super) fn doc<'e>(&self, entity: &'e Entity) -> Option<&'e Doc> {
        entity.doc.as_deref().filter(|_| !self.options.without_docs)
    }

    fn put_features(&self, object: &mut Object, features: &[Feature]) {
        let kept = features.iter();
        let kept = kept.filter(|one| self.options.conditions.hold(&one.cond));
        let names: Vec<String> = kept.map(|one| one.name.to_string()).collect();
        if names.iter().any(|name| name == "deprecated") {
            object.insert("deprecated".to_owned(), json!(true));
        }
        if !names.is_empty() {
            object.insert("x-qapi-features".to_owned(), json!(names));
        }
    }
}

pub(super) fn keyed(key: &str, value: impl Into<Value>) -> Object {
    let mut object = Object::new();
    object.insert(key.to_owned(), value.into());
    object
}

fn put_text(object: &mut Object, lines: &[String]) {
    if !lines.is_empty() {
        object.insert("description".to_owned(), json!(lines.join("\n")));
    }
}

/// The values of the tags, for people.
fn title(shape: &Shape<'_>) -> String {
    let tag = |(tag, values): &(&str, Vec<&str>)| format!("{tag}: {}", values.join(" | "));
    let tags: Vec<String> = shape.tags.iter().map(tag).collect();
    tags.join(", ")
}

fn scalar(builtin: Builtin) -> Value {
    let integer = |min: i64, max: u64| json!({ "type": "integer", "minimum": min, "maximum": max });
    match builtin {
        Builtin::Str => json!({ "type": "string" }),
        Builtin::Number => json!({ "type": "number" }),
        Builtin::Bool => json!({ "type": "boolean" }),
        Builtin::Null => json!({ "type": "null" }),
        Builtin::Any => json!({}),
        Builtin::Int8 => integer(i8::MIN.into(), 0x7f),
        Builtin::Int16 => integer(i16::MIN.into(), 0x7fff),
        Builtin::Int32 => integer(i32::MIN.into(), 0x7fff_ffff),
        Builtin::Int | Builtin::Int64 => integer(i64::MIN, i64::MAX.unsigned_abs()),
        Builtin::Uint8 => integer(0, u8::MAX.into()),
        Builtin::Uint16 => integer(0, u16::MAX.into()),
        Builtin::Uint32 => integer(0, u32::MAX.into()),
        Builtin::Uint64 | Builtin::Size => integer(0, u64::MAX),
    }
}

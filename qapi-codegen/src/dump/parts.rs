//! What several kinds of entity are made of.

use qapi_parser::Schema;
use qapi_parser::schema::{Branch, Cond, EnumMember, Feature, Member};
use serde_json::{Map, Value, json};

pub(super) type Object = Map<String, Value>;

/// The object that `json!` has made of its keys.
pub(super) fn keys(value: Value) -> Object {
    match value {
        Value::Object(keys) => keys,
        _ => Object::new(),
    }
}

pub(super) fn members(schema: &Schema, members: &[Member]) -> Value {
    let member = |member: &Member| {
        let out = json!({
            "name": member.name.as_str(),
            "type": schema.entity(member.ty).name.as_str(),
            "optional": member.optional,
        });
        with_marks(keys(out), &member.cond, &member.features)
    };
    members.iter().map(member).collect()
}

pub(super) fn values(values: &[EnumMember]) -> Value {
    let value = |value: &EnumMember| {
        with_marks(
            keys(json!({ "name": value.name.as_str() })),
            &value.cond,
            &value.features,
        )
    };
    values.iter().map(value).collect()
}

pub(super) fn branch(schema: &Schema, branch: &Branch) -> Value {
    let out =
        json!({ "case": branch.case.as_str(), "type": schema.entity(branch.ty).name.as_str() });
    with_marks(keys(out), &branch.cond, &[])
}

/// The object with its condition and features, where there are any.
pub(super) fn with_marks(mut out: Object, cond: &Cond, features: &[Feature]) -> Value {
    if *cond != Cond::Always {
        out.insert("if".to_owned(), qapi_codegen::introspect::condition(cond));
    }
    if !features.is_empty() {
        let feature = |feature: &Feature| {
            with_marks(
                keys(json!({ "name": feature.name.as_str() })),
                &feature.cond,
                &[],
            )
        };
        out.insert(
            "features".to_owned(),
            features.iter().map(feature).collect(),
        );
    }
    Value::Object(out)
}

//! The checked schema of QEMU's releases against dumps made by QEMU's own front end.

use std::fs;
use std::path::Path;

use qapi_parser::check_file;
use qapi_parser::doc::{Doc, SectionKind};
use qapi_parser::schema::{Branch, Cond, Entity, EntityId, EntityKind, Feature, Member, Schema};
use serde_json::{Map, Value, json};

use crate::corpus;

fn checked(path: &Path) -> Schema {
    let outcome = check_file(path);
    let text = outcome.render(qapi_parser::Format::Short);
    match outcome.into_result() {
        Ok(checked) => checked.schema,
        Err(_) => panic!("{text}"),
    }
}

struct Dump<'s> {
    schema: &'s Schema,
    /// The folder that paths of the oracle start from.
    tree: &'s Path,
}

impl Dump<'_> {
    fn name(&self, id: EntityId) -> &str {
        &self.schema.entity(id).name
    }

    fn place(&self, span: qapi_parser::Span) -> Value {
        let at = self.schema.locate(span).unwrap();
        let path = fs::canonicalize(at.path).unwrap();
        let path = path
            .strip_prefix(fs::canonicalize(self.tree).unwrap())
            .unwrap()
            .to_owned();
        json!({ "file": path, "line": at.line })
    }

    fn entity(&self, entity: &Entity) -> Value {
        let mut out = Map::new();
        let module = &self.schema.module(entity.module).name;
        out.insert("name".into(), json!(entity.name.as_str()));
        out.insert("module".into(), json!(module));
        out.insert("implicit".into(), json!(entity.implicit));
        out.insert(
            "info".into(),
            entity.span.map_or(Value::Null, |span| self.place(span)),
        );
        put_cond(&mut out, &entity.cond);
        put_features(&mut out, &entity.features);
        out.insert(
            "doc".into(),
            entity
                .doc
                .as_deref()
                .map_or(Value::Null, |doc| self.doc(doc)),
        );
        let kind = self.kind(&entity.kind, &mut out);
        out.insert("kind".into(), json!(kind));
        Value::Object(out)
    }

    fn doc(&self, doc: &Doc) -> Value {
        let mut out = self.place(doc.span.unwrap());
        let names = |list: &[qapi_parser::doc::Description]| {
            list.iter()
                .map(|one| one.name.to_string())
                .collect::<Vec<_>>()
        };
        out["members"] = json!(names(&doc.members));
        out["features"] = json!(names(&doc.features));
        let sections = doc.sections.iter().map(|section| kind_name(section.kind));
        out["sections"] = sections.collect();
        out
    }

    fn kind(&self, kind: &EntityKind, out: &mut Map<String, Value>) -> &'static str {
        let id = |id: Option<EntityId>| id.map(|id| self.name(id).to_owned());
        match kind {
            EntityKind::Builtin(_) => "builtin",
            EntityKind::Enum(it) => {
                out.insert("prefix".into(), json!(it.prefix.as_deref()));
                let members = it.members.iter().map(|member| {
                    let mut out = Map::new();
                    out.insert("name".into(), json!(member.name.as_str()));
                    put_cond(&mut out, &member.cond);
                    put_features(&mut out, &member.features);
                    Value::Object(out)
                });
                out.insert("members".into(), members.collect());
                "enum"
            }
            EntityKind::Array { element } => {
                out.insert("element-type".into(), json!(self.name(*element)));
                "array"
            }
            EntityKind::Struct(it) => {
                out.insert("base".into(), json!(id(it.base)));
                out.insert("local-members".into(), self.members(&it.local_members));
                out.insert("members".into(), self.members(&it.members));
                "struct"
            }
            EntityKind::Union(it) => {
                out.insert("base".into(), json!(self.name(it.base)));
                out.insert("local-members".into(), json!([]));
                out.insert("members".into(), self.members(&it.members));
                out.insert("tag".into(), json!(it.members[it.tag].name.as_str()));
                out.insert("tag-type".into(), json!(self.name(it.tag_type)));
                let branches = it.branches.iter().map(|branch| self.branch(branch));
                out.insert("branches".into(), branches.collect());
                "union"
            }
            EntityKind::Alternate(it) => {
                let alternatives = it.alternatives.iter().map(|one| {
                    let mut out = Map::new();
                    out.insert("name".into(), json!(one.name.as_str()));
                    out.insert("type".into(), json!(self.name(one.ty)));
                    put_cond(&mut out, &one.cond);
                    Value::Object(out)
                });
                out.insert("alternatives".into(), alternatives.collect());
                "alternate"
            }
            EntityKind::Command(it) => {
                out.insert("arg-type".into(), json!(id(it.arg_type)));
                out.insert("ret-type".into(), json!(id(it.ret_type)));
                out.insert("gen".into(), json!(it.generate));
                out.insert("success-response".into(), json!(it.success_response));
                out.insert("boxed".into(), json!(it.boxed));
                out.insert("allow-oob".into(), json!(it.allow_oob));
                out.insert("allow-preconfig".into(), json!(it.allow_preconfig));
                out.insert("coroutine".into(), json!(it.coroutine));
                "command"
            }
            EntityKind::Event(it) => {
                out.insert("arg-type".into(), json!(id(it.arg_type)));
                out.insert("boxed".into(), json!(it.boxed));
                "event"
            }
        }
    }

    fn members(&self, members: &[Member]) -> Value {
        let member = |member: &Member| {
            let mut out = Map::new();
            out.insert("name".into(), json!(member.name.as_str()));
            out.insert("type".into(), json!(self.name(member.ty)));
            out.insert("optional".into(), json!(member.optional));
            put_cond(&mut out, &member.cond);
            put_features(&mut out, &member.features);
            Value::Object(out)
        };
        members.iter().map(member).collect()
    }

    fn branch(&self, branch: &Branch) -> Value {
        let mut out = Map::new();
        out.insert("case".into(), json!(branch.case.as_str()));
        out.insert("type".into(), json!(self.name(branch.ty)));
        put_cond(&mut out, &branch.cond);
        Value::Object(out)
    }

    /// Includes and entities in one list, as the oracle has them.
    fn all(&self) -> Vec<Value> {
        let mut includes = self.schema.includes().iter().peekable();
        let mut out = Vec::new();
        let entities = self.schema.entities();
        for at in 0..=entities.len() {
            while let Some(include) = includes.next_if(|include| include.before == at) {
                out.push(json!({
                    "kind": "include",
                    "name": self.schema.module(include.target).name,
                    "module": self.schema.module(include.module).name,
                    "info": self.place(include.span),
                }));
            }
            out.extend(entities.get(at).map(|entity| self.entity(entity)));
        }
        out
    }
}

fn kind_name(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Plain => "Plain",
        SectionKind::Todo => "Todo",
        other => other.as_str(),
    }
}

fn cond(cond: &Cond) -> Value {
    let list = |terms: &[Cond]| terms.iter().map(self::cond).collect::<Value>();
    match cond {
        Cond::Always => Value::Null,
        Cond::Symbol(name) => json!(name.as_str()),
        Cond::All(terms) => json!({ "all": list(terms) }),
        Cond::Any(terms) => json!({ "any": list(terms) }),
        Cond::Not(term) => json!({ "not": self::cond(term) }),
    }
}

fn put_cond(out: &mut Map<String, Value>, of: &Cond) {
    if *of != Cond::Always {
        out.insert("if".into(), cond(of));
    }
}

fn put_features(out: &mut Map<String, Value>, features: &[Feature]) {
    let feature = |feature: &Feature| {
        let mut out = Map::new();
        out.insert("name".into(), json!(feature.name.as_str()));
        put_cond(&mut out, &feature.cond);
        Value::Object(out)
    };
    if !features.is_empty() {
        out.insert("features".into(), features.iter().map(feature).collect());
    }
}

/// Drops what our model does not have.
fn simplify(expected: &mut Value, with_docs: bool) {
    let Some(out) = expected.as_object_mut() else {
        return;
    };
    out.remove("json-type");
    if !with_docs {
        out.remove("doc");
    }
    if let Some(doc) = out.get_mut("doc").and_then(Value::as_object_mut) {
        doc.remove("undocumented");
    }
}

fn compare(version: &str, tree: &str, name: &str, root: &str) {
    let (Some(oracle), Some(releases)) = (corpus::folder("oracle"), corpus::folder("releases"))
    else {
        return;
    };
    let text = fs::read_to_string(oracle.join(format!("ir.{version}.{name}.json"))).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let tree = releases.join(tree);
    let schema = checked(&tree.join(root));
    let modules: Vec<&str> = schema
        .modules()
        .iter()
        .map(|module| module.name.as_str())
        .collect();
    assert_eq!(json!(modules), expected["modules"]);
    let found = Dump {
        schema: &schema,
        tree: &tree,
    }
    .all();
    let expected = expected["entities"].as_array().unwrap();
    for (found, expected) in found.iter().zip(expected) {
        let mut expected = expected.clone();
        let mut found = found.clone();
        // The old style of comments had sections of other kinds.
        let with_docs = version != "7.2";
        simplify(&mut expected, with_docs);
        simplify(&mut found, with_docs);
        assert_eq!(found, expected, "found left, expected right");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn qmp_10_0_2_has_the_reference_entities() {
    compare("10.0.2", "10.0.2", "qmp", "qapi/qapi-schema.json");
}

#[test]
fn guest_agent_10_0_2_has_the_reference_entities() {
    compare("10.0.2", "10.0.2", "qga", "qga/qapi-schema.json");
}

#[test]
fn storage_daemon_10_0_2_has_the_reference_entities() {
    compare(
        "10.0.2",
        "10.0.2",
        "storage-daemon",
        "storage-daemon/qapi/qapi-schema.json",
    );
}

#[test]
fn qmp_7_2_has_the_reference_entities() {
    compare("7.2", "v7.2.0", "qmp", "qapi/qapi-schema.json");
}

#[test]
fn guest_agent_7_2_has_the_reference_entities() {
    compare("7.2", "v7.2.0", "qga", "qga/qapi-schema.json");
}

#[test]
fn storage_daemon_7_2_has_the_reference_entities() {
    let root = "storage-daemon/qapi/qapi-schema.json";
    compare("7.2", "v7.2.0", "storage-daemon", root);
}

fn compare_docs(name: &str, root: &str) {
    let (Some(oracle), Some(releases)) = (corpus::folder("oracle"), corpus::folder("releases"))
    else {
        return;
    };
    let text = fs::read_to_string(oracle.join(format!("docs.10.0.2.{name}.json"))).unwrap();
    let expected: Vec<Value> = serde_json::from_str(&text).unwrap();
    let schema = checked(&releases.join("10.0.2").join(root));
    let free = schema.free_docs().iter().map(|free| &free.doc);
    let of_entities = schema
        .entities()
        .iter()
        .filter_map(|entity| entity.doc.as_deref());
    let mut docs: Vec<&Doc> = free.chain(of_entities).collect();
    docs.sort_by_key(|doc| doc.span);
    let mut expected: Vec<&Value> = expected.iter().collect();
    let order = |doc: &&Doc| schema.locate(doc.span.unwrap()).unwrap().line;
    let key = |doc: &Doc| (doc.symbol.clone().unwrap_or_default(), doc.body.clone());
    docs.sort_by_key(|doc| (order(doc), key(doc)));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    expected.sort_by_key(|doc| {
        (
            doc["line"].as_u64(),
            (text(&doc["symbol"]), text(&doc["body"])),
        )
    });
    assert_eq!(docs.len(), expected.len());
    for (doc, expected) in docs.iter().zip(expected) {
        assert_eq!(json!(doc.symbol.as_deref()), expected["symbol"]);
        assert_eq!(
            json!(doc.body.as_str()),
            expected["body"],
            "{:?}",
            doc.symbol
        );
        for (list, expected) in [(&doc.members, "args"), (&doc.features, "features")]
            .map(|(list, key)| (list, expected[key].as_object().unwrap()))
        {
            for description in list {
                assert_eq!(
                    json!(description.text.as_str()),
                    expected[description.name.as_str()]
                );
            }
        }
        let sections = doc.sections.iter();
        let sections: Value = sections
            .map(|it| json!({ "kind": kind_name(it.kind), "text": it.text.as_str() }))
            .collect();
        assert_eq!(sections, expected["sections"], "{:?}", doc.symbol);
    }
}

#[test]
fn qmp_10_0_2_has_the_reference_documentation() {
    compare_docs("qmp", "qapi/qapi-schema.json");
}

#[test]
fn guest_agent_10_0_2_has_the_reference_documentation() {
    compare_docs("qga", "qga/qapi-schema.json");
}

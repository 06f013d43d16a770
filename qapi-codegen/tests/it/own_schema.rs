//! The project's schema beside QEMU's: the same facts in other words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use qapi_codegen::introspect;
use qapi_parser::Schema;
use serde_json::{Value, json};

use crate::command::qapi_in;
use crate::corpus;
use crate::package::ROOT;

/// What QEMU has removed, with the latest release at hand that has it.
const REMOVED: [(&str, &[&str]); 3] = [
    (
        "v2.8.0",
        &[
            "cpu",
            "x-blockdev-del",
            "x-blockdev-insert-medium",
            "x-blockdev-remove-medium",
        ],
    ),
    ("v3.1.0", &["cpu-add"]),
    (
        "v5.2.0",
        &[
            "CpuInfo",
            "CpuInfoArch",
            "CpuInfoMIPS",
            "CpuInfoPPC",
            "CpuInfoRISCV",
            "CpuInfoSPARC",
            "CpuInfoTricore",
            "CpuInfoX86",
            "EventInfo",
            "block_passwd",
            "change",
            "migrate-set-cache-size",
            "migrate_set_downtime",
            "migrate_set_speed",
            "query-cpus",
            "query-events",
            "query-migrate-cache-size",
        ],
    ),
];

/// Removed commands that are `deprecated` here and were not in that release, which is the only
/// difference that there may be.
const DEPRECATED_HERE: [&str; 6] = [
    "block_passwd",
    "cpu",
    "cpu-add",
    "x-blockdev-del",
    "x-blockdev-insert-medium",
    "x-blockdev-remove-medium",
];

const OWN: &str = "schema/qmp/qapi-schema.json";

fn removed() -> BTreeMap<&'static str, &'static str> {
    let of = |(release, names): (&'static str, &'static [&str])| {
        names.iter().map(move |name| (*name, release))
    };
    REMOVED.into_iter().flat_map(of).collect()
}

/// The definition that a name of the introspection data belongs to.
fn definition(name: &str) -> &str {
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let Some(implicit) = name.strip_prefix("q_obj_") else {
        return name;
    };
    ["-arg", "-base"]
        .iter()
        .find_map(|end| implicit.strip_suffix(end))
        .unwrap_or(implicit)
}

fn by_name(entries: Vec<Value>) -> BTreeMap<String, Value> {
    let name = |entry: &Value| entry["name"].as_str().expect("it has a name").to_owned();
    entries
        .into_iter()
        .map(|entry| (name(&entry), entry))
        .collect()
}

fn introspection(schema: &Schema) -> BTreeMap<String, Value> {
    let options = introspect::Options {
        unmasked: true,
        with_conditions: true,
        ..introspect::Options::default()
    };
    by_name(introspect::entries(schema, &options))
}

/// The entities of `qapi dump` that somebody has written, without what differs by nature.
fn entities(dump: &Value) -> BTreeMap<String, Value> {
    let all = dump["entities"].as_array().expect("it is a list").iter();
    let written = all.filter(|entity| {
        let predefined = ["array", "builtin", "include"].map(Value::from);
        entity["implicit"] == false && !predefined.contains(&entity["kind"])
    });
    let bare = written.cloned().map(|mut entity| {
        let members = entity.as_object_mut().expect("it is an object");
        members.remove("info");
        members.remove("doc");
        entity
    });
    by_name(bare.collect())
}

fn dump(folder: &Path, file: &str) -> Value {
    let run = qapi_in(folder, &["dump", file], "");
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    serde_json::from_str(&run.out).expect("it is JSON")
}

fn load(name: &str) -> Option<Value> {
    let text = fs::read_to_string(corpus::path(name)?).expect("the file is there");
    Some(serde_json::from_str(&text).expect("the corpus holds JSON"))
}

fn own() -> Schema {
    let checked = qapi_parser::check_file(Path::new(ROOT).join(OWN)).into_result();
    checked.expect("the schema is sound").schema
}

/// The root of a release, by its folder and its path in there.
fn root_of(release: &str) -> &'static str {
    match release {
        "v2.8.0" => "qapi-schema.json",
        _ => "qapi/qapi-schema.json",
    }
}

/// Compares `own` with QEMU's latest, or with the release that had what is gone.
fn compare(
    own: &BTreeMap<String, Value>,
    latest: &BTreeMap<String, Value>,
    older: &BTreeMap<&str, BTreeMap<String, Value>>,
) {
    let removed = removed();
    let mut seen = BTreeSet::new();
    for (name, found) in own {
        let Some(release) = removed.get(definition(name)) else {
            let expected = latest.get(name);
            assert_eq!(Some(found), expected, "found left, QEMU 10.0.2 right");
            continue;
        };
        seen.insert(definition(name));
        assert!(!latest.contains_key(name), "QEMU 10.0.2 has {name}");
        let expected = older[release].get(name);
        let mut expected = expected.cloned().unwrap_or_default();
        if DEPRECATED_HERE.contains(&name.as_str()) {
            assert_eq!(expected.get("features"), None);
            // The dump has objects where the introspection data has names.
            let data = found["features"][0].is_string();
            expected["features"] = json!([if data {
                json!("deprecated")
            } else {
                json!({ "name": "deprecated" })
            }]);
        }
        assert_eq!(*found, expected, "found left, QEMU {release} right");
    }
    assert_eq!(seen, removed.into_keys().collect(), "what is listed");
    let names = |entries: &BTreeMap<String, Value>| entries.keys().cloned().collect();
    let (own, latest): (BTreeSet<_>, BTreeSet<_>) = (names(own), names(latest));
    let missing: Vec<_> = latest.difference(&own).collect();
    assert!(missing.is_empty(), "only QEMU has {missing:?}");
}

#[test]
fn introspection_data_equal_qemus() {
    let Some(latest) = load("oracle/introspect.10.0.2.qmp.unmasked.json") else {
        return;
    };
    let mut older = BTreeMap::new();
    for (release, _) in REMOVED {
        let Some(file) = corpus::path(&format!("releases/{release}/{}", root_of(release))) else {
            return;
        };
        let checked = qapi_parser::check_file(file).into_result();
        let schema = checked.expect("QEMU's schema is sound").schema;
        older.insert(release, introspection(&schema));
    }
    let latest = latest.as_array().expect("the oracle is a list").clone();
    compare(&introspection(&own()), &by_name(latest), &older);
}

/// Here go those facts that clients do not see, and types that no command uses.
#[test]
fn definitions_equal_qemus() {
    let Some(latest) = load("oracle/ir.10.0.2.qmp.json") else {
        return;
    };
    let mut older = BTreeMap::new();
    for (release, _) in REMOVED {
        let Some(folder) = corpus::path(&format!("releases/{release}")) else {
            return;
        };
        older.insert(release, entities(&dump(&folder, root_of(release))));
    }
    let mut own = entities(&dump(Path::new(ROOT), OWN));
    // Older releases had fewer modules.
    let removed = removed();
    let bare = |entities: &mut BTreeMap<String, Value>| {
        for (name, entity) in entities {
            if removed.contains_key(name.as_str()) {
                entity
                    .as_object_mut()
                    .expect("it is an object")
                    .remove("module");
            }
        }
    };
    bare(&mut own);
    older.values_mut().for_each(bare);
    compare(&own, &entities(&latest), &older);
}

/// Names of commands that the schema declares.
fn commands() -> BTreeSet<String> {
    let entries = introspection(&own()).into_iter();
    let commands = entries.filter(|(_, entry)| entry["meta-type"] == "command");
    commands.map(|(name, _)| name).collect()
}

#[test]
fn documented_commands_are_declared() {
    let Some(documented) = load("../seeds/qmp-commands.json") else {
        return;
    };
    let documented: BTreeSet<String> = documented
        .as_array()
        .expect("it is a list")
        .iter()
        .map(|command| command["command"].as_str().expect("it is text").to_owned())
        .collect();
    assert_eq!(documented.len(), 98);
    let declared = commands();
    let missing: Vec<_> = documented.difference(&declared).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_libvirt_sends_is_declared() {
    let Some(sequence) = corpus::path("libvirt-11.3-sequence.txt") else {
        return;
    };
    let sequence = fs::read_to_string(sequence).expect("it is there");
    // A line with a command starts with two spaces; its arguments follow.
    let sent: BTreeSet<String> = sequence
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert!(sent.len() >= 25, "{sent:?}");
    let declared = commands();
    let missing: Vec<_> = sent.difference(&declared).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_the_seeds_define_is_declared() {
    let own: BTreeSet<String> = entities(&dump(Path::new(ROOT), OWN)).into_keys().collect();
    let mut checked = 0;
    for seed in ["misc-7.1", "misc-9.0", "job-6.0"] {
        let Some(file) = corpus::path(&format!("../seeds/{seed}.json")) else {
            return;
        };
        let text = fs::read_to_string(file).expect("it is there");
        for line in text.lines() {
            let Some((kind, rest)) = line
                .strip_prefix('{')
                .and_then(|line| line.trim_start().strip_prefix('\''))
                .and_then(|line| line.split_once("': '"))
            else {
                continue;
            };
            if kind == "include" {
                continue;
            }
            let name = rest.split('\'').next().expect("there is a first part");
            assert!(own.contains(name), "{seed}: {kind} {name}");
            checked += 1;
        }
    }
    assert_eq!(checked, 59);
}

#[test]
fn schema_is_clean_and_laid_out() {
    let folder = Path::new(ROOT);
    for root in [OWN, "schema/qga/qapi-schema.json"] {
        let run = qapi_in(folder, &["check", "--dialect", "modern", root], "");
        assert_eq!((run.code, run.out.as_str()), (Some(0), ""));
    }
    let mut arguments = vec!["fmt".to_owned(), "--check".to_owned()];
    for part in ["schema/qmp", "schema/qga"] {
        let files = fs::read_dir(folder.join(part)).expect("it is there");
        arguments.extend(files.map(|file| {
            let file = file.expect("it is there").path();
            file.to_str().expect("it is text").to_owned()
        }));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = qapi_in(folder, &arguments, "");
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
}

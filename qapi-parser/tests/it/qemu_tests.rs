//! QEMU's own test suite for the front end: verdict, line and message.

use std::path::Path;

use qapi_parser::{Dialect, Format, FsLoader, Options, Outcome, check};
use serde_json::Value;

use crate::corpus;
use crate::dump::dump;

fn run(folder: &Path, name: &str, dialect: Dialect) -> Outcome {
    let path = folder.join(format!("{name}.json"));
    check(&path, &FsLoader::new(), &Options::new().dialect(dialect))
}

/// What QEMU prints, without the folder.
fn qemu_text(outcome: &Outcome, folder: &Path) -> String {
    let text = outcome.render(Format::Qemu);
    text.replace(&format!("{}/", folder.display()), "")
}

#[test]
fn negative_schemas_get_qemus_text() {
    let Some(folder) = corpus::folder("qemu-tests") else {
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: Vec<Value> = serde_json::from_str(&manifest).unwrap();
    let mut wrong = 0;
    for test in manifest.iter().filter(|test| test["kind"] == "negative") {
        let name = test["name"].as_str().unwrap();
        let found = qemu_text(&run(&folder, name, Dialect::Modern), &folder);
        let expected = std::fs::read_to_string(folder.join(format!("{name}.err"))).unwrap();
        if found != expected {
            println!("--- {name}: expected\n{expected}--- found\n{found}");
            wrong += 1;
        }
    }
    assert_eq!(wrong, 0, "of {}", manifest.len());
}

#[test]
fn positive_schemas_get_qemus_dump() {
    let Some(folder) = corpus::folder("qemu-tests") else {
        return;
    };
    for name in [
        "comments",
        "doc-good",
        "include-repetition",
        "qapi-schema-test",
    ] {
        let expected = std::fs::read_to_string(folder.join(format!("{name}.out"))).unwrap();
        // The comments follow the definitions.
        let expected = expected
            .split_inclusive('\n')
            .take_while(|line| !line.starts_with("doc "));
        let expected: String = expected.collect();
        for dialect in [Dialect::Any, Dialect::Modern] {
            let outcome = run(&folder, name, dialect);
            let text = outcome.render(Format::Short);
            let schema = outcome.schema.expect(&text);
            assert_eq!(dump(&schema), expected);
        }
    }
}

/// Rules that came with QEMU 10.2.
const LATE: [&str; 1] = ["doc-bad-space-between-sentences"];

#[test]
fn negative_schemas_are_refused_in_any_dialect() {
    let Some(folder) = corpus::folder("qemu-tests") else {
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: Vec<Value> = serde_json::from_str(&manifest).unwrap();
    let names = manifest.iter().filter(|test| test["kind"] == "negative");
    let names = names.map(|test| test["name"].as_str().unwrap());
    let accepted: Vec<&str> = names
        .filter(|name| run(&folder, name, Dialect::Any).schema.is_some())
        .collect();
    assert_eq!(accepted, LATE);
}

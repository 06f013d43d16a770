//! What is generated compiles without a warning, documented, and does what it should.

use std::fs;
use std::path::Path;

use qapi_codegen::{Conditions, ErrorKind, Handlers};

use crate::package::{Package, ROOT};
use crate::snapshots::{SCHEMAS, file};

#[test]
fn small_schemas_compile_and_work() {
    let mut package = Package::new("generated-small");
    for name in SCHEMAS {
        package.add(name, &file(name));
    }
    let program = include_str!("../data/use_small.rs");
    fs::create_dir_all(package.folder.join("tests")).expect("there is room");
    fs::write(package.folder.join("tests/use.rs"), program).expect("there is room");
    package.cargo(&["test", "--quiet"]);
    package.cargo(&["doc", "--no-deps", "--quiet"]);
}

#[test]
fn async_handlers_answer() {
    let mut package = Package::new("generated-async");
    let builder = qapi_codegen::configure().handlers(Handlers::Async);
    package.add_by(builder, "commands", &file("commands"));
    let client = qapi_codegen::configure().handlers(Handlers::None);
    package.add_by(client, "client", &file("commands"));
    assert!(!package.folder.join("src/client/handlers").exists());
    let program = include_str!("../data/use_async.rs");
    fs::create_dir_all(package.folder.join("tests")).expect("there is room");
    fs::write(package.folder.join("tests/use.rs"), program).expect("there is room");
    package.cargo(&["test", "--quiet"]);
}

#[test]
fn conditions_go_by_features() {
    let mut package = Package::new("generated-conditions");
    let builder = qapi_codegen::configure().conditions(Conditions::Cfg);
    package.add_by(builder, "bindings", &file("conditions"));
    let table = package.folder.join("src/bindings/features.toml");
    package.manifest(&fs::read_to_string(table).expect("it is generated"));
    let program = include_str!("../data/use_conditions.rs");
    fs::create_dir_all(package.folder.join("tests")).expect("there is room");
    fs::write(package.folder.join("tests/use.rs"), program).expect("there is room");
    for features in [
        "",
        "config-linux",
        "config-linux,config-b",
        "config-a",
        "config-b",
    ] {
        package.cargo(&["test", "--quiet", "--features", features]);
    }
}

#[test]
fn names_attributes_and_paths_are_the_users() {
    let mut package = Package::new("generated-custom");
    let builder = qapi_codegen::configure()
        .rename("Kind", "Sort")
        .rename("Shape.name", "title")
        .rename("Kind.point", "Dot")
        .field_attribute("Shape.*", "#[doc(alias = \"shape\")]")
        .field_attribute("Kind.point", "#[doc(alias = \"spot\")]")
        .runtime_path("crate::runtime");
    package.add_by(builder.clone(), "unions", &file("unions"));
    let commands = qapi_codegen::configure().rename("type", "TypeText");
    package.add_by(
        commands.runtime_path("crate::runtime"),
        "commands",
        &file("commands"),
    );
    package.module("pub use qmp_runtime as runtime;");
    package.cargo(&["check", "--quiet"]);
    let types = fs::read_to_string(package.folder.join("src/unions/types/unions.rs"));
    let types = types.expect("it is generated");
    for part in [
        "pub enum Sort",
        "pub title: String",
        "(\"name\", title)",
        "Dot,",
        "alias = \"spot\"",
        "crate::runtime::record!",
    ] {
        assert!(types.contains(part), "{part}: {types}");
    }
    assert!(!types.contains("::qmp_runtime"), "{types}");
    for wrong in [
        builder.clone().rename("Nothing", "X"),
        builder.clone().rename("Kind", "a b"),
        builder.field_attribute("Shape.none", "#[a]"),
    ] {
        let error = wrong
            .generate(file("unions"))
            .expect_err("it means nothing");
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}

#[test]
fn options_compile() {
    let mut package = Package::new("generated-options");
    let builder = qapi_codegen::configure();
    let own = Path::new(ROOT).join("schema/qmp/qapi-schema.json");
    let few = builder
        .clone()
        .allow_commands(["query-status", "*cpu*"])
        .allow_events(["STOP"]);
    package.add_by(few, "few", &own);
    package.add_by(
        builder.clone().type_attribute("Chain", "#[derive(Eq)]"),
        "attribute",
        &file("recursion"),
    );
    let external = builder
        .clone()
        .extern_type("Base", "::qmp_runtime::json::Value");
    package.add_by(external, "external", &file("structs"));
    let external = builder
        .clone()
        .extern_type("Options", "::qmp_runtime::json::Value")
        .doc_comments(false);
    package.add_by(external, "choice", &file("alternates"));
    let unformatted = builder.clone().format(false);
    package.add_by(unformatted, "unformatted", &file("unions"));
    let evaluated = builder.clone().conditions(Conditions::Evaluate([].into()));
    package.add_by(evaluated, "evaluated", &file("conditions"));
    package.add_by(
        builder.define("CONFIG_LINUX"),
        "defined",
        &file("conditions"),
    );
    package.cargo(&["check", "--quiet"]);
}

#[test]
fn every_module_compiles_with_its_feature_alone() {
    let mut package = Package::new("generated-features");
    let own = Path::new(ROOT).join("schema/qmp/qapi-schema.json");
    let builder = qapi_codegen::configure().module_features(true);
    package.add_by(builder, "qmp", &own);
    let table = package.folder.join("src/qmp/features.toml");
    let table = fs::read_to_string(table).expect("it is generated");
    package.manifest(&table);
    let features = table.lines().filter_map(|line| line.split_once(" = "));
    let features: Vec<&str> = features.map(|(name, _)| name).collect();
    assert!(
        features.contains(&"run_state") && features.contains(&"server"),
        "{table}"
    );
    assert!(table.contains("\nserver = []\n"), "{table}");
    package.cargo(&["check", "--quiet"]);
    for feature in features {
        package.cargo(&["check", "--quiet", "--features", feature]);
    }
    package.cargo(&["check", "--quiet", "--all-features"]);
}

#[test]
fn own_schemas_compile() {
    let mut package = Package::new("generated-own");
    package.add("qmp", &Path::new(ROOT).join("schema/qmp/qapi-schema.json"));
    package.add("qga", &Path::new(ROOT).join("schema/qga/qapi-schema.json"));
    package.cargo(&["check", "--quiet"]);
    package.cargo(&["doc", "--no-deps", "--quiet"]);
}

//! The builder, apart from what only a build script shows.

use std::fs;

use qapi_codegen::{Conditions, ErrorKind, Layout};
use qapi_parser::MemoryLoader;

use crate::snapshots::file;

#[test]
fn without_a_folder_to_write_to_there_is_an_error() {
    // Tests have no OUT_DIR, unlike build scripts.
    let error = qapi_codegen::compile(file("enums")).expect_err("where to?");
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn single_layout_writes_one_file_named_after_the_schema() {
    let folder = tempfile::tempdir().expect("there is room");
    let builder = qapi_codegen::configure()
        .emit_rerun_if_changed(false)
        .out_dir(folder.path());
    builder
        .clone()
        .compile(file("enums"))
        .expect("it can be generated");
    let written = folder.path().join("enums.rs");
    let first = fs::metadata(&written)
        .expect("it is there")
        .modified()
        .expect("it has a time");
    builder
        .clone()
        .compile(file("enums"))
        .expect("it can be generated");
    assert_eq!(
        fs::metadata(&written)
            .expect("it is there")
            .modified()
            .expect("it has a time"),
        first
    );
    builder
        .name("other")
        .compile(file("enums"))
        .expect("it can be generated");
    assert!(folder.path().join("other.rs").exists());
}

#[test]
fn folder_layout_writes_a_folder_named_after_the_schema() {
    let folder = tempfile::tempdir().expect("there is room");
    let builder = qapi_codegen::configure()
        .emit_rerun_if_changed(false)
        .out_dir(folder.path());
    builder
        .layout(Layout::Folder)
        .compile(file("enums"))
        .expect("it can be generated");
    assert!(folder.path().join("enums/types/enums.rs").exists());
}

#[test]
fn root_called_qapi_schema_is_named_after_its_folder() {
    let loader = MemoryLoader::new().file("/vm/agent/qapi-schema.json", "{ 'command': 'ping' }");
    let builder = qapi_codegen::configure().layout(Layout::Folder);
    let output = builder
        .generate_with("/vm/agent/qapi-schema.json", &loader)
        .expect("it can be generated");
    assert!(output.files["handlers/agent.rs"].contains("pub trait AgentCommands"));
}

#[test]
fn traits_of_modules_with_like_names_keep_apart() {
    let loader = MemoryLoader::new()
        .file("a1.json", "{ 'include': 'a_1.json' } { 'command': 'one' }")
        .file(
            "a_1.json",
            "{ 'include': 'a-1-oob.json' } { 'command': 'two', 'allow-oob': true }",
        )
        .file("a-1-oob.json", "{ 'command': 'three' }");
    let output = qapi_codegen::configure()
        .generate_with("a1.json", &loader)
        .expect("it can be generated");
    let text = &output.files["mod.rs"];
    for name in ["A1Commands:", "A1OobCommands:", "A1OobCommands3:"] {
        assert_eq!(
            text.matches(&format!("pub trait {name}")).count(),
            1,
            "{name}"
        );
    }
}

#[test]
fn unsound_schema_gives_the_report() {
    let loader = MemoryLoader::new().file("vm.json", "{ 'command': 'ping', 'returns': 'Pong' }");
    let error = qapi_codegen::configure()
        .generate_with("vm.json", &loader)
        .expect_err("there is no Pong");
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert_eq!(
        error.to_string(),
        "vm.json:1:33: error[QAPI0040]: command's 'returns' uses unknown type 'Pong'"
    );
    assert!(format!("{error:?}").contains("{ 'command': 'ping', 'returns': 'Pong' }"));
    assert_eq!(
        error.failure().map(|failure| failure.diagnostics.len()),
        Some(1)
    );
}

#[test]
fn defined_symbols_decide_conditions() {
    let loader = MemoryLoader::new().file(
        "vm.json",
        "{ 'command': 'one', 'if': 'A' } { 'command': 'two', 'if': 'B' } { 'command': 'six' }",
    );
    let commands = |builder: qapi_codegen::Builder| {
        let output = builder
            .doc_comments(false)
            .generate_with("vm.json", &loader)
            .expect("it can be generated");
        ["One", "Two", "Six"]
            .map(|name| output.files["mod.rs"].contains(&format!("pub struct {name}")))
    };
    let builder = qapi_codegen::configure();
    assert_eq!(commands(builder.clone()), [true, true, true]);
    assert_eq!(commands(builder.clone().define("A")), [true, false, true]);
    assert_eq!(
        commands(builder.clone().define("A").define("B")),
        [true, true, true]
    );
    assert_eq!(
        commands(builder.clone().conditions(Conditions::Evaluate([].into()))),
        [false, false, true]
    );
    assert_eq!(
        commands(builder.define("A").conditions(Conditions::Keep)),
        [true, true, true]
    );
}

#[test]
fn unformatted_output_means_the_same() {
    let text = |format: bool| {
        let output = qapi_codegen::configure()
            .format(format)
            .generate(file("unions"))
            .expect("it can be generated");
        let parsed = syn::parse_file(&output.files["mod.rs"]).expect("it is Rust");
        prettyplease::unparse(&parsed)
    };
    assert_eq!(text(true), text(false));
}

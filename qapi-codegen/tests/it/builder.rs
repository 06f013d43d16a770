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
        .layout(Layout::Single)
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
fn parts_are_written_for_build_scripts_and_only_changed_ones_anew() {
    let folder = tempfile::tempdir().expect("there is room");
    let schema = folder.path().join("vm.json");
    let module = "{ 'struct': 'Other', 'data': { 'a': 'int' } }\n";
    fs::write(folder.path().join("other.json"), module).expect("there is room");
    let compile = |members: &str| {
        let text = format!(
            "{{ 'include': 'other.json' }}\n{{ 'struct': 'One', 'data': {{ {members} }} }}\n"
        );
        fs::write(&schema, text).expect("there is room");
        let builder = qapi_codegen::configure().emit_rerun_if_changed(false);
        let out = folder.path().join("out");
        builder
            .out_dir(&out)
            .compile(&schema)
            .expect("it can be generated");
        ["vm.rs", "vm/types/vm.rs", "vm/types/other.rs"].map(|name| {
            let path = out.join(name);
            let text = fs::read_to_string(&path).expect("it is there");
            let time = fs::metadata(&path).and_then(|data| data.modified());
            (text, time.expect("it has a time"))
        })
    };
    let [whole, vm, other] = compile("'b': 'str'");
    assert!(
        whole.0.contains("include!(\"vm/types/other.rs\");"),
        "{}",
        whole.0
    );
    assert!(vm.0.contains("pub b: String"), "{}", vm.0);
    let [whole_again, vm_again, other_again] = compile("'b': 'str', '*c': 'str'");
    assert_eq!((&whole, &other), (&whole_again, &other_again));
    assert!(vm_again.0.contains("pub c: Option<String>") && vm.1 < vm_again.1);
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
        .layout(Layout::Single)
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
    let builder = qapi_codegen::configure().layout(Layout::Single);
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
            .layout(Layout::Single)
            .format(format)
            .generate(file("unions"))
            .expect("it can be generated");
        let parsed = syn::parse_file(&output.files["mod.rs"]).expect("it is Rust");
        prettyplease::unparse(&parsed)
    };
    assert_eq!(text(true), text(false));
}

#[test]
fn allowed_commands_bring_what_they_need_and_nothing_else() {
    let builder = qapi_codegen::configure()
        .layout(Layout::Folder)
        .allow_commands(["query-*", "raw"]);
    let output = builder
        .generate(file("commands"))
        .expect("it can be generated");
    let commands = &output.files["commands/commands.rs"];
    assert!(
        commands.contains("QueryShapes") && commands.contains("Raw") && !commands.contains("Tick")
    );
    let types = &output.files["types/commands.rs"];
    assert!(types.contains("Shape") && !types.contains("Defaults"));
    let introspection = &output.files["introspection.rs"];
    assert!(introspection.contains("query-shapes") && !introspection.contains("tick"));
    let handlers = &output.files["handlers/commands.rs"];
    assert!(handlers.contains("fn raw") && !handlers.contains("OobCommands"));
}

#[test]
fn allowed_events_and_types_add_up() {
    let builder = qapi_codegen::configure()
        .layout(Layout::Folder)
        .allow_events(["BARE"]);
    let output = builder
        .clone()
        .generate(file("events"))
        .expect("it can be generated");
    assert!(
        output.files["events/events.rs"].contains("Bare")
            && !output.files.contains_key("types/events.rs")
    );
    let output = builder
        .allow_types(["Data"])
        .generate(file("events"))
        .expect("it can be generated");
    assert!(output.files["types/events.rs"].contains("pub struct Data"));
}

#[test]
fn selection_changes_no_names() {
    let output = qapi_codegen::configure()
        .layout(Layout::Single)
        .allow_types(["IoThread"])
        .generate(file("names"));
    let output = output.expect("it can be generated");
    let text = &output.files["mod.rs"];
    assert!(text.contains("pub struct IoThread2") && !text.contains("pub struct IoThread "));
}

#[test]
fn pattern_without_a_match_is_an_error() {
    let error = |builder: qapi_codegen::Builder| {
        let error = builder
            .generate(file("commands"))
            .expect_err("there is no such thing");
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    };
    let builder = qapi_codegen::configure();
    assert_eq!(
        error(builder.clone().allow_commands(["query-shape"])),
        "no command matches 'query-shape'; there are 'query-shapes'"
    );
    assert_eq!(
        error(builder.clone().allow_events(["X"])),
        "no event matches 'X'"
    );
    assert_eq!(
        error(builder.clone().extern_type("Shap", "a::B")),
        "no type matches 'Shap'; there are 'Shape'"
    );
    assert!(
        error(builder.clone().type_attribute("Shape", "derive("))
            .starts_with("'derive(' is no attribute: ")
    );
    assert!(error(builder.extern_type("Shape", "a b")).starts_with("'a b' is no path of a type: "));
}

#[test]
fn type_attributes_go_to_types_and_their_variants() {
    let builder = qapi_codegen::configure()
        .layout(Layout::Single)
        .type_attribute("Shape", "#[derive(Eq)]")
        .type_attribute("*", "#[must_use]");
    let output = builder
        .generate(file("unions"))
        .expect("it can be generated");
    let text = &output.files["mod.rs"];
    assert_eq!(text.matches("#[derive(Eq)]").count(), 2, "{text}");
    assert_eq!(text.matches("#[must_use]").count(), 10, "{text}");
}

//! Where files come from.

use std::path::{Path, PathBuf};

use qapi_parser::{Format, FsLoader, MemoryLoader, Options, check, check_file, check_str};

#[test]
fn included_files_are_all_reported_as_opened() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    write(
        "root.json",
        "{ 'include': 'sub/a.json' }\n{ 'include': 'none.json' }",
    );
    write("sub/a.json", "{ 'include': '../b.json' }");
    write("b.json", "{ 'command': 'c' }");
    let loader = FsLoader::new();
    let outcome = check(&folder.path().join("root.json"), &loader, &Options::new());
    assert!(outcome.schema.is_none());
    let names = ["root.json", "sub/a.json", "sub/../b.json", "none.json"];
    let expected: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
    assert_eq!(loader.opened(), expected);
}

#[test]
fn a_file_reached_on_two_ways_is_read_once() {
    let loader = MemoryLoader::new()
        .file(
            "r/root.json",
            "{ 'include': 'a.json' }\n{ 'include': '../r/./a.json' }",
        )
        .file("r/a.json", "{ 'command': 'c' }");
    let outcome = check(Path::new("r/root.json"), &loader, &Options::new());
    let schema = outcome.schema.unwrap();
    let names: Vec<&str> = schema
        .modules()
        .iter()
        .map(|module| module.name.as_str())
        .collect();
    assert_eq!(names, ["./builtin", "root.json", "a.json"]);
    let targets: Vec<u32> = schema
        .includes()
        .iter()
        .map(|include| include.target.0)
        .collect();
    assert_eq!(targets, [2, 2]);
}

#[test]
fn a_missing_root_is_an_error_with_a_remedy() {
    let outcome = check_file("/nonexistent/schema.json");
    assert_eq!(
        outcome.render(Format::Short),
        "error[QAPI0001]: can't read schema file '/nonexistent/schema.json': \
         No such file or directory\n"
    );
    assert!(outcome.diagnostics[0].help.is_some());
    assert!(outcome.into_result().is_err());
}

#[test]
fn a_folder_as_root_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(check_file(folder.path()).schema.is_none());
}

#[test]
fn names_are_found_and_places_told() {
    let schema = check_str("a.json", "\n  { 'command': 'c', 'returns': ['QType'] }");
    let schema = schema.schema;
    // An array of an enumeration needs an exception.
    assert!(schema.is_none());
    let text = "{ 'pragma': { 'command-returns-exceptions': [ 'c' ] } }\n\
                  { 'command': 'c', 'returns': ['QType'] }";
    let schema = check_str("a.json", text).schema.unwrap();
    let id = schema.find("c").unwrap();
    let at = schema.locate(schema.entity(id).span.unwrap()).unwrap();
    assert_eq!((at.path, at.line, at.column), (Path::new("a.json"), 2, 1));
    assert!(schema.find("QTypeList").is_some());
    assert!(schema.find("nothing").is_none());
}

#[test]
fn an_included_file_is_looked_for_in_the_include_folders_after_its_own() {
    let loader = MemoryLoader::new()
        .file(
            "r/root.json",
            "{ 'include': 'a.json' }\n{ 'include': 'b.json' }",
        )
        .file("r/a.json", "{ 'command': 'beside' }")
        .file("one/a.json", "{ 'command': 'not-this' }")
        .file("two/b.json", "{ 'include': 'c.json' }")
        .file("two/c.json", "{ 'command': 'far' }");
    let without = check(Path::new("r/root.json"), &loader, &Options::new());
    assert!(without.render(Format::Short).contains("'r/b.json'"));
    let options = Options::new().include_dir("one").include_dir("two");
    let schema = check(Path::new("r/root.json"), &loader, &options).schema;
    let schema = schema.unwrap();
    assert!(schema.find("beside").is_some() && schema.find("far").is_some());
    assert!(schema.find("not-this").is_none());
}

#[test]
fn a_file_that_includes_itself_by_way_of_an_include_folder_is_a_loop() {
    let loader = MemoryLoader::new()
        .file("r/root.json", "{ 'include': 'a.json' }")
        .file("lib/a.json", "{ 'include': 'sub/../a.json' }");
    let options = Options::new().include_dir("lib");
    let outcome = check(Path::new("r/root.json"), &loader, &options);
    let text = outcome.render(Format::Short);
    assert!(text.contains("QAPI0005"), "{text}");
}

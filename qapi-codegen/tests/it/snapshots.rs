//! One small schema for each feature of the language, one snapshot for each emitted file.

use std::path::{Path, PathBuf};

use qapi_codegen::{Generator, Options};

/// The schemas in `tests/data`, by name.
pub(crate) const SCHEMAS: &[&str] = &[
    "alternates",
    "commands",
    "conditions",
    "docs",
    "enums",
    "events",
    "names",
    "recursion",
    "structs",
    "unions",
];

/// The file of one of [`SCHEMAS`].
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data")).join(format!("{name}.json"))
}

fn snapshot(name: &str, options: Options) {
    let schema = qapi_parser::check_file(file(name))
        .into_result()
        .expect("the schema is sound")
        .schema;
    let files = Generator::new(options)
        .generate(&schema)
        .expect("it can be generated");
    for (path, text) in &files {
        // The folders' own files differ in nothing but names.
        if !path.ends_with("mod.rs") || (name == "commands" && path == "mod.rs") {
            let path = path.trim_end_matches(".rs").replace('/', "_");
            insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(format!("{name}__{path}"), text);
            });
        }
    }
}

macro_rules! snapshots {
    ($($test:ident: $name:literal;)*) => {
        $(
            #[test]
            fn $test() {
                snapshot($name, Options::default());
            }
        )*

        #[test]
        fn every_schema_has_a_snapshot() {
            assert_eq!(SCHEMAS, [$($name),*]);
        }
    };
}

snapshots! {
    alternates_become_enums: "alternates";
    commands_become_types_and_traits: "commands";
    conditions_are_told: "conditions";
    docs_become_rustdoc: "docs";
    enums_become_enums: "enums";
    events_become_types: "events";
    names_are_made_valid_and_unique: "names";
    recursion_is_boxed: "recursion";
    structs_become_structs: "structs";
    unions_become_structs_with_a_tag: "unions";
}

//! What is generated compiles without a warning, documented, and does what it should.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use qapi_codegen::{Builder, Conditions, Layout};

use crate::corpus;
use crate::snapshots::{SCHEMAS, file};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A package that uses the generated code, in a folder of its own that is kept for the next run.
struct Package {
    folder: PathBuf,
    modules: String,
}

impl Package {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(folder.join("src")).expect("there is room");
        let runtime = Path::new(ROOT).join("qmp-runtime");
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\nqmp-runtime = {{ path = {runtime:?} }}\n\n[workspace]\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest).expect("there is room");
        // The same versions as here: nothing has to be fetched.
        fs::copy(
            Path::new(ROOT).join("Cargo.lock"),
            folder.join("Cargo.lock"),
        )
        .expect("the workspace has one");
        let modules =
            "//! Generated code.\n#![deny(warnings, missing_docs, clippy::all)]\n".to_owned();
        Package { folder, modules }
    }

    fn add(&mut self, module: &str, schema: &Path) {
        self.add_by(qapi_codegen::configure(), module, schema);
    }

    fn add_by(&mut self, builder: Builder, module: &str, schema: &Path) {
        let output = builder
            .layout(Layout::Folder)
            .generate(schema)
            .unwrap_or_else(|error| panic!("{error}"));
        output
            .write_to(self.folder.join("src").join(module))
            .expect("there is room");
        writeln!(self.modules, "/// Bindings.\npub mod {module};").expect("memory suffices");
    }

    fn cargo(&self, arguments: &[&str]) {
        fs::write(self.folder.join("src/lib.rs"), &self.modules).expect("there is room");
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .arg("--offline")
            .current_dir(&self.folder)
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
            )
            .env("RUSTDOCFLAGS", "-D warnings")
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{text}\n{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

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
fn own_schemas_compile() {
    let mut package = Package::new("generated-own");
    package.add("qmp", &Path::new(ROOT).join("schema/qmp/qapi-schema.json"));
    package.add("qga", &Path::new(ROOT).join("schema/qga/qapi-schema.json"));
    package.cargo(&["check", "--quiet"]);
    package.cargo(&["doc", "--no-deps", "--quiet"]);
}

#[test]
fn qemus_schemas_compile() {
    let mut package = Package::new("generated-qemu");
    let all = ["qmp", "qga", "storage-daemon"].as_slice();
    let releases = [
        ("10.0.2", all),
        ("v9.0.0", &["qmp", "qga"]),
        ("v7.2.0", all),
        ("v2.8.0", &["qmp-in-top-folder", "qga"]),
    ];
    for (release, roots) in releases {
        for root in roots {
            let Some(schema) = corpus::root_file(release, root) else {
                continue;
            };
            let module = format!(
                "r{}_{}",
                release.trim_start_matches('v').replace('.', "_"),
                root.replace('-', "_")
            );
            package.add(&module, &schema);
        }
    }
    for name in ["qapi-schema-test", "doc-good"] {
        if let Some(schema) = corpus::path(&format!("qemu-tests/{name}.json")) {
            package.add(&name.replace('-', "_"), &schema);
        }
    }
    package.cargo(&["check", "--quiet"]);
}

//! What is generated compiles without a warning, documented, and does what it should.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use qapi_codegen::Layout;

use crate::corpus;
use crate::snapshots::{SCHEMAS, file};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A package that uses the generated code, in a folder of its own that is kept for the next run.
struct Package {
    folder: PathBuf,
    library: String,
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
        let library =
            "//! Generated code.\n#![deny(warnings, missing_docs, clippy::all)]\n".to_owned();
        Package { folder, library }
    }

    fn add(&mut self, module: &str, schema: &Path) {
        let output = qapi_codegen::configure()
            .layout(Layout::Folder)
            .generate(schema)
            .unwrap_or_else(|error| panic!("{error}"));
        output
            .write_to(self.folder.join("src").join(module))
            .expect("there is room");
        writeln!(self.library, "/// Bindings.\npub mod {module};").expect("memory suffices");
    }

    fn cargo(&self, arguments: &[&str]) {
        fs::write(self.folder.join("src/lib.rs"), &self.library).expect("there is room");
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
    for release in ["10.0.2", "v9.0.0", "v7.2.0", "v2.8.0"] {
        for root in ["qmp", "qga", "storage-daemon"] {
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
    package.cargo(&["check", "--quiet"]);
}

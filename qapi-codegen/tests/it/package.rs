//! A package around generated code.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use qapi_codegen::{Builder, Layout};

pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A package that uses the generated code, in a folder of its own that is kept for the next run.
pub(crate) struct Package {
    pub(crate) folder: PathBuf,
    modules: String,
}

impl Package {
    pub(crate) fn new(name: &str) -> Self {
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
            "//! Generated code.\n#![deny(warnings, missing_docs, clippy::all)]\n#![forbid(unsafe_code)]\n".to_owned();
        Package { folder, modules }
    }

    pub(crate) fn add(&mut self, module: &str, schema: &Path) {
        self.add_by(qapi_codegen::configure(), module, schema);
    }

    pub(crate) fn add_by(&mut self, builder: Builder, module: &str, schema: &Path) {
        let output = builder
            .layout(Layout::Folder)
            .generate(schema)
            .unwrap_or_else(|error| panic!("{error}"));
        output
            .write_to(self.folder.join("src").join(module))
            .expect("there is room");
        self.declare(module);
    }

    pub(crate) fn declare(&mut self, module: &str) {
        writeln!(self.modules, "/// Bindings.\npub mod {module};").expect("memory suffices");
    }

    /// Adds to the root module.
    pub(crate) fn module(&mut self, text: &str) {
        writeln!(self.modules, "/// More.\n{text}").expect("memory suffices");
    }

    /// Adds to the manifest.
    pub(crate) fn manifest(&self, text: &str) {
        let path = self.folder.join("Cargo.toml");
        let manifest = fs::read_to_string(&path).expect("it was written");
        fs::write(path, manifest + text).expect("there is room");
    }

    /// Where the packages are built.
    pub(crate) fn target() -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) {
        fs::write(self.folder.join("src/lib.rs"), &self.modules).expect("there is room");
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .arg("--offline")
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", Package::target())
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

//! A package outside the workspace with a schema in place.
#![allow(clippy::expect_used, reason = "what fails in a helper fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

struct Package {
    folder: PathBuf,
}

impl Package {
    fn new(name: &str, arguments: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an earlier run left would answer for this one.
        let _ = fs::remove_dir_all(&folder);
        let package = Package { folder };
        let runtime = Path::new(ROOT).join("qmp-runtime");
        package.write(
            "Cargo.toml",
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                 [dependencies]\nqmp-runtime = {{ path = {runtime:?}, features = [\"schema\"] }}\n\n\
                 [workspace]\n"
            ),
        );
        package.write(
            "src/lib.rs",
            &format!(
                "//! A package.\n#![deny(warnings, missing_docs)]\n\n/// Bindings.\npub mod vm {{\n    \
                 qmp_runtime::qapi_schema!({arguments});\n}}\n\n\
                 /// Asks for the size.\npub fn size(part: &vm::types::Part) -> u8 {{\n    part.size\n}}\n"
            ),
        );
        fs::copy(
            Path::new(ROOT).join("Cargo.lock"),
            package.folder.join("Cargo.lock"),
        )
        .expect("the workspace has one");
        package
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("there is room");
        fs::write(path, text).expect("there is room");
    }

    /// Whether it builds, and what Cargo says.
    fn build(&self) -> (bool, String) {
        let output = Command::new(env!("CARGO"))
            .args(["check", "--offline", "--verbose"])
            .current_dir(&self.folder)
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("built"),
            )
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), text)
    }
}

#[test]
fn bindings_follow_the_files_of_the_schema() {
    let package = Package::new(
        "in-place",
        "\"schema/vm.json\", define = [\"CONFIG_PART\"], commands = [\"get-*\"], \
         include = \"more\", name = \"Vm\", docs = true,",
    );
    let root = "{ 'include': 'part.json' }\n\
                { 'command': 'get-part', 'returns': 'Part', 'if': 'CONFIG_PART' }\n\
                { 'command': 'put-part', 'data': { 'part': 'Part' } }\n";
    package.write("schema/vm.json", root);
    package.write(
        "more/part.json",
        "{ 'struct': 'Part', 'data': { 'size': 'uint8' } }\n",
    );
    let compiled =
        |log: &str| log.contains("Checking in-place") || log.contains("Compiling in-place");

    let (sound, log) = package.build();
    assert!(sound && compiled(&log), "{log}");
    package.write("unrelated.txt", "text\n");
    let (sound, log) = package.build();
    assert!(sound && !compiled(&log), "{log}");

    package.write(
        "more/part.json",
        "{ 'struct': 'Part', 'data': { 'size': 'uint16' } }\n",
    );
    let (sound, log) = package.build();
    assert!(
        !sound && log.contains("expected `u8`, found `u16`"),
        "{log}"
    );
    package.write(
        "more/part.json",
        "{ 'struct': 'Part', 'data': { 'size': 'uint8', '*x': 'str' } }\n",
    );
    let (sound, log) = package.build();
    assert!(sound, "{log}");
}

#[test]
fn errors_in_the_schema_are_told_at_its_path() {
    let package = Package::new("in-place-error", "\"vm.json\"");
    let (sound, log) = package.build();
    assert!(!sound && log.contains("can't read schema file"), "{log}");
    assert!(
        log.contains("qmp_runtime::qapi_schema!(\"vm.json\");"),
        "{log}"
    );

    package.write(
        "vm.json",
        "{ 'struct': 'Part', 'data': { 'size': 'unit8' } }\n",
    );
    let (sound, log) = package.build();
    let parts = [
        "error[QAPI0040]: member 'size' uses unknown type 'unit8'",
        "vm.json:1:39",
        "{ 'struct': 'Part', 'data': { 'size': 'unit8' } }",
        "qmp_runtime::qapi_schema!(\"vm.json\");",
    ];
    for part in parts {
        assert!(!sound && log.contains(part), "{part}\n{log}");
    }
    package.write(
        "vm.json",
        "{ 'struct': 'Part', 'data': { 'size': 'uint8' } }\n",
    );
    let (sound, log) = package.build();
    assert!(sound, "{log}");
}

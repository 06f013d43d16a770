//! A package outside the workspace that generates its bindings in `build.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Package {
    folder: PathBuf,
}

impl Package {
    /// The schema lies beside the package, not in it: Cargo does not look there by itself.
    fn new(name: &str, schema: &str) -> Self {
        let outer = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an earlier run left would answer for this one.
        let _ = fs::remove_dir_all(&outer);
        let folder = outer.join("package");
        write(&outer.join("schema/vm.json"), schema);
        write(
            &outer.join("more/part.json"),
            "{ 'struct': 'Part', 'data': { 'first': 'int' } }\n",
        );
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let (runtime, codegen) = (root.join("qmp-runtime"), root.join("qapi-codegen"));
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\nqmp-runtime = {{ path = {runtime:?} }}\n\n\
             [build-dependencies]\nqapi-codegen = {{ path = {codegen:?} }}\n\n[workspace]\n"
        );
        write(&folder.join("Cargo.toml"), &manifest);
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))
            .expect("the workspace has one");
        // The included file is looked for beside the root first.
        let script = "fn main() -> Result<(), qapi_codegen::Error> {\n    \
                      qapi_codegen::configure()\n        .include_dir(\"../more\")\n        \
                      .compile(\"../schema/vm.json\")\n}\n";
        write(&folder.join("build.rs"), script);
        let library = "//! A package.\n#![deny(warnings, missing_docs)]\n\n/// Bindings.\npub mod vm {\n    \
                       include!(concat!(env!(\"OUT_DIR\"), \"/vm.rs\"));\n}\n";
        write(&folder.join("src/lib.rs"), library);
        Package { folder }
    }

    fn schema(&self, name: &str) -> PathBuf {
        self.folder.join("../schema").join(name)
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
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("there is room");
    fs::write(path, text).expect("there is room");
}

#[test]
fn included_schema_that_changes_runs_the_script_again() {
    let schema = "{ 'include': 'part.json' }\n{ 'command': 'get-part', 'returns': 'Part' }\n";
    let package = Package::new("build-script", schema);
    let ran = |log: &str| log.contains("build-script-build`");

    let (sound, log) = package.build();
    assert!(sound && ran(&log), "{log}");
    write(&package.folder.join("unrelated.txt"), "text\n");
    let (sound, log) = package.build();
    assert!(sound && !ran(&log), "{log}");

    let use_of_member = "\n/// Reads a member.\npub fn second(part: &vm::types::Part) -> i64 {\n    part.second\n}\n";
    let library = package.folder.join("src/lib.rs");
    let text = fs::read_to_string(&library).expect("it is there");
    write(&library, &(text + use_of_member));
    write(
        &package.folder.join("../more/part.json"),
        "{ 'struct': 'Part', 'data': { 'first': 'int', 'second': 'int' } }\n",
    );
    let (sound, log) = package.build();
    assert!(sound && ran(&log), "{log}");
}

#[test]
fn schema_error_is_shown_with_its_source_and_mends_itself() {
    let package = Package::new("build-script-error", "{ 'include': 'absent.json' }\n");
    let (sound, log) = package.build();
    assert!(
        !sound && log.contains("absent.json") && log.contains("{ 'include': 'absent.json' }"),
        "{log}"
    );

    write(&package.schema("absent.json"), "{ 'command': 'ping' }\n");
    let (sound, log) = package.build();
    assert!(sound, "{log}");
}

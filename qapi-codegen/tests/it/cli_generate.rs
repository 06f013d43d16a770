//! The options of `qapi gen`.

use std::path::Path;

use crate::command::{folder, qapi_in};

const SCHEMA: &str = "\
{ 'include': 'net.json' }
{ 'struct': 'State', 'data': { 'running': 'bool', 'reason': 'Reason' } }
{ 'enum': 'Reason', 'data': [ 'user' ] }
{ 'struct': 'Lone', 'data': { } }
{ 'command': 'query-state', 'returns': 'State' }
{ 'command': 'stop', 'if': 'CONFIG_STOP' }
{ 'event': 'STOP' }
";
const NET: &str = "{ 'command': 'net-add' } { 'event': 'NET_UP' }";

/// The bindings in `out` that these options make.
fn generated(options: &[&str]) -> tempfile::TempDir {
    let folder = folder(&[("vm.json", SCHEMA), ("net.json", NET)]);
    let arguments = [&["gen", "vm.json", "-o", "out"], options].concat();
    let run = qapi_in(folder.path(), &arguments, "");
    assert_eq!(run.code, Some(0), "{}", run.err);
    folder
}

fn text(folder: &tempfile::TempDir, file: &str) -> String {
    let path = folder.path().join("out").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn has(folder: &tempfile::TempDir, file: &str) -> bool {
    Path::new(folder.path()).join("out").join(file).exists()
}

#[test]
fn allowed_names_bring_what_they_need_and_nothing_else() {
    let out = generated(&["--commands", "query-*", "--events", "NET_UP"]);
    assert!(text(&out, "types/vm.rs").contains("pub enum Reason"));
    assert!(!text(&out, "types/vm.rs").contains("Lone"));
    assert!(text(&out, "commands/vm.rs").contains("pub struct QueryState"));
    assert!(!text(&out, "commands/vm.rs").contains("pub struct Stop"));
    assert!(has(&out, "events/net.rs") && !has(&out, "events/vm.rs"));
}

#[test]
fn repeated_patterns_add_up() {
    let out = generated(&[
        "--commands",
        "stop",
        "--commands",
        "net-*",
        "--types",
        "Lone",
    ]);
    assert!(has(&out, "commands/vm.rs") && has(&out, "commands/net.rs"));
    assert!(text(&out, "types/vm.rs").contains("pub struct Lone"));
    assert!(!text(&out, "types/vm.rs").contains("State"));
}

#[test]
fn handlers_are_of_the_kind_asked_for() {
    assert!(text(&generated(&[]), "handlers/vm.rs").contains("&mut self"));
    let out = generated(&["--handlers", "async"]);
    assert!(!text(&out, "handlers/vm.rs").contains("&mut self"));
    assert!(text(&out, "handlers/vm.rs").contains("Future"));
    assert!(!has(&generated(&["--handlers", "none"]), "handlers"));
}

#[test]
fn conditions_and_modules_become_features() {
    let out = generated(&["--cfg"]);
    assert!(text(&out, "commands/vm.rs").contains("#[cfg(feature = \"config-stop\")]"));
    assert!(text(&out, "features.toml").contains("config-stop = []"));
    let out = generated(&["--module-features"]);
    assert!(text(&out, "features.toml").contains("server = "));
    assert!(text(&out, "commands/mod.rs").contains("#[cfg(feature = \"net\")]"));
}

#[test]
fn single_layout_replaces_the_folders() {
    let folder = generated(&[]);
    let single = ["gen", "vm.json", "-o", "out", "--layout", "single"];
    assert_eq!(qapi_in(folder.path(), &single, "").code, Some(0));
    assert!(text(&folder, "mod.rs").contains("pub struct QueryState"));
    assert!(!has(&folder, "commands"));
}

#[test]
fn runtime_is_found_by_its_path_formatted_or_not() {
    let path = ["--runtime-path", "::vmm::qmp", "--no-format"];
    let out = text(&generated(&path), "types/vm.rs");
    assert!(!out.contains("qmp_runtime") && out.contains("::vmm::qmp"));
    let out = text(&generated(&path[..2]), "types/vm.rs");
    assert!(!out.contains("qmp_runtime") && out.contains("::vmm::qmp::record!"));
}

#[test]
fn wrong_options_are_explained() {
    let folder = folder(&[("vm.json", SCHEMA), ("net.json", NET)]);
    let cases: &[(&[&str], &str)] = &[
        (
            &["--handlers", "lazy"],
            "unknown handlers 'lazy'; there are blocking, async and none",
        ),
        (
            &["--layout", "flat"],
            "unknown layout 'flat'; there are folder, single and parts",
        ),
        (
            &["--target", "c"],
            "unknown target 'c'; there are rust, json-schema and openrpc",
        ),
        (
            &["--cfg", "-D", "CONFIG_STOP"],
            "--cfg leaves conditions to the compiler, -D evaluates them; use one",
        ),
        (
            &["--target", "openrpc", "--handlers", "none"],
            "--handlers is for Rust bindings alone; leave it out, or use --target rust",
        ),
        (
            &["--commands", "query-stat"],
            "no command matches 'query-stat'; there are 'query-state'",
        ),
        (
            &["--runtime-path", "a b"],
            "'a b' is no path of the runtime",
        ),
        (&["--events"], "missing argument for option '--events'"),
        (&["--frobnicate"], "invalid option '--frobnicate'"),
    ];
    for (options, message) in cases {
        let arguments = [&["gen", "vm.json", "-o", "out"], *options].concat();
        let run = qapi_in(folder.path(), &arguments, "");
        assert_eq!(run.code, Some(2), "{options:?}: {}", run.err);
        assert!(run.err.contains(message), "{options:?}: {}", run.err);
        assert!(!folder.path().join("out").exists());
    }
}

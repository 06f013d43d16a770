//! A program around the bindings of QEMU 10.0.2 that decodes and encodes what it is given.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use qapi_codegen::Layout;

use crate::corpus;
use crate::package::{Package, ROOT};

/// One value to be decoded.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// `server` refuses what it does not know, `client` does not.
    pub(super) mode: &'static str,
    /// `command`, `return`, `event` or `type`.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) text: String,
}

/// What became of the cases: the value encoded again, or why it was refused. `None` without the corpus.
pub(super) fn run(cases: &[Case]) -> Option<Vec<Result<String, String>>> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(build).as_ref()?;
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was built");
    let mut input = child.stdin.take().expect("it is piped");
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let lines: String = cases
        .iter()
        .map(|case| format!("{} {} {} {}\n", case.mode, case.kind, case.name, case.text))
        .collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let answers: Vec<_> = output
        .lines()
        .map(|line| {
            let line = line.expect("it writes text");
            match line.split_once(' ') {
                Some(("ok", text)) => Ok(text.to_owned()),
                _ => Err(line[3..].to_owned()),
            }
        })
        .collect();
    writer
        .join()
        .expect("it does not panic")
        .expect("the program reads");
    assert!(child.wait().expect("it runs").success());
    assert_eq!(answers.len(), cases.len());
    Some(answers)
}

fn build() -> Option<PathBuf> {
    let schema = corpus::root_file("10.0.2", "qmp")?;
    let own = Path::new(ROOT).join("schema/qmp/qapi-schema.json");
    let mut package = Package::new("generated-wire");
    let mut table = String::from("fn fill(table: &mut Table) {\n");
    for (module, prefix, schema) in [("qmp", "", schema), ("own", "own-", own)] {
        // Without the schema's documentation, each item has its name on the wire in its place.
        let output = qapi_codegen::configure()
            .doc_comments(false)
            .layout(Layout::Folder)
            .generate(&schema)
            .unwrap_or_else(|error| panic!("{error}"));
        output
            .write_to(package.folder.join("src").join(module))
            .expect("there is room");
        package.declare(module);
        for (path, text) in &output.files {
            let namespace = path.split('/').next().unwrap_or_default();
            fill(&mut table, (module, prefix, namespace), text);
        }
    }
    table += "}\n";
    fs::write(package.folder.join("src/table.inc"), table).expect("there is room");
    let program = include_str!("../../data/wire_driver.rs");
    fs::write(package.folder.join("src/main.rs"), program).expect("there is room");
    package.cargo(&["build", "--quiet"]);
    Some(Package::target().join("debug/generated-wire"))
}

fn fill(table: &mut String, (module, prefix, namespace): (&str, &str, &str), text: &str) {
    let mut wire = "";
    let mut last = "";
    for line in text.lines() {
        // The first line of a comment has the name.
        if line.starts_with("///") && !last.starts_with("///") {
            let name = line
                .strip_prefix("/// `")
                .and_then(|rest| rest.strip_suffix('`'));
            wire = name.unwrap_or_default();
        }
        last = line;
        let mut words = line.split([' ', '(']);
        let is_item =
            words.next() == Some("pub") && matches!(words.next(), Some("struct" | "enum"));
        let Some(name) = words.next().filter(|_| is_item && !wire.is_empty()) else {
            continue;
        };
        let path = format!("generated_wire::{module}::{namespace}::{name}");
        match namespace {
            "types" => writeln!(
                table,
                "    table.insert((\"{prefix}type\", {wire:?}), check::<{path}>);"
            ),
            "commands" => writeln!(
                table,
                "    command::<{path}>(table, [\"{prefix}command\", \"{prefix}return\"]);"
            ),
            "events" => writeln!(table, "    event::<{path}>(table, \"{prefix}event\");"),
            _ => Ok(()),
        }
        .expect("memory suffices");
    }
}

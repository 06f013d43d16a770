//! `docs/qmp-coverage.md`: which documented commands there are, and the tests that prove it.
//!
//! What is there is asked of `vmm` itself; what is proved stands in the tests: a comment directly above one,
//! `// proves: memsave, pmemsave`, or `// as QEMU: query-rocker` where the answer is that of a QEMU without the feature.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

const DOCUMENTED: &str = include_str!("documented.txt");
const OUTPUT: &str = "docs/qmp-coverage.md";

/// Where tests of commands are.
const TESTS: [(&str, &str); 2] = [
    ("vmm-core", "vmm-core/tests/it"),
    ("qmp-runtime", "qmp-runtime/tests/it"),
];

/// What comes in front of the names, and what it says of them.
const MARKS: [(&str, Claim); 2] = [
    ("// proves: ", Claim::Effect),
    ("// as QEMU: ", Claim::AsQemu),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// The command does what it is for.
    Effect,
    /// It answers as QEMU does without the feature, by an error or by not being there.
    AsQemu,
}

/// The tests of each command.
type Proofs = BTreeMap<String, BTreeSet<(Claim, String)>>;

/// Writes the table, or says whether the one that is there is current.
pub(crate) fn coverage(root: &Path, check: bool) -> anyhow::Result<()> {
    let present = commands_of_vmm(root)?;
    let proofs = proofs(root)?;
    let text = render(&present, &proofs)?;
    let path = root.join(OUTPUT);
    if !check {
        fs::write(&path, text).with_context(|| format!("cannot write {OUTPUT}"))?;
        println!("{OUTPUT}");
        return Ok(());
    }
    if fs::read_to_string(&path).unwrap_or_default() != text {
        bail!("not current: {OUTPUT}\nrun `cargo xtask coverage` and commit the result");
    }
    Ok(())
}

/// What `query-commands` tells.
fn commands_of_vmm(root: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut child = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .current_dir(root)
        .args(["run", "--quiet", "-p", "vmm-core", "--bin", "vmm", "--"])
        .args(["-M", "none", "-accel", "none", "-qmp", "stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let requests = [
        r#"{"execute":"qmp_capabilities"}"#,
        r#"{"execute":"query-commands","id":"list"}"#,
        r#"{"execute":"quit"}"#,
    ];
    let mut input = child.stdin.take().context("vmm has no standard input")?;
    input.write_all(requests.join("\n").as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    for message in messages {
        let message = message.context("vmm answers something else than JSON")?;
        if message["id"] == "list" {
            let names = message["return"]
                .as_array()
                .context("query-commands fails")?;
            return Ok(names
                .iter()
                .filter_map(|info| info["name"].as_str())
                .map(str::to_owned)
                .collect());
        }
    }
    bail!("vmm does not answer query-commands: {output:?}")
}

/// The marks in all files of tests.
fn proofs(root: &Path) -> anyhow::Result<Proofs> {
    let mut proofs = Proofs::new();
    for (package, folder) in TESTS {
        for file in rust_files(&root.join(folder))? {
            let relative = file.strip_prefix(root.join(folder))?.with_extension("");
            let module: Vec<_> = relative
                .iter()
                .map(|part| part.to_string_lossy())
                .filter(|part| part != "mod")
                .collect();
            let place = format!("{package} {}", module.join("::"));
            let text = fs::read_to_string(&file)?;
            scan(&text, &place, &mut proofs).with_context(|| file.display().to_string())?;
        }
    }
    Ok(proofs)
}

/// Takes the marks of one file, each with the test below it.
fn scan(text: &str, place: &str, proofs: &mut Proofs) -> anyhow::Result<()> {
    let mut open: Vec<(Claim, &str)> = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        let mark = MARKS
            .iter()
            .find_map(|(mark, claim)| Some((*claim, line.strip_prefix(mark)?)));
        if let Some((claim, names)) = mark {
            open.extend(names.split(',').map(|name| (claim, name.trim())));
        } else if line == "#[test]" {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ") {
            let name = rest.split('(').next().unwrap_or_default();
            if let (Some((_, command)), false) = (open.first(), is_test) {
                bail!("the mark of {command} is above {name}, which is no test");
            }
            for (claim, command) in open.drain(..) {
                let test = format!("{place}::{name}");
                proofs
                    .entry(command.to_owned())
                    .or_default()
                    .insert((claim, test));
            }
            is_test = false;
        }
    }
    match open.first() {
        Some((_, command)) => bail!("no test is below the mark of {command}"),
        None => Ok(()),
    }
}

fn rust_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn render(present: &BTreeSet<String>, proofs: &Proofs) -> anyhow::Result<String> {
    let documented: BTreeSet<&str> = DOCUMENTED.lines().filter(|line| is_name(line)).collect();
    for command in proofs.keys() {
        if !present.contains(command) && !documented.contains(command.as_str()) {
            bail!("a test proves '{command}', which is no command: check the spelling");
        }
    }
    let mut text = String::from(HEAD);
    let mut tables = String::new();
    let mut counts = BTreeMap::new();
    for line in DOCUMENTED.lines() {
        if let Some(title) = line.strip_prefix('[') {
            begin_table(&mut tables, title.trim_end_matches(']'));
        } else if is_name(line) {
            let state = row(&mut tables, line, present, proofs);
            *counts.entry(state).or_insert(0) += 1;
        }
    }
    begin_table(&mut tables, "Commands of other documents");
    for name in present
        .iter()
        .filter(|name| !documented.contains(name.as_str()))
    {
        row(&mut tables, name, present, proofs);
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    writeln!(
        text,
        "Of {} documented commands: {}.",
        documented.len(),
        counts.join(", ")
    )?;
    Ok(text + &tables)
}

fn is_name(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', '['])
}

fn begin_table(text: &mut String, title: &str) {
    let _ = write!(
        text,
        "\n## {title}\n\n| command | state | proved by |\n| --- | --- | --- |\n"
    );
}

/// Writes the row of a command; its state.
fn row(text: &mut String, name: &str, present: &BTreeSet<String>, proofs: &Proofs) -> &'static str {
    let none = BTreeSet::new();
    let tests = proofs.get(name).unwrap_or(&none);
    let has_effect = tests.iter().any(|(claim, _)| *claim == Claim::Effect);
    let state = match (present.contains(name), has_effect, tests.is_empty()) {
        (true, true, _) => "implemented",
        (true, false, true) => "without a test",
        (false, true, _) => "absent in spite of its test",
        (_, false, false) => "as QEMU without the feature",
        (false, false, true) => "not yet",
    };
    let tests: Vec<String> = tests.iter().map(|(_, test)| format!("`{test}`")).collect();
    let _ = writeln!(text, "| `{name}` | {state} | {} |", tests.join(", "));
    state
}

const HEAD: &str = "\
# Documented commands

<!-- generated by `cargo xtask coverage`; do not edit -->

Made from the answer of `vmm` to `query-commands` and from marks in the tests. A test that fails when a command
does nothing has a comment directly above `#[test]`:

```rust
// proves: memsave, pmemsave
#[test]
fn saved_memory_is_what_the_guest_wrote() {}
```

`// as QEMU: query-rocker` in its place says that the answer is that of a QEMU without the feature: an error, an empty
list, or `CommandNotFound`. What has no mark is listed as \"without a test\" if `vmm` has it, and as \"not yet\" if not.
Run `cargo xtask coverage` after a change and commit the result; CI checks that it is current.

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_belong_to_the_test_below() {
        let text =
            "// proves: a, b\n// as QEMU: c\n#[test]\nfn works() {\n}\n#[test]\nfn other() {}\n";
        let mut proofs = Proofs::new();
        scan(text, "p m", &mut proofs).unwrap();
        let test = "p m::works".to_owned();
        assert_eq!(proofs["a"], BTreeSet::from([(Claim::Effect, test.clone())]));
        assert_eq!(proofs["b"], proofs["a"]);
        assert_eq!(proofs["c"], BTreeSet::from([(Claim::AsQemu, test)]));
    }

    #[test]
    fn marks_without_a_test_are_refused() {
        for text in ["// proves: a\n", "// proves: a\nfn helper() {}\n"] {
            assert!(scan(text, "p m", &mut Proofs::new()).is_err(), "{text}");
        }
    }

    #[test]
    fn slip_in_a_name_is_refused() {
        let mut proofs = Proofs::new();
        scan(
            "// proves: memsvae\n#[test]\nfn t() {}\n",
            "p m",
            &mut proofs,
        )
        .unwrap();
        assert!(render(&BTreeSet::new(), &proofs).is_err());
    }

    #[test]
    fn states_come_from_what_is_there_and_what_is_proved() {
        let mut proofs = Proofs::new();
        scan(
            "// proves: stop\n// as QEMU: query-rocker\n#[test]\nfn t() {}\n",
            "p m",
            &mut proofs,
        )
        .unwrap();
        let present = BTreeSet::from(["stop".to_owned(), "cont".to_owned()]);
        let text = render(&present, &proofs).unwrap();
        for row in [
            "| `stop` | implemented | `p m::t` |",
            "| `query-rocker` | as QEMU without the feature | `p m::t` |",
            "| `cont` | without a test |  |",
            "| `eject` | not yet |  |",
        ] {
            assert!(text.contains(row), "{row} in {text}");
        }
    }
}

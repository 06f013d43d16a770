//! Project automation; `cargo xtask` lists what there is.

mod coverage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use qapi_codegen::Layout;

const USAGE: &str = "\
usage: cargo xtask codegen|coverage [--check]

  codegen    generate qmp-types from schema/
  coverage   write docs/qmp-coverage.md from what vmm has and what its tests prove
  --check    only say whether what is committed is current; exit code 1 if it is not
";

/// The schemas and the folders of their bindings.
const BINDINGS: [(&str, &str); 2] = [
    ("schema/qmp/qapi-schema.json", "qmp-types/src/qmp"),
    ("schema/qga/qapi-schema.json", "qmp-types/src/qga"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["codegen"] => codegen(false),
        ["codegen", "--check"] => codegen(true),
        ["coverage"] => root().and_then(|root| coverage::coverage(&root, false)),
        ["coverage", "--check"] => root().and_then(|root| coverage::coverage(&root, true)),
        ["--help" | "-h" | "help"] | [] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn codegen(check: bool) -> anyhow::Result<()> {
    // Headers name the schema relative to the project.
    std::env::set_current_dir(root()?)?;
    let mut stale = Vec::new();
    for (schema, folder) in BINDINGS {
        let output = qapi_codegen::configure()
            .layout(Layout::Folder)
            .emit_rerun_if_changed(false)
            .generate(schema)?;
        for warning in &output.warnings {
            eprintln!("{warning}");
        }
        if check {
            stale.extend(output.stale_in(folder)?);
        } else {
            for file in output.write_to(folder)? {
                println!("{}", file.display());
            }
        }
    }
    if !stale.is_empty() {
        let files: Vec<String> = stale
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        bail!(
            "not current: {}\nrun `cargo xtask codegen` and commit the result",
            files.join(", ")
        );
    }
    Ok(())
}

fn root() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in the project's root")?;
    Ok(root.to_owned())
}

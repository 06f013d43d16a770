//! `qapi gen`

use std::path::{Path, PathBuf};

use lexopt::{Arg, Parser, ValueExt as _};
use qapi_codegen::{Builder, Error, ErrorKind, Layout, Output};

use super::input::Input;
use super::{Failure, Status, help, required, set_file, terminal};

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut builder = qapi_codegen::configure().layout(Layout::Folder);
    let mut folder: Option<PathBuf> = None;
    let mut file = None;
    let mut check = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('o') | Arg::Long("output") => folder = Some(parser.value()?.into()),
            Arg::Short('D') | Arg::Long("define") => {
                builder = builder.define(parser.value()?.string()?)
            }
            Arg::Long("name") => builder = builder.name(parser.value()?.string()?),
            Arg::Long("no-docs") => builder = builder.doc_comments(false),
            Arg::Long("check") => check = true,
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::GENERATE),
            Arg::Value(value) => set_file(&mut file, value)?,
            other => return Err(other.unexpected().into()),
        }
    }
    let folder = folder
        .ok_or_else(|| Failure("no output folder given; say where with -o DIR".to_owned()))?;
    let input = Input::open(required(file)?)?;
    match generate(builder, &input, &folder, check) {
        Ok(status) => Ok(status),
        Err(error) if error.kind() == ErrorKind::Io => Err(Failure(format!(
            "{error:?}; check the folder given with -o"
        ))),
        Err(error) => {
            terminal::complain(&format!("{}\n", format!("{error:?}").trim()));
            Ok(Status::Findings)
        }
    }
}

fn generate(builder: Builder, input: &Input, folder: &Path, check: bool) -> Result<Status, Error> {
    let output = builder.generate_with(input.path(), input)?;
    for warning in &output.warnings {
        terminal::complain(&format!("{warning}\n"));
    }
    if check {
        return compare(&output, folder);
    }
    output.write_to(folder)?;
    Ok(Status::Clean)
}

fn compare(output: &Output, folder: &Path) -> Result<Status, Error> {
    let stale = output.stale_in(folder)?;
    for path in &stale {
        terminal::complain(&format!("out of date: {}\n", path.display()));
    }
    Ok(if stale.is_empty() {
        Status::Clean
    } else {
        Status::Findings
    })
}

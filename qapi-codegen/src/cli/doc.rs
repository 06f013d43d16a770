//! `qapi doc`

use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt as _};
use qapi_codegen::{Conditions, html};

use super::{Failure, Status, help, required, schema, set_file, terminal};

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut options = html::Options::default();
    let mut reading = qapi_parser::Options::new();
    let mut symbols = Vec::new();
    let mut folder: Option<PathBuf> = None;
    let mut file = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('o') | Arg::Long("output") => folder = Some(parser.value()?.into()),
            Arg::Short('D') | Arg::Long("define") => symbols.push(parser.value()?.string()?),
            Arg::Short('I') | Arg::Long("include") => {
                reading = reading.include_dir(parser.value()?);
            }
            Arg::Long("title") => options.title = Some(parser.value()?.string()?),
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::DOCUMENT),
            Arg::Value(value) => set_file(&mut file, value)?,
            other => return Err(other.unexpected().into()),
        }
    }
    let folder = folder
        .ok_or_else(|| Failure("no output folder given; say where with -o DIR".to_owned()))?;
    if !symbols.is_empty() {
        options.conditions = Conditions::Evaluate(symbols.into_iter().collect());
    }
    let Some(schema) = schema::load(required(file)?, &reading)? else {
        return Ok(Status::Findings);
    };
    let files = html::reference(&schema, &options);
    html::write(&files, folder)
        .map_err(|error| Failure(format!("{error:?}; check the folder given with -o")))?;
    Ok(Status::Clean)
}

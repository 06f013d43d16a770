//! `qapi introspect`

use lexopt::{Arg, Parser, ValueExt as _};
use qapi_codegen::{Conditions, introspect};

use super::{Failure, Status, help, required, schema, set_file, terminal};

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut options = introspect::Options::default();
    let mut reading = qapi_parser::Options::new();
    let mut symbols = Vec::new();
    let mut file = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("unmasked") => options.unmasked = true,
            Arg::Long("conditions") => options.with_conditions = true,
            Arg::Short('D') | Arg::Long("define") => symbols.push(parser.value()?.string()?),
            Arg::Short('I') | Arg::Long("include") => {
                reading = reading.include_dir(parser.value()?);
            }
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::INTROSPECT),
            Arg::Value(value) => set_file(&mut file, value)?,
            other => return Err(other.unexpected().into()),
        }
    }
    if !symbols.is_empty() {
        options.conditions = Conditions::Evaluate(symbols.into_iter().collect());
    }
    match schema::load(required(file)?, &reading)? {
        Some(schema) => terminal::print(&introspect::text(&schema, &options)),
        None => Ok(Status::Findings),
    }
}

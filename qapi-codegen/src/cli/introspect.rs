//! `qapi introspect`

use lexopt::{Arg, Parser, ValueExt as _};
use qapi_codegen::{Conditions, introspect};

use super::input::Input;
use super::report::Style;
use super::{Failure, Status, help, required, set_file, terminal};

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut options = introspect::Options::default();
    let mut symbols = Vec::new();
    let mut file = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("unmasked") => options.unmasked = true,
            Arg::Long("conditions") => options.with_conditions = true,
            Arg::Short('D') | Arg::Long("define") => symbols.push(parser.value()?.string()?),
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::INTROSPECT),
            Arg::Value(value) => set_file(&mut file, value)?,
            other => return Err(other.unexpected().into()),
        }
    }
    if !symbols.is_empty() {
        options.conditions = Conditions::Evaluate(symbols.into_iter().collect());
    }
    let input = Input::open(required(file)?)?;
    let outcome = qapi_parser::check(input.path(), &input, &qapi_parser::Options::new());
    match &outcome.schema {
        Some(schema) => terminal::print(&introspect::text(schema, &options)),
        None => {
            terminal::complain(&Style::Rich.render(
                &outcome.diagnostics,
                &outcome.sources,
                &std::io::stderr(),
            ));
            Ok(Status::Findings)
        }
    }
}

//! `qapi check`

use lexopt::{Arg, Parser, ValueExt as _};
use qapi_parser::{Dialect, Options};

use super::input::Input;
use super::report::Style;
use super::{Failure, Status, help, required, set_file, terminal};

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut style = Style::default();
    let mut dialect = Dialect::Any;
    let mut file = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("format") => style = Style::parse(&parser.value()?.string()?)?,
            Arg::Long("dialect") => dialect = parse_dialect(&parser.value()?.string()?)?,
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::CHECK),
            Arg::Value(value) => set_file(&mut file, value)?,
            other => return Err(other.unexpected().into()),
        }
    }
    let input = Input::open(required(file)?)?;
    let outcome = qapi_parser::check(input.path(), &input, &Options::new().dialect(dialect));
    terminal::print(&style.render(&outcome.diagnostics, &outcome.sources, &std::io::stdout()))?;
    Ok(if outcome.schema.is_some() {
        Status::Clean
    } else {
        Status::Findings
    })
}

fn parse_dialect(word: &str) -> Result<Dialect, Failure> {
    match word {
        "any" => Ok(Dialect::Any),
        "modern" => Ok(Dialect::Modern),
        other => Err(Failure(format!(
            "unknown dialect '{other}'; there are any and modern"
        ))),
    }
}

//! `qapi check`

use std::ffi::OsString;

use lexopt::{Arg, Parser, ValueExt as _};
use qapi_parser::{Dialect, Options};

use super::input::{self, Input};
use super::report::{Report, Style};
use super::{Failure, Status, codes, help, required, schema, terminal};

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut style = Style::default();
    let mut options = Options::new();
    let mut files = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("format") => style = Style::parse(&parser.value()?.string()?)?,
            Arg::Long("dialect") => {
                options = options.dialect(parse_dialect(&parser.value()?.string()?)?);
            }
            Arg::Short('I') | Arg::Long("include") => {
                options = options.include_dir(parser.value()?);
            }
            Arg::Long("allow") => options = options.allow(code(&mut parser)?),
            Arg::Long("warn") => options = options.warn(code(&mut parser)?),
            Arg::Long("deny") => options = options.deny(code(&mut parser)?),
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::CHECK),
            Arg::Value(value) => files.push(value),
            other => return Err(other.unexpected().into()),
        }
    }
    check(files, &options, style)
}

fn check(files: Vec<OsString>, options: &Options, style: Style) -> Result<Status, Failure> {
    required(files.first())?;
    let files = input::read_all(files)?;
    let mut report = Report::new(style);
    for file in files {
        let outcome = schema::outcome(&Input::from(file), options);
        report.add(&outcome.diagnostics, &outcome.sources);
    }
    terminal::print(&report.text())?;
    terminal::complain(&report.summary());
    Ok(Status::of(report.has_errors()))
}

fn code(parser: &mut Parser) -> Result<qapi_parser::Code, Failure> {
    codes::parse(&parser.value()?.string()?)
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

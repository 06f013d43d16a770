//! The subcommands and what they share.

mod check;
mod generate;
mod help;
mod input;
mod introspect;
mod report;
mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;

use lexopt::{Arg, Parser};

/// How a command ended that did what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Nothing to complain of.
    Clean,
    /// The schema, or what was generated from it, is not as it should be.
    Findings,
}

/// Why a command did not do what it was asked for, with the way out.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Failure(format!("{error}; `qapi --help` tells the usage"))
    }
}

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    match run(Parser::from_env()) {
        Ok(Status::Clean) => ExitCode::SUCCESS,
        Ok(Status::Findings) => ExitCode::from(1),
        Err(Failure(message)) => {
            terminal::complain(&format!("qapi: {message}\n"));
            ExitCode::from(2)
        }
    }
}

fn run(mut parser: Parser) -> Result<Status, Failure> {
    match parser.next()? {
        Some(Arg::Short('h') | Arg::Long("help")) => terminal::print(help::MAIN),
        Some(Arg::Short('V') | Arg::Long("version")) => terminal::print(help::VERSION),
        Some(Arg::Value(name)) => subcommand(&name, parser),
        Some(other) => Err(other.unexpected().into()),
        None => {
            terminal::complain(help::MAIN);
            Err(Failure("no command given".to_owned()))
        }
    }
}

fn subcommand(name: &OsString, parser: Parser) -> Result<Status, Failure> {
    match name.to_str() {
        Some("check") => check::run(parser),
        Some("gen") => generate::run(parser),
        Some("introspect") => introspect::run(parser),
        Some("help") => terminal::print(help::MAIN),
        _ => Err(Failure(format!(
            "unknown command '{}'; there are check, gen and introspect",
            name.to_string_lossy()
        ))),
    }
}

/// Takes the file operand, of which there is one.
fn set_file(file: &mut Option<OsString>, value: OsString) -> Result<(), Failure> {
    match file.replace(value) {
        None => Ok(()),
        Some(first) => Err(Failure(format!(
            "more than one schema: '{}' is the first; give the root, it includes the others",
            first.to_string_lossy()
        ))),
    }
}

fn required(file: Option<OsString>) -> Result<OsString, Failure> {
    file.ok_or_else(|| {
        Failure("no schema given; name its root file, or - for standard input".to_owned())
    })
}

//! The subcommands and what they share.

mod check;
mod codes;
mod diff;
mod doc;
mod dump;
mod explain;
mod fmt;
mod generate;
mod help;
mod import;
mod input;
mod introspect;
mod report;
mod schema;
mod terminal;

use std::ffi::{OsStr, OsString};
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

impl Status {
    /// Findings, if there are any.
    fn of(findings: bool) -> Self {
        if findings {
            Status::Findings
        } else {
            Status::Clean
        }
    }
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

fn subcommand(name: &OsStr, mut parser: Parser) -> Result<Status, Failure> {
    let name = name.to_string_lossy();
    if name == "help" {
        let about = parser.value().ok();
        return match about.as_deref().map(OsStr::to_string_lossy) {
            None => terminal::print(help::MAIN),
            Some(about) => terminal::print(find(&about)?.help),
        };
    }
    (find(&name)?.run)(parser)
}

/// A command by name.
struct Subcommand {
    name: &'static str,
    help: &'static str,
    run: fn(Parser) -> Result<Status, Failure>,
}

const fn command(
    name: &'static str,
    help: &'static str,
    run: fn(Parser) -> Result<Status, Failure>,
) -> Subcommand {
    Subcommand { name, help, run }
}

/// In the order of the help text.
const SUBCOMMANDS: &[Subcommand] = &[
    command("check", help::CHECK, check::run),
    command("explain", help::EXPLAIN, explain::run),
    command("fmt", help::FORMAT, fmt::run),
    command("diff", help::DIFF, diff::run),
    command("gen", help::GENERATE, generate::run),
    command("doc", help::DOCUMENT, doc::run),
    command("introspect", help::INTROSPECT, introspect::run),
    command("dump", help::DUMP, dump::run),
    command("import", help::IMPORT, import::run),
];

fn find(name: &str) -> Result<&'static Subcommand, Failure> {
    let known = SUBCOMMANDS.iter().find(|one| one.name == name);
    known.ok_or_else(|| {
        let names: Vec<&str> = SUBCOMMANDS.iter().map(|one| one.name).collect();
        let names = listed(&names);
        Failure(format!("unknown command '{name}'; there are {names}"))
    })
}

/// The words with commas and a final `and`.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
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

fn required<T>(file: Option<T>) -> Result<T, Failure> {
    file.ok_or_else(|| {
        Failure("no schema given; name its root file, or - for standard input".to_owned())
    })
}

//! `qapi explain`

use lexopt::{Arg, Parser, ValueExt as _};
use qapi_parser::Code;

use super::{Failure, Status, codes, help, terminal};

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut wanted = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::EXPLAIN),
            Arg::Value(value) => wanted.push(codes::parse(&value.string()?)?),
            other => return Err(other.unexpected().into()),
        }
    }
    if wanted.is_empty() {
        return terminal::print(&list());
    }
    let texts: Vec<String> = wanted
        .iter()
        .map(|code| format!("{code}\n\n{}", code.explain()))
        .collect();
    terminal::print(&texts.join("\n"))
}

fn list() -> String {
    let line = |&code: &Code| format!("{code}  {}\n", codes::title(code));
    Code::ALL.iter().map(line).collect()
}

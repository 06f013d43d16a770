//! `qapi dump`

use lexopt::{Arg, Parser};
use qapi_parser::Options;

use super::{Failure, Status, help, required, schema, set_file, terminal};
use crate::dump::{self, Places};

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut options = Options::new();
    let mut docs = false;
    let mut file = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("docs") => docs = true,
            Arg::Short('I') | Arg::Long("include") => {
                options = options.include_dir(parser.value()?);
            }
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::DUMP),
            Arg::Value(value) => set_file(&mut file, value)?,
            other => return Err(other.unexpected().into()),
        }
    }
    let Some(schema) = schema::load(required(file)?, &options)? else {
        return Ok(Status::Findings);
    };
    let places = Places::new(schema.sources());
    let value = if docs {
        dump::documentation(&schema, &places)
    } else {
        dump::schema(&schema, &places)
    };
    terminal::print(&dump::text(&value))
}

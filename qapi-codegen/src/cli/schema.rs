//! The way from a file operand to a checked schema, for commands that need one.

use std::ffi::OsString;

use qapi_parser::{Options, Outcome, Schema};

use super::input::Input;
use super::report::Style;
use super::{Failure, terminal};

/// Checks the schema of a root file.
pub(crate) fn outcome(input: &Input, options: &Options) -> Outcome {
    qapi_parser::check(input.path(), input, options)
}

/// The schema of a root file; none after its errors have been told on standard error.
pub(crate) fn load(file: OsString, options: &Options) -> Result<Option<Schema>, Failure> {
    let input = Input::open(file)?;
    Ok(schema_or_errors(outcome(&input, options)))
}

/// The schema; none after its errors have been told on standard error.
pub(crate) fn schema_or_errors(outcome: Outcome) -> Option<Schema> {
    if outcome.schema.is_none() {
        let (problems, sources) = (&outcome.diagnostics, &outcome.sources);
        let text = Style::Rich.render(problems, sources, &std::io::stderr());
        terminal::complain(&text);
    }
    outcome.schema
}

//! `qapi gen`

mod arguments;

use std::path::Path;

use lexopt::Parser;
use qapi_codegen::{Error, ErrorKind, Generator, Options, Output, json_schema};
use qapi_parser::{Schema, Severity};

use arguments::{Arguments, Target};

use super::input::Input;
use super::report::Style;
use super::{Failure, Status, help, required, schema, terminal};

/// The usual name of a root file, which says nothing of the schema.
const USUAL_ROOT: &str = "qapi-schema.json";

pub(crate) fn run(parser: Parser) -> Result<Status, Failure> {
    let Arguments {
        target,
        mut options,
        reading,
        folder,
        file,
        check,
        help,
        ..
    } = Arguments::parse(parser)?;
    if help {
        return terminal::print(help::GENERATE);
    }
    let folder = folder
        .ok_or_else(|| Failure("no output folder given; say where with -o DIR".to_owned()))?;
    let input = Input::open(required(file)?)?;
    options.name = options.name.or_else(|| name_of_folder(input.path()));
    let Some(schema) = read(&input, &reading) else {
        return Ok(Status::Findings);
    };
    generate(target, options, &schema, &folder, check).or_else(|error| match error.kind() {
        ErrorKind::Io => Err(Failure(format!(
            "{error:?}; check the folder given with -o"
        ))),
        ErrorKind::Config => Err(Failure(error.to_string())),
        _ => {
            terminal::complain(&format!("{error}\n"));
            Ok(Status::Findings)
        }
    })
}

/// The name of the bindings where that of the root file tells nothing.
fn name_of_folder(root: &Path) -> Option<String> {
    if root.file_name()? != USUAL_ROOT {
        return None;
    }
    let absolute = std::path::absolute(root).ok()?;
    let folder = absolute.parent()?.file_name()?;
    Some(folder.to_string_lossy().into_owned())
}

/// The schema, after its warnings have been told; none after its errors have been.
fn read(input: &Input, reading: &qapi_parser::Options) -> Option<Schema> {
    let outcome = schema::outcome(input, reading);
    if outcome.schema.is_some() {
        let mut warnings = outcome.diagnostics.clone();
        warnings.retain(|one| one.severity == Severity::Warning);
        let text = Style::Short.render(&warnings, &outcome.sources, &std::io::stderr());
        terminal::complain(&text);
    }
    schema::schema_or_errors(outcome)
}

fn generate(
    target: Target,
    options: Options,
    schema: &Schema,
    folder: &Path,
    check: bool,
) -> Result<Status, Error> {
    let mut output = Output::default();
    output.files = match target {
        Target::Rust => Generator::new(options).generate(schema)?,
        Target::JsonSchema => {
            let document = json_schema::json_schema(schema, &for_others(options));
            [("schema.json".to_owned(), json_schema::text(&document))].into()
        }
        Target::OpenRpc => {
            let document = json_schema::openrpc(schema, &for_others(options));
            [("openrpc.json".to_owned(), json_schema::text(&document))].into()
        }
    };
    if check {
        return compare(&output, folder);
    }
    output.write_to(folder)?;
    Ok(Status::Clean)
}

fn for_others(options: Options) -> json_schema::Options {
    json_schema::Options {
        conditions: options.conditions,
        title: options.name,
        without_docs: !options.doc_comments,
    }
}

fn compare(output: &Output, folder: &Path) -> Result<Status, Error> {
    let stale = output.stale_in(folder)?;
    for path in &stale {
        terminal::complain(&format!("out of date: {}\n", path.display()));
    }
    Ok(Status::of(!stale.is_empty()))
}

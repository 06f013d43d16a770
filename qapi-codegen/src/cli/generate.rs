//! `qapi gen`

use std::path::{Path, PathBuf};

use lexopt::{Arg, Parser, ValueExt as _};
use qapi_codegen::{Conditions, Error, ErrorKind, Generator, Layout, Options, Output, json_schema};
use qapi_parser::{Schema, Severity};

use super::input::Input;
use super::report::Style;
use super::{Failure, Status, help, required, schema, set_file, terminal};

/// The usual name of a root file, which says nothing of the schema.
const USUAL_ROOT: &str = "qapi-schema.json";

/// What is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Target {
    #[default]
    Rust,
    JsonSchema,
    OpenRpc,
}

impl Target {
    fn parse(word: &str) -> Result<Self, Failure> {
        match word {
            "rust" => Ok(Target::Rust),
            "json-schema" => Ok(Target::JsonSchema),
            "openrpc" => Ok(Target::OpenRpc),
            other => Err(Failure(format!(
                "unknown target '{other}'; there are rust, json-schema and openrpc"
            ))),
        }
    }
}

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut target = Target::default();
    let mut options = Options::default();
    options.layout = Layout::Folder;
    let mut reading = qapi_parser::Options::new();
    let mut symbols = Vec::new();
    let mut folder: Option<PathBuf> = None;
    let mut file = None;
    let mut check = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('o') | Arg::Long("output") => folder = Some(parser.value()?.into()),
            Arg::Short('D') | Arg::Long("define") => symbols.push(parser.value()?.string()?),
            Arg::Short('I') | Arg::Long("include") => {
                reading = reading.include_dir(parser.value()?);
            }
            Arg::Long("target") => target = Target::parse(&parser.value()?.string()?)?,
            Arg::Long("name") => options.name = Some(parser.value()?.string()?),
            Arg::Long("no-docs") => options.doc_comments = false,
            Arg::Long("check") => check = true,
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::GENERATE),
            Arg::Value(value) => set_file(&mut file, value)?,
            other => return Err(other.unexpected().into()),
        }
    }
    let folder = folder
        .ok_or_else(|| Failure("no output folder given; say where with -o DIR".to_owned()))?;
    if !symbols.is_empty() {
        options.conditions = Conditions::Evaluate(symbols.into_iter().collect());
    }
    let input = Input::open(required(file)?)?;
    options.name = options.name.or_else(|| name_of_folder(input.path()));
    let Some(schema) = read(&input, &reading) else {
        return Ok(Status::Findings);
    };
    match generate(target, options, &schema, &folder, check) {
        Ok(status) => Ok(status),
        Err(error) if error.kind() == ErrorKind::Io => Err(Failure(format!(
            "{error:?}; check the folder given with -o"
        ))),
        Err(error) => {
            terminal::complain(&format!("{error}\n"));
            Ok(Status::Findings)
        }
    }
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

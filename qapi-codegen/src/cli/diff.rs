//! `qapi diff`

use std::ffi::OsString;
use std::fmt::Write as _;

use heck::ToKebabCase as _;
use lexopt::{Arg, Parser, ValueExt as _};
use qapi_parser::compat::{self, Change, Impact, Side};
use qapi_parser::{Options, Schema, Span};
use serde_json::{Value, json};

use super::input::{self, Input};
use super::report::json_array;
use super::{Failure, Status, help, schema, terminal};

/// The worst first.
const IMPACTS: [Impact; 3] = [Impact::Breaking, Impact::Risky, Impact::Compatible];

/// The formats of `--format`.
#[derive(Debug, Clone, Copy, Default)]
enum Style {
    #[default]
    Rich,
    Json,
}

/// Two versions of a schema and what has changed.
struct Comparison {
    old: Schema,
    new: Schema,
    report: compat::Report,
}

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut style = Style::default();
    let mut options = Options::new();
    let mut files = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("format") => style = parse_style(&parser.value()?.string()?)?,
            Arg::Short('I') | Arg::Long("include") => {
                options = options.include_dir(parser.value()?);
            }
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::DIFF),
            Arg::Value(value) => files.push(value),
            other => return Err(other.unexpected().into()),
        }
    }
    let Some(comparison) = compare(files, &options)? else {
        return Ok(Status::Findings);
    };
    match style {
        Style::Json => terminal::print(&json_array(&comparison.objects()))?,
        Style::Rich => {
            terminal::print(&comparison.text())?;
            terminal::complain(&comparison.summary());
            Status::Clean
        }
    };
    let is_breaking = comparison.report.worst() == Some(Impact::Breaking);
    Ok(Status::of(is_breaking))
}

/// None after the errors of the schemas have been told.
fn compare(files: Vec<OsString>, options: &Options) -> Result<Option<Comparison>, Failure> {
    if files.len() != 2 {
        let message = "two schemas are compared; name the root files of the old and the new one";
        return Err(Failure(message.to_owned()));
    }
    let mut schemas = Vec::new();
    for file in input::read_all(files)? {
        let outcome = schema::outcome(&Input::from(file), options);
        schemas.extend(schema::schema_or_errors(outcome));
    }
    let Ok([old, new]) = <[Schema; 2]>::try_from(schemas) else {
        return Ok(None);
    };
    let report = compat::compare(&old, &new);
    Ok(Some(Comparison { old, new, report }))
}

fn parse_style(word: &str) -> Result<Style, Failure> {
    match word {
        "rich" => Ok(Style::Rich),
        "json" => Ok(Style::Json),
        other => Err(Failure(format!(
            "unknown format '{other}'; there are rich and json"
        ))),
    }
}

impl Comparison {
    /// For people: the changes by impact, the worst first.
    fn text(&self) -> String {
        let mut groups = Vec::new();
        for impact in IMPACTS {
            let changes: Vec<String> = self
                .report
                .with(impact)
                .map(|one| self.entry(one))
                .collect();
            if !changes.is_empty() {
                groups.push(format!("{impact}:\n{}", changes.concat()));
            }
        }
        groups.join("\n")
    }

    fn entry(&self, change: &Change) -> String {
        let mut text = format!("  {}: {}\n", change.path, change.message);
        let places = [
            ("old", place(&self.old, change.old)),
            ("new", place(&self.new, change.new)),
        ];
        for (version, place) in places {
            if let Some((file, line, column)) = place {
                // Writing to a string does not fail.
                let _ = writeln!(text, "    {version} --> {file}:{line}:{column}");
            }
        }
        text
    }

    fn summary(&self) -> String {
        let counts = IMPACTS.map(|impact| (self.report.with(impact).count(), impact));
        let counts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, impact)| format!("{count} {impact}"))
            .collect();
        if counts.is_empty() {
            return "no changes\n".to_owned();
        }
        format!("{}\n", counts.join(", "))
    }

    fn objects(&self) -> Vec<Value> {
        let changes = IMPACTS.iter().flat_map(|impact| self.report.with(*impact));
        changes.map(|one| self.object(one)).collect()
    }

    fn object(&self, change: &Change) -> Value {
        let side = match change.side {
            Side::Client => "client",
            Side::Server => "server",
        };
        let object = |(file, line, column)| json!({ "file": file, "line": line, "column": column });
        json!({
            "impact": change.impact.as_str(),
            "kind": format!("{:?}", change.kind).to_kebab_case(),
            "side": side,
            "path": change.path,
            "message": change.message,
            "old": place(&self.old, change.old).map(object),
            "new": place(&self.new, change.new).map(object),
        })
    }
}

/// File, line and column.
fn place(schema: &Schema, span: Option<Span>) -> Option<(String, u32, u32)> {
    let at = schema.locate(span?)?;
    let file = at.path.display().to_string();
    Some((file, at.line, at.column))
}

//! Diagnostics in the format that was asked for.

use std::io::IsTerminal;

use qapi_parser::{Diagnostic, Format, Renderer, Severity, SourceMap, Span};
use serde_json::{Value, json};

use super::Failure;

/// The formats of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Style {
    #[default]
    Rich,
    Short,
    Json,
    Qemu,
}

impl Style {
    pub(crate) fn parse(word: &str) -> Result<Self, Failure> {
        match word {
            "rich" => Ok(Style::Rich),
            "short" => Ok(Style::Short),
            "json" => Ok(Style::Json),
            "qemu" => Ok(Style::Qemu),
            other => Err(Failure(format!(
                "unknown format '{other}'; there are rich, short, json and qemu"
            ))),
        }
    }

    /// The diagnostics as text.
    pub(crate) fn render(
        self,
        diagnostics: &[Diagnostic],
        sources: &SourceMap,
        to: &impl IsTerminal,
    ) -> String {
        let format = match self {
            Style::Rich => Format::Rich,
            Style::Short => Format::Short,
            Style::Qemu => Format::Qemu,
            Style::Json => return json_array(&objects(diagnostics, sources)),
        };
        Renderer::new(sources, format)
            .color(wants_color(to))
            .render_all(diagnostics)
    }
}

/// A person at a terminal, who has not said otherwise.
fn wants_color(to: &impl IsTerminal) -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    to.is_terminal() && !unwanted
}

/// What was found in several schemas.
#[derive(Debug)]
pub(crate) struct Report {
    style: Style,
    text: String,
    objects: Vec<Value>,
    severities: Vec<Severity>,
}

impl Report {
    pub(crate) fn new(style: Style) -> Self {
        Report {
            style,
            text: String::new(),
            objects: Vec::new(),
            severities: Vec::new(),
        }
    }

    /// Adds what was found in one of them.
    pub(crate) fn add(&mut self, diagnostics: &[Diagnostic], sources: &SourceMap) {
        let severities = diagnostics.iter().map(|one| one.severity);
        self.severities.extend(severities);
        if self.style == Style::Json {
            self.objects.extend(objects(diagnostics, sources));
        } else {
            let text = self.style.render(diagnostics, sources, &std::io::stdout());
            self.text.push_str(&text);
        }
    }

    /// All of it, for standard output.
    pub(crate) fn text(&self) -> String {
        match self.style {
            Style::Json => json_array(&self.objects),
            _ => self.text.clone(),
        }
    }

    /// How much there is of each severity, where people read it; empty when there is nothing.
    pub(crate) fn summary(&self) -> String {
        let of = |severity: Severity| {
            let same = self.severities.iter().filter(|one| **one == severity);
            match same.count() {
                0 => None,
                1 => Some(format!("1 {}", severity.as_str())),
                count => Some(format!("{count} {}s", severity.as_str())),
            }
        };
        let counts = [Severity::Error, Severity::Warning, Severity::Note].map(of);
        let counts: Vec<String> = counts.into_iter().flatten().collect();
        if counts.is_empty() || self.style != Style::Rich {
            return String::new();
        }
        format!("{}\n", counts.join(", "))
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.severities.contains(&Severity::Error)
    }
}

/// A JSON array with one element on a line.
pub(crate) fn json_array(objects: &[Value]) -> String {
    if objects.is_empty() {
        return "[]\n".to_owned();
    }
    let lines: Vec<String> = objects.iter().map(Value::to_string).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn objects(diagnostics: &[Diagnostic], sources: &SourceMap) -> Vec<Value> {
    let all = diagnostics.iter();
    all.map(|one| object(one, sources)).collect()
}

/// Every object has all keys; what does not apply is null.
fn object(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    let place = place(diagnostic.span, sources);
    let labels = diagnostic.labels.iter().map(|label| {
        let mut object = self::place(Some(label.span), sources);
        object["text"] = json!(label.text);
        object
    });
    let context = diagnostic.context.as_ref();
    json!({
        "code": diagnostic.code.to_string(),
        "severity": diagnostic.severity.as_str(),
        "message": diagnostic.message,
        "file": place["file"],
        "line": place["line"],
        "column": place["column"],
        "end": place["end"],
        "labels": labels.collect::<Value>(),
        "notes": diagnostic.notes,
        "help": diagnostic.help,
        "context": context.map(|it| json!({ "kind": it.kind, "name": it.name })),
    })
}

/// File, line and column where a span starts, and line and column behind it; counted from one, columns
/// in characters.
fn place(span: Option<Span>, sources: &SourceMap) -> Value {
    let start = span.and_then(|span| sources.locate(span));
    let end = span.and_then(|span| {
        let behind = Span::new(span.file(), span.end(), span.end());
        sources.locate(behind)
    });
    json!({
        "file": start.map(|at| at.path.to_string_lossy()),
        "line": start.map(|at| at.line),
        "column": start.map(|at| at.column),
        "end": end.map(|at| json!({ "line": at.line, "column": at.column })),
    })
}

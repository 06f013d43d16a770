//! Diagnostics in the format that was asked for.

use std::io::IsTerminal;

use qapi_parser::{Diagnostic, Format, Renderer, SourceMap, Span};
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
            Style::Json => {
                return diagnostics
                    .iter()
                    .map(|one| format!("{}\n", object(one, sources)))
                    .collect();
            }
        };
        let color = to.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Renderer::new(sources, format)
            .color(color)
            .render_all(diagnostics)
    }
}

fn object(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    let labels = diagnostic.labels.iter().map(|label| {
        let mut object = place(label.span, sources);
        object["text"] = json!(label.text);
        object
    });
    let labels: Vec<Value> = labels.collect();
    let mut object = json!({
        "code": diagnostic.code.to_string(),
        "severity": diagnostic.severity.as_str(),
        "message": diagnostic.message,
    });
    if let (Some(span), Value::Object(object)) = (diagnostic.span, &mut object)
        && let Value::Object(place) = place(span, sources)
    {
        object.extend(place);
    }
    object["labels"] = Value::Array(labels);
    object["notes"] = json!(diagnostic.notes);
    object["help"] = json!(diagnostic.help);
    object
}

fn place(span: Span, sources: &SourceMap) -> Value {
    match sources.locate(span) {
        Some(at) => {
            json!({"file": at.path.to_string_lossy(), "line": at.line, "column": at.column})
        }
        None => json!({}),
    }
}

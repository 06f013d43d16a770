//! What checking yields.

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Format, Renderer};
use crate::schema::Schema;
use crate::source::SourceMap;

/// All that came of checking.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The schema, unless there is an error among the diagnostics.
    pub schema: Option<Schema>,
    /// What was found, in the order in which QEMU's passes would meet it.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that were read.
    pub sources: Arc<SourceMap>,
}

impl Outcome {
    /// The schema and what is worth knowing about it, or the errors.
    ///
    /// # Errors
    ///
    /// When there is no schema.
    pub fn into_result(self) -> Result<Checked, Failure> {
        let Outcome {
            schema,
            diagnostics,
            sources,
        } = self;
        match schema {
            Some(schema) => Ok(Checked {
                schema,
                diagnostics,
            }),
            None => Err(Failure {
                diagnostics,
                sources,
            }),
        }
    }

    /// The diagnostics as text, without colours.
    pub fn render(&self, format: Format) -> String {
        Renderer::new(&self.sources, format).render_all(&self.diagnostics)
    }
}

/// A checked schema, and the notes and warnings on the way to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The schema.
    pub schema: Schema,
    /// Notes and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// Why there is no schema. `Display` is the short form, `Debug` the rich one, in colours on a
/// terminal, as `main` and build scripts print it.
#[derive(Clone, PartialEq)]
pub struct Failure {
    /// What was found; at least one is an error.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that were read.
    pub sources: Arc<SourceMap>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Renderer::new(&self.sources, Format::Short).render_all(&self.diagnostics);
        f.write_str(text.trim_end())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let color = std::io::stderr().is_terminal();
        let renderer = Renderer::new(&self.sources, Format::Rich).color(color);
        write!(f, "\n{}", renderer.render_all(&self.diagnostics))
    }
}

impl std::error::Error for Failure {}

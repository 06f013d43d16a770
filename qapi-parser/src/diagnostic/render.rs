//! Diagnostics as text.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer as Snippets, Snippet};

use super::{Context, Diagnostic, Severity};
use crate::source::{SourceFile, SourceMap, Span};

/// The form of a rendered diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Several lines with the source text and marks under it.
    #[default]
    Rich,
    /// One line: `FILE:LINE:COL: error[CODE]: message`.
    Short,
    /// As QEMU's generator prints it: the includes, `FILE: In struct 'X':`, `FILE:LINE: message`.
    Qemu,
}

/// Turns diagnostics into text. The text ends in a newline.
#[derive(Debug, Clone, Copy)]
pub struct Renderer<'a> {
    sources: &'a SourceMap,
    format: Format,
    color: bool,
}

impl<'a> Renderer<'a> {
    /// A renderer for diagnostics of these sources, without colours.
    pub fn new(sources: &'a SourceMap, format: Format) -> Renderer<'a> {
        Renderer {
            sources,
            format,
            color: false,
        }
    }

    /// Whether [`Format::Rich`] is to have colours (ANSI escapes).
    #[must_use]
    pub fn color(self, yes: bool) -> Renderer<'a> {
        Renderer { color: yes, ..self }
    }

    /// One diagnostic.
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        match self.format {
            Format::Rich => self.rich(diagnostic),
            Format::Short => self.short(diagnostic),
            Format::Qemu => self.qemu(diagnostic),
        }
    }

    /// All of them, one after the other. QEMU stops at the first error and has no warnings, and so has
    /// its format.
    pub fn render_all(&self, diagnostics: &[Diagnostic]) -> String {
        if self.format == Format::Qemu {
            let first = diagnostics.iter().find(|one| one.is_error());
            return first.map_or_else(String::new, |one| self.render(one));
        }
        let gap = if self.format == Format::Rich {
            "\n"
        } else {
            ""
        };
        diagnostics
            .iter()
            .map(|one| self.render(one))
            .collect::<Vec<_>>()
            .join(gap)
    }

    fn path(&self, span: Span) -> String {
        let file = self.sources.file(span.file());
        file.map_or_else(|| "?".to_owned(), |file| file.path().display().to_string())
    }

    fn line(&self, span: Span) -> u32 {
        self.sources.locate(span).map_or(0, |at| at.line)
    }

    fn short(&self, diagnostic: &Diagnostic) -> String {
        let Diagnostic {
            code,
            severity,
            message,
            ..
        } = diagnostic;
        let severity = severity.as_str();
        match diagnostic.span.and_then(|span| self.sources.locate(span)) {
            None => format!("{severity}[{code}]: {message}\n"),
            Some(at) => format!(
                "{}:{}:{}: {severity}[{code}]: {message}\n",
                at.path.display(),
                at.line,
                at.column
            ),
        }
    }

    fn qemu(&self, diagnostic: &Diagnostic) -> String {
        let mut out = String::new();
        let Some(anchor) = diagnostic.anchor else {
            return format!("{}\n", diagnostic.message);
        };
        for from in self.sources.include_chain(anchor.span).iter().rev() {
            let _ = writeln!(
                out,
                "In file included from {}:{}:",
                self.path(*from),
                self.line(*from)
            );
        }
        let path = self.path(anchor.span);
        self.qemu_context(&mut out, &path, diagnostic.context.as_ref());
        let _ = write!(out, "{path}:{}: ", self.line(anchor.span));
        if anchor.column {
            out.truncate(out.len() - 1);
            let _ = write!(out, "{}: ", self.qemu_column(anchor.span));
        }
        let _ = writeln!(out, "{}", diagnostic.message);
        for note in &diagnostic.notes {
            let _ = writeln!(out, "{note}");
        }
        for label in diagnostic
            .labels
            .iter()
            .filter(|label| label.context.is_some())
        {
            let path = self.path(label.span);
            self.qemu_context(&mut out, &path, label.context.as_ref());
            let _ = writeln!(out, "{path}:{}: {}", self.line(label.span), label.text);
        }
        out
    }

    fn qemu_context(&self, out: &mut String, path: &str, context: Option<&Context>) {
        if let Some(Context { kind, name }) = context {
            let _ = writeln!(out, "{path}: In {kind} '{name}':");
        }
    }

    /// The column as QEMU prints it: a tab adds nothing, and takes off the full eights before it.
    fn qemu_column(&self, span: Span) -> usize {
        let Some(file) = self.sources.file(span.file()) else {
            return 1;
        };
        let step = |column: usize, c: char| match c {
            '\t' => (column + 7) % 8 + 1,
            _ => column + 1,
        };
        file.line_before(span.start()).chars().fold(1, step)
    }

    fn rich(&self, diagnostic: &Diagnostic) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let code = diagnostic.code.to_string();
        let title = level.primary_title(&diagnostic.message).id(&code);
        let snippets = diagnostic
            .span
            .map_or_else(Vec::new, |span| self.snippets(span, diagnostic));
        let mut group = if snippets.is_empty() {
            title.elements(Vec::<Snippet<'_, annotate_snippets::Annotation<'_>>>::new())
        } else {
            title.elements(snippets)
        };
        for note in self.rich_notes(diagnostic) {
            group = group.element(Level::NOTE.message(note));
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help));
        }
        self.print(&[group])
    }

    fn print(&self, report: &[Group<'_>]) -> String {
        let renderer = if self.color {
            Snippets::styled()
        } else {
            Snippets::plain()
        };
        let mut text = renderer.decor_style(DecorStyle::Ascii).render(report);
        text.push('\n');
        text
    }

    fn rich_notes(&self, diagnostic: &Diagnostic) -> Vec<String> {
        let mut notes = diagnostic.notes.clone();
        if let Some(Context { kind, name }) = &diagnostic.context {
            notes.push(format!("in {kind} '{name}'"));
        }
        let chain = diagnostic
            .span
            .map_or_else(Vec::new, |span| self.sources.include_chain(span));
        for from in chain {
            notes.push(format!(
                "included from {}:{}",
                self.path(from),
                self.line(from)
            ));
        }
        notes
    }

    /// One snippet for each file that the diagnostic points into, the primary one first.
    fn snippets<'s>(
        &'s self,
        primary: Span,
        diagnostic: &'s Diagnostic,
    ) -> Vec<Snippet<'s, annotate_snippets::Annotation<'s>>> {
        let mut files = vec![primary.file()];
        for label in &diagnostic.labels {
            if !files.contains(&label.span.file()) {
                files.push(label.span.file());
            }
        }
        let mut out = Vec::new();
        for id in files {
            let Some(file) = self.sources.file(id) else {
                continue;
            };
            let labels = || {
                diagnostic
                    .labels
                    .iter()
                    .filter(|label| label.span.file() == id)
            };
            let own = (id == primary.file()).then_some(primary);
            let spans = own.into_iter().chain(labels().map(|label| label.span));
            let window = Window::around(file, spans);
            let mut snippet = Snippet::source(window.text)
                .line_start(window.line as usize)
                .path(file.path().display().to_string());
            if let Some(primary) = own {
                snippet = snippet.annotation(AnnotationKind::Primary.span(window.range(primary)));
            }
            for label in labels() {
                let mark = AnnotationKind::Context.span(window.range(label.span));
                snippet = snippet.annotation(mark.label(&label.text));
            }
            out.push(snippet);
        }
        out
    }
}

/// The whole lines that hold some spans of one file: the printer walks over all that it is given.
struct Window<'s> {
    text: &'s str,
    /// Offset of its first byte.
    start: usize,
    /// Number of its first line.
    line: u32,
}

impl Window<'_> {
    fn around(file: &SourceFile, spans: impl Iterator<Item = Span>) -> Window<'_> {
        let text = file.text();
        let (first, last) = spans.fold((text.len(), 0), |(first, last), span| {
            (
                first.min(span.start() as usize),
                last.max(span.end() as usize),
            )
        });
        let (first, last) = (first.min(last), last.min(text.len()));
        let before = text.get(..first).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let behind = text.get(last..).unwrap_or_default();
        let end = behind.find('\n').map_or(text.len(), |at| last + at + 1);
        let line = file.line(u32::try_from(start).unwrap_or(u32::MAX));
        Window {
            text: text.get(start..end).unwrap_or_default(),
            start,
            line,
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let place = |at: usize| at.saturating_sub(self.start).min(self.text.len());
        place(span.range().start)..place(span.range().end)
    }
}

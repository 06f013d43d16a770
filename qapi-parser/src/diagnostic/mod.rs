//! Problems: what is wrong, where, and how to put it right.
//!
//! A [`Diagnostic`] is plain data. [`Renderer`] turns it into text; whoever wants JSON takes the
//! fields. Where QEMU's generator makes the same check, the message has its wording.

mod code;
mod explain;
mod render;

pub use code::Code;
pub use render::{Format, Renderer};

use crate::source::Span;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something was read in a way that the reader may want to know of, such as a lifted old form.
    Note,
    /// Accepted, yet likely a mistake.
    Warning,
    /// No schema comes of it.
    Error,
}

impl Severity {
    /// The word for it, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// The definition that a problem lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Its keyword, such as `struct`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

/// A further place that belongs to a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What it has to do with the problem.
    pub text: String,
    /// The definition at that place, when it is another one.
    pub context: Option<Context>,
}

/// The place that QEMU's generator names for the same problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The line is that of the start of this span.
    pub span: Span,
    /// Whether QEMU gives a column: it does for what its parser finds.
    pub column: bool,
}

/// Signs of age in a schema.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Age {
    /// It has forms from before QEMU 6.2.
    pub(crate) dialect: bool,
    /// Its comments have sections from before QEMU 9.1.
    pub(crate) docs: bool,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which check found it.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where; none when a file could not be read at all.
    pub span: Option<Span>,
    /// Where QEMU would point; often the start of the definition.
    pub anchor: Option<Anchor>,
    /// Further places.
    pub labels: Vec<Label>,
    /// Further facts, such as the list of valid keys; QEMU prints these too.
    pub notes: Vec<String>,
    /// How to put it right.
    pub help: Option<String>,
    /// The definition that it lies in.
    pub context: Option<Context>,
    soft: Soft,
    /// What it says when it was an old form that has been read as today's.
    lift: Option<&'static str>,
}

/// Which schemas get away with a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Soft {
    /// None.
    No,
    /// Those in a dialect from before QEMU 6.2.
    Legacy,
    /// These, and those whose comments are in the style from before QEMU 9.1.
    Docs,
}

/// What makes one is marked as cold: code that may report something is the smaller and faster for it where
/// nothing is wrong.
impl Diagnostic {
    /// An error at `span`.
    #[cold]
    pub(crate) fn error(code: Code, message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: printable(message.into()),
            span: Some(span),
            anchor: Some(Anchor {
                span,
                column: false,
            }),
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            context: None,
            soft: Soft::No,
            lift: None,
        }
    }

    /// An error that QEMU's parser reports with a column, that of `span`.
    #[cold]
    pub(crate) fn syntax(code: Code, message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic {
            anchor: Some(Anchor { span, column: true }),
            ..Diagnostic::error(code, message, span)
        }
    }

    pub(crate) fn severity(mut self, severity: Severity) -> Diagnostic {
        self.severity = severity;
        self
    }

    /// An error only where the schema is not written in an old dialect.
    #[cold]
    pub(crate) fn soft(mut self) -> Diagnostic {
        self.soft = Soft::Legacy;
        self
    }

    /// An error only where the comments are not written in an old style.
    #[cold]
    pub(crate) fn soft_docs(mut self) -> Diagnostic {
        self.soft = Soft::Docs;
        self
    }

    /// An error only where the schema is not written in an old dialect; there it is a form that
    /// has been read in the way that the note says.
    #[cold]
    pub(crate) fn lifted_as(self, note: &'static str) -> Diagnostic {
        Diagnostic {
            lift: Some(note),
            ..self.soft()
        }
    }

    /// Decides a soft error; false when it is not worth a word.
    pub(crate) fn settle(&mut self, age: Age) -> bool {
        let old = match std::mem::replace(&mut self.soft, Soft::No) {
            Soft::No => false,
            Soft::Legacy => age.dialect,
            Soft::Docs => age.dialect || age.docs,
        };
        if old && self.is_error() {
            self.severity = Severity::Warning;
            if let Some(note) = self.lift {
                self.become_note(note);
            }
        }
        !old || self.code != Code::DocUndocumented
    }

    fn become_note(&mut self, note: &str) {
        self.code = Code::Lifted;
        self.severity = Severity::Note;
        note.clone_into(&mut self.message);
        self.help = None;
    }

    #[cold]
    pub(crate) fn anchor(mut self, span: Span, column: bool) -> Diagnostic {
        self.anchor = Some(Anchor { span, column });
        self
    }

    pub(crate) fn within(mut self, context: Option<Context>) -> Diagnostic {
        self.context = context;
        self
    }

    /// Without a place: there is no text to point at.
    #[cold]
    pub(crate) fn nowhere(mut self) -> Diagnostic {
        self.span = None;
        self.anchor = None;
        self
    }

    #[cold]
    pub(crate) fn label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label {
            span,
            text: text.into(),
            context: None,
        });
        self
    }

    #[cold]
    pub(crate) fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    #[cold]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// A note on an old form that was read as today's.
    #[cold]
    pub(crate) fn lifted(message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic::error(Code::Lifted, message, span).severity(Severity::Note)
    }

    /// Whether it is a note on a form from before QEMU 6.2.
    pub(crate) fn is_sign_of_age(&self) -> bool {
        self.code == Code::Lifted && self.soft == Soft::No
    }

    /// Whether it is a note on a form of comment from before QEMU 9.1.
    pub(crate) fn is_sign_of_old_docs(&self) -> bool {
        self.code == Code::Lifted && self.soft == Soft::Docs
    }

    /// Whether it is an error in a schema of any age.
    pub(crate) fn is_certain(&self) -> bool {
        self.is_error() && self.soft == Soft::No
    }

    /// Whether this keeps a schema from being made.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Control characters of the input are shown, not sent to a terminal.
fn printable(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let show = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(show).collect()
}

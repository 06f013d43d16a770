//! Pragmas: one set for the whole schema, whichever file sets them.

use foldhash::HashSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node, Value};
use crate::source::Span;
use crate::suggest::nearest;

/// The pragmas of a schema. A repeated one replaces what was set before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pragmas {
    /// Whether every definition needs a documentation comment.
    pub(crate) doc_required: bool,
    /// Commands whose names may hold underscores.
    pub(crate) command_names: HashSet<String>,
    /// Commands that may return anything.
    pub(crate) command_returns: HashSet<String>,
    /// Definitions whose members need no description; none when the schema is older than the check.
    pub(crate) undocumented: Option<HashSet<String>>,
    /// Definitions whose members may have any case.
    pub(crate) member_names: HashSet<String>,
    /// How many directives have been applied.
    directives: usize,
}

impl Pragmas {
    /// Differs from what it was before when something has been set since.
    pub(crate) fn revision(&self) -> usize {
        self.directives
    }

    /// Applies the value of one directive; returns what is wrong with it.
    pub(crate) fn apply(&mut self, value: &Node<'_>, modern: bool) -> Vec<Diagnostic> {
        self.directives += 1;
        let Some(entries) = value.as_object() else {
            let message = "value of 'pragma' must be an object";
            return vec![Diagnostic::error(Code::BadPragma, message, value.span)];
        };
        entries
            .iter()
            .filter_map(|entry| self.set(entry, modern).err())
            .map(|it| *it)
            .collect()
    }

    fn set(&mut self, entry: &Entry<'_>, modern: bool) -> Result<(), Box<Diagnostic>> {
        match entry.key {
            "doc-required" => self.doc_required = boolean(entry)?,
            "command-name-exceptions" => self.command_names = strings(entry)?,
            "command-returns-exceptions" => self.command_returns = strings(entry)?,
            "documentation-exceptions" => self.undocumented = Some(strings(entry)?),
            "member-name-exceptions" => self.member_names = strings(entry)?,
            "returns-whitelist" if !modern => {
                self.command_returns = strings(entry)?;
                return Err(Self::lifted(entry.key_span, "command-returns-exceptions"));
            }
            "name-case-whitelist" if !modern => {
                self.member_names = strings(entry)?;
                return Err(Self::lifted(entry.key_span, "member-name-exceptions"));
            }
            unknown => {
                let message = format!("unknown pragma '{unknown}'");
                let problem = Diagnostic::error(Code::UnknownPragma, message, entry.key_span);
                let help = match nearest(unknown, KNOWN) {
                    Some(meant) => format!("did you mean '{meant}'?"),
                    None => {
                        let known = KNOWN.map(|name| format!("'{name}'")).join(", ");
                        format!("known pragmas are {known}")
                    }
                };
                return Err(Box::new(problem.help(help)));
            }
        }
        Ok(())
    }

    /// The note on an old name.
    fn lifted(span: Span, today: &str) -> Box<Diagnostic> {
        let message = format!("read as '{today}', its name since QEMU 6.0");
        Box::new(Diagnostic::lifted(message, span))
    }
}

const KNOWN: [&str; 5] = [
    "doc-required",
    "command-name-exceptions",
    "command-returns-exceptions",
    "documentation-exceptions",
    "member-name-exceptions",
];

fn boolean(entry: &Entry<'_>) -> Result<bool, Box<Diagnostic>> {
    match entry.value.value {
        Value::Bool(flag) => Ok(flag),
        _ => {
            let message = format!("pragma '{}' must be boolean", entry.key);
            Err(Box::new(Diagnostic::error(
                Code::BadPragma,
                message,
                entry.value.span,
            )))
        }
    }
}

fn strings(entry: &Entry<'_>) -> Result<HashSet<String>, Box<Diagnostic>> {
    let nodes = entry.value.as_list();
    let names = nodes.and_then(|nodes| {
        nodes
            .iter()
            .map(|node| node.as_str().map(str::to_owned))
            .collect()
    });
    names.ok_or_else(|| {
        let message = format!("pragma {} must be a list of strings", entry.key);
        Box::new(Diagnostic::error(
            Code::BadPragma,
            message,
            entry.value.span,
        ))
    })
}

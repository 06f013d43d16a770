//! Lints: what is legal, and likely a mistake all the same.
//!
//! Each has a code of its own and a level, [`Level::Allow`] by default but for
//! [`Code::UselessInclude`] and [`Code::UnreachedFile`]: these find nothing in QEMU's own schemas,
//! while the others do (types that only C code uses, members that a pragma excepts, definitions of unknown age).

mod includes;
mod members;
mod unreached;
mod unused;

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::loader::Loader;
use crate::schema::{Entity, EntityKind, Schema};
use crate::source::Span;

/// What is to become of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// Nothing.
    Allow,
    /// A warning.
    Warn,
    /// An error.
    Deny,
}

/// The codes of the lints.
pub const LINTS: [Code; 5] = [
    Code::UnusedType,
    Code::MissingSince,
    Code::UselessInclude,
    Code::UndocumentedMember,
    Code::UnreachedFile,
];

/// The levels that were chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Levels {
    chosen: Vec<(Code, Level)>,
}

impl Levels {
    /// Chooses the level of a code; the last choice counts.
    pub fn set(&mut self, code: Code, level: Level) {
        self.chosen.retain(|(other, _)| *other != code);
        self.chosen.push((code, level));
    }

    /// The level that was chosen for a code, if one was.
    pub fn chosen(&self, code: Code) -> Option<Level> {
        let found = self.chosen.iter().find(|(other, _)| *other == code);
        found.map(|(_, level)| *level)
    }

    /// The level of a lint: the chosen one or its own.
    pub fn of_lint(&self, code: Code) -> Level {
        self.chosen(code).unwrap_or(match code {
            Code::UselessInclude | Code::UnreachedFile => Level::Warn,
            _ => Level::Allow,
        })
    }

    /// Applies the choices to warnings and notes; errors stay what they are.
    pub(crate) fn apply(&self, diagnostics: &mut Vec<Diagnostic>) {
        if self.chosen.is_empty() {
            return;
        }
        diagnostics.retain_mut(|one| match self.chosen(one.code) {
            _ if one.is_error() => true,
            None => true,
            Some(Level::Allow) => false,
            Some(Level::Warn) => {
                one.severity = Severity::Warning;
                true
            }
            Some(Level::Deny) => {
                one.severity = Severity::Error;
                true
            }
        });
    }
}

/// Runs the lints that are not allowed; all findings are warnings.
pub(crate) fn run(schema: &Schema, levels: &Levels, loader: &dyn Loader) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for code in LINTS {
        if levels.of_lint(code) != Level::Allow {
            found.extend(match code {
                Code::UnusedType => unused::run(schema),
                Code::MissingSince => members::since(schema),
                Code::UselessInclude => includes::run(schema),
                Code::UnreachedFile => unreached::run(schema, loader),
                _ => members::undocumented(schema),
            });
        }
    }
    found
}

fn warning(code: Code, message: String, span: Span) -> Diagnostic {
    Diagnostic::error(code, message, span).severity(Severity::Warning)
}

/// The keyword that defines an entity.
fn keyword(entity: &Entity) -> &'static str {
    match entity.kind {
        EntityKind::Builtin(_) => "built-in type",
        EntityKind::Enum(_) => "enum",
        EntityKind::Array { .. } => "array",
        EntityKind::Struct(_) => "struct",
        EntityKind::Union(_) => "union",
        EntityKind::Alternate(_) => "alternate",
        EntityKind::Command(_) => "command",
        EntityKind::Event(_) => "event",
    }
}

/// Where an entity is named, for one that a definition names.
fn place(entity: &Entity) -> Option<Span> {
    entity.span.filter(|_| !entity.implicit)
}

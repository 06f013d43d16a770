//! What is wrong with a block, in QEMU's order.

use crate::diagnostic::Diagnostic;

/// What is wrong with a block.
#[derive(Debug)]
pub(super) struct Problems {
    /// Whether the schema is to be in today's dialect.
    pub(super) modern: bool,
    found: Vec<Diagnostic>,
    /// Found in the end by QEMU, wherever they are.
    late: Vec<Diagnostic>,
}

impl Problems {
    pub(super) fn new(modern: bool) -> Problems {
        Problems {
            modern,
            found: Vec::new(),
            late: Vec::new(),
        }
    }

    /// Against a rule that QEMU checks at the end of a block, and that schemas with old comments did
    /// not know.
    pub(super) fn late(&mut self, problem: Diagnostic) {
        self.late.push(problem.soft_docs());
    }

    /// Against a rule for schemas of any age, or a note.
    pub(super) fn push(&mut self, problem: Diagnostic) {
        self.found.push(problem);
    }

    /// Against a rule that old schemas did not know.
    pub(super) fn legacy(&mut self, problem: Diagnostic) {
        self.found.push(problem.soft());
    }

    /// Against a rule that old schemas did not know; there the form is read as `note` says.
    pub(super) fn lift(&mut self, problem: Diagnostic, note: &'static str) {
        self.found.push(problem.lifted_as(note));
    }

    /// All of them, in the order in which QEMU meets them.
    pub(super) fn into_vec(mut self) -> Vec<Diagnostic> {
        let place = |problem: &Diagnostic| problem.anchor.map_or(0, |anchor| anchor.span.start());
        self.found.sort_by_key(place);
        self.late.sort_by_key(place);
        self.found.extend(self.late);
        self.found
    }
}

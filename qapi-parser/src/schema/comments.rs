//! Comments, read when the definitions around them are looked at.

use crate::diagnostic::{Code, Diagnostic};
use crate::dialect::Dialect;
use crate::doc::{self, Doc, Scratch};
use crate::include::{Batch, Piece};
use crate::source::Span;

/// Reads the comments of one batch after the other.
#[derive(Debug)]
pub(super) struct Comments<'t> {
    modern: bool,
    scratch: Scratch<'t>,
    /// What is wrong with them, each with the number of problems found by then where comments are skipped.
    problems: Vec<(usize, Diagnostic)>,
}

impl<'t> Comments<'t> {
    pub(super) fn new(dialect: Dialect) -> Comments<'t> {
        Comments {
            modern: dialect == Dialect::Modern,
            scratch: Scratch::default(),
            problems: Vec::new(),
        }
    }

    /// The comments of the pieces, where they have one.
    pub(super) fn read(&mut self, batch: &Batch<'t>) -> Vec<Option<Box<Doc>>> {
        let pieces = batch.pieces.iter();
        let docs = pieces.map(|piece| self.of_piece(piece, batch));
        let mut docs: Vec<Option<Box<Doc>>> = docs.collect();
        let prose = self.scratch.take_prose();
        for doc in docs.iter_mut().flatten() {
            doc.complete(&prose);
        }
        docs
    }

    fn of_piece(&mut self, piece: &Piece<'t>, batch: &Batch<'t>) -> Option<Box<Doc>> {
        let comment = match piece {
            Piece::Definition { comment, .. } => comment.as_ref()?,
            Piece::FreeForm(comment) | Piece::Lost(comment) => comment,
            Piece::Include { .. } => return None,
        };
        let lines = batch.lines.get(comment.lines.clone())?;
        let span = doc::whole(lines)?;
        self.scratch.expect(batch.size);
        let (doc, problems) = doc::parse(
            lines,
            comment.next,
            batch.file,
            self.modern,
            &mut self.scratch,
        );
        let before = problems
            .into_iter()
            .map(|problem| (comment.before, problem));
        self.problems.extend(before);
        let misplaced = match (piece, &doc.symbol) {
            (Piece::Definition { .. }, None) => Some(nameless(span)),
            (Piece::FreeForm(_), Some(symbol)) => Some(misplaced(symbol, span)),
            _ => None,
        };
        let behind = misplaced.map(|problem| (comment.behind, problem));
        self.problems.extend(behind);
        Some(Box::new(doc))
    }

    /// Puts the problems between those that were found where comments are skipped: as if none had been.
    pub(super) fn merge(self, others: Vec<Diagnostic>) -> Vec<Diagnostic> {
        if self.problems.is_empty() {
            return others;
        }
        let mut all = Vec::with_capacity(others.len() + self.problems.len());
        let mut others = others.into_iter();
        let mut taken = 0;
        for (before, problem) in self.problems {
            all.extend(others.by_ref().take(before.saturating_sub(taken)));
            taken = taken.max(before);
            all.push(problem);
        }
        all.extend(others);
        all
    }
}

fn nameless(span: Span) -> Diagnostic {
    let message = "definition documentation required";
    let problem = Diagnostic::error(Code::DocSymbol, message, span).anchor(span, false);
    let help = "start the comment with a line '# @NAME:'";
    let note = "comment without a line '@NAME:' read as that of the definition behind it";
    problem.help(help).lifted_as(note)
}

/// A comment that no definition follows must be free-form.
fn misplaced(symbol: &str, span: Span) -> Diagnostic {
    let message = format!("documentation for '{symbol}' is not followed by the definition");
    Diagnostic::error(Code::DocMisplaced, message, span).soft()
}

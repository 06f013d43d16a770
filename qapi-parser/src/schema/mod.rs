//! The checked schema and the way to it.
//!
//! One file for each noun of the language: its shape (`lower`), and its rules among the other
//! definitions (`resolve`). QEMU's names for the passes are `expr` and `schema`.

mod alternates;
pub(crate) mod ast;
mod commands;
mod conds;
mod define;
mod docs;
mod draft;
mod enums;
mod events;
mod features;
mod lower;
mod model;
mod names;
pub(crate) mod pragmas;
mod predefined;
mod resolve;
mod structs;
mod unions;

pub use features::MAX_FEATURES;
pub(crate) use lower::KEYWORDS;
pub use model::*;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::diagnostic::{Age, Diagnostic};
use crate::dialect::Lifter;
use crate::doc::{Doc, SectionKind};
use crate::expr::{Arena, Node};
use crate::include::{Parsed, Piece};
use crate::loader::{normalize, relative};
use crate::source::{SourceMap, Span};

use draft::Drafts;
use lower::{Lowered, lower};
use pragmas::Pragmas;

/// How deeply object types may contain each other, bases and branches; QEMU's own need five.
pub const MAX_TYPE_NESTING: usize = 128;

/// How much flattening may copy: members that types inherit and branches that values imply, with
/// their conditions and features. QEMU's own schemas need less than a hundredth.
pub const MAX_EXPANSION: usize = 1 << 20;

/// Everything up to the entities.
#[derive(Debug)]
struct Definitions<'p, 't> {
    sources: &'p SourceMap,
    pragmas: &'p Pragmas,
    lifter: Option<Lifter<'t>>,
    drafts: Drafts<'t>,
    includes: Vec<Include>,
    free_docs: Vec<FreeDoc>,
    age: Age,
    problems: Vec<Diagnostic>,
}

/// Makes the schema, unless there is an error.
pub(crate) fn build<'t>(
    parsed: Parsed<'t>,
    arena: &'t Arena,
    modern: bool,
) -> (Option<Schema>, Vec<Diagnostic>, Arc<SourceMap>) {
    let Parsed {
        sources,
        pieces,
        pragmas,
        mut problems,
    } = parsed;
    let age = Age {
        dialect: problems.iter().any(Diagnostic::is_sign_of_age),
        docs: problems.iter().any(Diagnostic::is_sign_of_old_docs),
    };
    let mut definitions = Definitions {
        sources: &sources,
        pragmas: &pragmas,
        lifter: (!modern).then(|| Lifter::new(arena, pieces.iter().filter_map(Piece::node))),
        drafts: Drafts::new(arena),
        includes: Vec::new(),
        free_docs: Vec::new(),
        age,
        problems: Vec::new(),
    };
    // Arguments and arrays add to what is written.
    definitions.drafts.reserve(2 * pieces.len());
    for piece in pieces {
        definitions.piece(piece);
    }
    let Definitions {
        lifter,
        drafts,
        includes,
        free_docs,
        mut age,
        problems: lowering,
        ..
    } = definitions;
    let lifted = lifter.map_or_else(Vec::new, Lifter::into_notes);
    age.dialect |= !lifted.is_empty();
    problems.extend(lifted);
    problems.retain_mut(|problem| problem.settle(age));
    let malformed = problems.iter().any(Diagnostic::is_error) || sources.files().is_empty();
    problems.extend(lowering);
    // After a syntax error definitions are missing; that others miss them is no news.
    let mut entities = None;
    if !malformed {
        let (resolved, found) = resolve::resolve(drafts, &sources, &pragmas);
        entities = resolved;
        problems.extend(found);
    }
    problems.retain_mut(|problem| problem.settle(age));
    let failed = problems.iter().any(Diagnostic::is_error);
    let sources = Arc::new(sources);
    let modules = modules(&sources);
    let schema = entities.filter(|_| !failed).map(|entities| Schema {
        modules,
        entities,
        index: OnceLock::new(),
        includes,
        free_docs,
        sources: Arc::clone(&sources),
    });
    (schema, problems, sources)
}

/// `./builtin` and one module for each file.
fn modules(sources: &SourceMap) -> Vec<Module> {
    let root = sources
        .files()
        .first()
        .and_then(|file| file.path().parent());
    let root = root.unwrap_or(Path::new(""));
    let builtin = std::iter::once("./builtin".to_owned());
    let root = &normalize(root);
    let files = sources
        .files()
        .iter()
        .map(|file| relative(file.path(), root));
    builtin.chain(files).map(|name| Module { name }).collect()
}

fn module_of(span: Span) -> ModuleId {
    ModuleId(span.file.saturating_add(1))
}

impl<'t> Definitions<'_, 't> {
    fn piece(&mut self, piece: Piece<'t>) {
        let before = self.drafts.list.len();
        match piece {
            Piece::Include { span, file } => {
                let target = ModuleId(file.saturating_add(1));
                self.includes.push(Include {
                    span,
                    module: module_of(span),
                    target,
                    before,
                });
            }
            Piece::FreeForm(doc) => {
                self.note_age(&doc);
                self.free_docs.push(FreeDoc { doc: *doc, before });
            }
            Piece::Definition { mut node, doc } => {
                if let Some(doc) = &doc {
                    self.note_age(doc);
                }
                if let Some(lifter) = &mut self.lifter {
                    node = lifter.lift(node);
                    for implied in lifter.take_implied() {
                        self.definition(&implied, None, false);
                    }
                }
                self.definition(&node, doc, true);
            }
        }
    }

    /// `written` tells a definition from one that lifting an old form has brought about.
    fn definition(&mut self, node: &Node<'t>, doc: Option<Box<Doc>>, written: bool) {
        let Lowered {
            definition,
            name,
            problems,
        } = lower(node, doc, self.sources, self.pragmas, written);
        let sound = !problems.iter().any(Diagnostic::is_certain);
        self.problems.extend(problems);
        match definition.filter(|_| sound) {
            Some(definition) => self.drafts.define(definition, module_of(node.span)),
            None => self.drafts.poisoned.extend(name),
        }
    }

    fn note_age(&mut self, doc: &Doc) {
        let old = |kind| matches!(kind, SectionKind::Note | SectionKind::Example);
        self.age.docs |= doc.sections.iter().any(|section| old(section.kind));
    }
}

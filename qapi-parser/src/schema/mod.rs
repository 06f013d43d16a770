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
use std::sync::Arc;

use crate::diagnostic::{Age, Diagnostic};
use crate::dialect::{Lift, Lifter};
use crate::doc::{Doc, SectionKind};
use crate::include::{Parsed, Piece};
use crate::loader::relative;
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
#[derive(Debug, Default)]
struct Definitions<'t> {
    drafts: Drafts<'t>,
    includes: Vec<Include>,
    free_docs: Vec<FreeDoc>,
    age: Age,
    lifted: Vec<Diagnostic>,
    problems: Vec<Diagnostic>,
}

/// Makes the schema, unless there is an error.
pub(crate) fn build(
    parsed: Parsed<'_>,
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
        drafts: Drafts::new(),
        age,
        ..Definitions::default()
    };
    let mut lifter = (!modern).then(|| Lifter::new(pieces.iter().filter_map(Piece::node)));
    // Arguments and arrays add to what is written.
    definitions.drafts.list.reserve(2 * pieces.len());
    for piece in pieces {
        definitions.piece(piece, &pragmas, lifter.as_mut());
    }
    let Definitions {
        drafts,
        includes,
        free_docs,
        age,
        lifted,
        problems: lowering,
    } = definitions;
    problems.extend(lifted);
    problems.retain_mut(|problem| problem.settle(age));
    let malformed = problems.iter().any(Diagnostic::is_error) || sources.files().is_empty();
    problems.extend(lowering);
    // After a syntax error definitions are missing; that others miss them is no news.
    let mut entities = None;
    if !malformed {
        let (resolved, found) = resolve::resolve(drafts, &pragmas);
        entities = resolved;
        problems.extend(found);
    }
    problems.retain_mut(|problem| problem.settle(age));
    let failed = problems.iter().any(Diagnostic::is_error);
    let sources = Arc::new(sources);
    let modules = modules(&sources);
    let schema = entities
        .filter(|_| !failed)
        .map(|(entities, index)| Schema {
            modules,
            entities,
            index,
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
    let files = sources
        .files()
        .iter()
        .map(|file| relative(file.path(), root));
    builtin.chain(files).map(|name| Module { name }).collect()
}

fn module_of(span: Span) -> ModuleId {
    ModuleId(span.file.saturating_add(1))
}

impl<'t> Definitions<'t> {
    fn piece(&mut self, piece: Piece<'t>, pragmas: &Pragmas, lifter: Option<&mut Lifter>) {
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
                self.free_docs.push(FreeDoc { doc, before });
            }
            Piece::Definition { node, mut doc } => {
                if let Some(doc) = &doc {
                    self.note_age(doc);
                }
                let lift = match lifter {
                    Some(lifter) => lifter.lift(node),
                    None => Lift {
                        nodes: vec![node],
                        notes: Vec::new(),
                    },
                };
                self.age.dialect |= !lift.notes.is_empty();
                self.lifted.extend(lift.notes);
                let last = lift.nodes.len().saturating_sub(1);
                for (at, node) in lift.nodes.into_iter().enumerate() {
                    let doc = if at == last { doc.take() } else { None };
                    let module = module_of(node.span);
                    let required = at == last;
                    self.definition(lower(&node, doc, pragmas, required), module);
                }
            }
        }
    }

    fn definition(&mut self, lowered: Lowered<'t>, module: ModuleId) {
        let Lowered {
            definition,
            name,
            problems,
        } = lowered;
        let sound = !problems.iter().any(Diagnostic::is_certain);
        self.problems.extend(problems);
        match definition.filter(|_| sound) {
            Some(definition) => self.drafts.define(definition, module),
            None => self.drafts.poisoned.extend(name),
        }
    }

    fn note_age(&mut self, doc: &Doc) {
        let old = |kind| matches!(kind, SectionKind::Note | SectionKind::Example);
        self.age.docs |= doc.sections.iter().any(|section| old(section.kind));
    }
}

//! The checked schema and the way to it.
//!
//! One file for each noun of the language: its shape (`lower`), and its rules among the other
//! definitions (`resolve`). QEMU's names for the passes are `expr` and `schema`.

mod ahead;
mod alternates;
pub(crate) mod ast;
mod commands;
mod comments;
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
mod symbols;
#[cfg(test)]
mod tests;
mod unions;

pub use features::MAX_FEATURES;
pub(crate) use lower::KEYWORDS;
pub use model::*;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::Options;
use crate::diagnostic::{Age, Diagnostic};
use crate::dialect::{Dialect, Lifter};
use crate::doc::{Doc, SectionKind};
use crate::expr::{Arena, Node};
use crate::files::Files;
use crate::include::{self, Batch, Parsed, Piece, Store};
use crate::loader::{Loader, normalize, relative};
use crate::source::{SourceMap, Span};
use crate::text::Whole;

use ahead::Ahead;
use comments::Comments;
use draft::Drafts;
use lower::{Lowered, lower};
use pragmas::Pragmas;

/// How deeply object types may contain each other, bases and branches; QEMU's own need five.
pub const MAX_TYPE_NESTING: usize = 128;

/// How much flattening may copy: members that types inherit and branches that values imply, with
/// their conditions and features. QEMU's own schemas need less than a hundredth.
pub const MAX_EXPANSION: usize = 1 << 20;

/// The schema, unless there is an error; the problems; the files.
type Read = (Option<Schema>, Vec<Diagnostic>, Arc<SourceMap>);

/// Reads the schema with this root file.
pub(crate) fn read(root: &Path, loader: &dyn Loader, options: &Options) -> Read {
    let files = Files::new(loader);
    let at_once = read_at_once(root, &files, options, ahead::share());
    at_once.unwrap_or_else(|| read_in_passes(root, &files, options))
}

/// Takes each definition as it comes, while its expression is in the processor's cache. That goes well as
/// long as nothing depends on what stands further down: pragmas come first, and no form is old.
///
/// With a `share`, definitions from so much text are taken at a time, beside the reading.
fn read_at_once(
    root: &Path,
    files: &Files<'_>,
    options: &Options,
    share: Option<usize>,
) -> Option<Read> {
    let store = Store::new();
    let mut arena = Arena::default();
    std::thread::scope(|scope| {
        let mut ahead = Ahead::new(scope, &mut arena, options.dialect, share);
        let mut pragmas = None;
        let parsed = include::parse(root, files, options, &store, &mut |batch, now| {
            if batch.pieces.iter().any(|piece| piece.node().is_some()) {
                let known = pragmas.get_or_insert_with(|| Arc::clone(now));
                if known.revision() != now.revision() {
                    return ControlFlow::Break(());
                }
            }
            ahead.take(batch, pragmas.as_ref().unwrap_or(now))
        });
        let known = pragmas.is_none_or(|known| known.revision() == parsed.pragmas.revision());
        known.then(|| ahead.finish(parsed)).flatten()
    })
}

/// Looks at the definitions when all of the schema has been read.
fn read_in_passes(root: &Path, files: &Files<'_>, options: &Options) -> Read {
    let store = Store::new();
    let mut batches = Vec::new();
    let parsed = include::parse(root, files, options, &store, &mut |batch, _| {
        batches.push(batch);
        ControlFlow::Continue(())
    });
    let pieces = batches.iter().flat_map(|batch| &batch.pieces);
    let nodes = pieces.filter_map(Piece::node);
    let mut definitions = Definitions::new(&store.arena, options.dialect, nodes);
    for batch in batches {
        definitions.take(batch, &parsed.pragmas);
    }
    definitions.finish(parsed)
}

/// Everything up to the entities.
#[derive(Debug)]
struct Definitions<'t> {
    comments: Comments<'t>,
    lifter: Option<Lifter<'t>>,
    drafts: Drafts<'t>,
    includes: Vec<Include>,
    free_docs: Vec<FreeDoc>,
    /// Whether a comment has an old form.
    old_docs: bool,
    problems: Vec<Diagnostic>,
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
    ModuleId(span.file().saturating_add(1))
}

impl<'t> Definitions<'t> {
    /// For definitions that are taken before all of them are known.
    fn in_advance(arena: &'t Arena, dialect: Dialect) -> Definitions<'t> {
        Definitions::new(arena, dialect, std::iter::empty())
    }

    /// For these definitions, or for some that are not known.
    fn new<'n>(
        arena: &'t Arena,
        dialect: Dialect,
        nodes: impl Iterator<Item = &'n Node<'t>> + Clone,
    ) -> Definitions<'t>
    where
        't: 'n,
    {
        Definitions {
            comments: Comments::new(dialect),
            lifter: (dialect != Dialect::Modern).then(|| Lifter::new(arena, nodes)),
            drafts: Drafts::new(arena),
            includes: Vec::new(),
            free_docs: Vec::new(),
            old_docs: false,
            problems: Vec::new(),
        }
    }

    fn has_lifted(&self) -> bool {
        self.lifter.as_ref().is_some_and(Lifter::has_notes)
    }

    /// Takes pieces; false when one has been lifted, which is not to be when they are taken in advance.
    fn take_all(&mut self, batches: Vec<Batch<'t>>, pragmas: &Pragmas) -> bool {
        for batch in batches {
            self.take(batch, pragmas);
        }
        !self.has_lifted()
    }

    /// Takes pieces and checks what they define, one step for all of them after the other: each keeps its code in the
    /// processor's cache.
    fn take(&mut self, batch: Batch<'t>, pragmas: &Pragmas) {
        let before = self.drafts.list.len();
        let docs = self.comments.read(&batch);
        for (piece, doc) in batch.pieces.into_iter().zip(docs) {
            self.piece(piece, doc, batch.file, pragmas);
        }
        for index in before..self.drafts.list.len() {
            self.drafts.documentation(index, pragmas);
            self.drafts.count_features(index);
        }
    }

    fn piece(&mut self, piece: Piece<'t>, doc: Option<Box<Doc>>, file: &Whole, pragmas: &Pragmas) {
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
            Piece::FreeForm(_) => {
                if let Some(doc) = doc {
                    self.note_age(&doc);
                    self.free_docs.push(FreeDoc { doc: *doc, before });
                }
            }
            Piece::Lost(_) => {}
            Piece::Definition { mut node, .. } => {
                if let Some(doc) = &doc {
                    self.note_age(doc);
                }
                if let Some(lifter) = &mut self.lifter {
                    node = lifter.lift(node);
                    for implied in lifter.take_implied() {
                        self.definition(&implied, None, file, pragmas, false);
                    }
                }
                self.definition(&node, doc, file, pragmas, true);
            }
        }
    }

    /// `written` tells a definition from one that lifting an old form has brought about.
    fn definition(
        &mut self,
        node: &Node<'t>,
        doc: Option<Box<Doc>>,
        file: &Whole,
        pragmas: &Pragmas,
        written: bool,
    ) {
        let Lowered {
            definition,
            name,
            problems,
        } = lower(node, doc, file, pragmas, &mut self.drafts.symbols, written);
        let sound = !problems.iter().any(Diagnostic::is_certain);
        self.problems.extend(problems);
        match definition.filter(|_| sound) {
            Some(definition) => {
                let module = module_of(node.span);
                self.drafts.define(definition, module);
            }
            None => self.drafts.poisoned.extend(name),
        }
    }

    fn note_age(&mut self, doc: &Doc) {
        let old = |kind| matches!(kind, SectionKind::Note | SectionKind::Example);
        self.old_docs |= doc.sections.iter().any(|section| old(section.kind));
    }

    /// Makes the schema, unless there is an error.
    fn finish(mut self, parsed: Parsed) -> Read {
        let Parsed {
            sources,
            pragmas,
            problems,
        } = parsed;
        let mut problems = self.comments.merge(problems);
        let lifted = self.lifter.map_or_else(Vec::new, Lifter::into_notes);
        let age = Age {
            dialect: !lifted.is_empty() || problems.iter().any(Diagnostic::is_sign_of_age),
            docs: self.old_docs || problems.iter().any(Diagnostic::is_sign_of_old_docs),
        };
        if age.dialect || age.docs {
            self.drafts.predefine_as_before_9_2();
        }
        problems.extend(lifted);
        problems.retain_mut(|problem| problem.settle(age));
        let malformed = problems.iter().any(Diagnostic::is_error) || sources.files().is_empty();
        problems.extend(self.problems);
        // After a syntax error definitions are missing; that others miss them is no news.
        let mut entities = None;
        if !malformed {
            let (resolved, found) = resolve::resolve(self.drafts, &sources, &pragmas);
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
            includes: self.includes,
            free_docs: self.free_docs,
            sources: Arc::clone(&sources),
        });
        (schema, problems, sources)
    }
}

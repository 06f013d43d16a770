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
use crate::include::{self, Parsed, Piece, Store};
use crate::loader::{Loader, normalize, relative};
use crate::source::{SourceMap, Span};

use draft::Drafts;
use lower::{Lowered, lower};

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
    let at_once = read_at_once(root, &files, options);
    at_once.unwrap_or_else(|| read_in_passes(root, &files, options))
}

/// Takes each definition as it comes, while its expression is in the processor's cache. That goes well as
/// long as nothing depends on what stands further down: pragmas come first, and no form is old.
fn read_at_once(root: &Path, files: &Files<'_>, options: &Options) -> Option<Read> {
    let store = Store::new();
    let lifter =
        (options.dialect != Dialect::Modern).then(|| Lifter::new(&store.arena, std::iter::empty()));
    let mut definitions = Definitions::new(&store.arena, lifter);
    let mut pragmas = None;
    let parsed = include::parse(root, files, options, &store, &mut |pieces, parsed| {
        let revision = parsed.pragmas.revision();
        let known = match pieces.iter().any(|piece| piece.node().is_some()) {
            true => *pragmas.get_or_insert(revision) == revision,
            false => true,
        };
        definitions.pieces(pieces, parsed);
        match known && !definitions.has_lifted() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    });
    let known = pragmas.is_none_or(|known| known == parsed.pragmas.revision());
    (known && !definitions.has_lifted()).then(|| definitions.finish(parsed))
}

/// Looks at the definitions when all of the schema has been read.
fn read_in_passes(root: &Path, files: &Files<'_>, options: &Options) -> Read {
    let store = Store::new();
    let mut pieces = Vec::new();
    let parsed = include::parse(root, files, options, &store, &mut |more, _| {
        pieces.append(more);
        ControlFlow::Continue(())
    });
    let nodes = pieces.iter().filter_map(Piece::node);
    let lifter = (options.dialect != Dialect::Modern).then(|| Lifter::new(&store.arena, nodes));
    let mut definitions = Definitions::new(&store.arena, lifter);
    definitions.pieces(&mut pieces, &parsed);
    definitions.finish(parsed)
}

/// Everything up to the entities.
#[derive(Debug)]
struct Definitions<'t> {
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
    fn new(arena: &'t Arena, lifter: Option<Lifter<'t>>) -> Definitions<'t> {
        Definitions {
            lifter,
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

    /// Takes pieces and checks what they define, one step for all of them after the other: each keeps its code in the
    /// processor's cache.
    fn pieces(&mut self, pieces: &mut Vec<Piece<'t>>, parsed: &Parsed) {
        let before = self.drafts.list.len();
        for piece in pieces.drain(..) {
            self.piece(piece, parsed);
        }
        for index in before..self.drafts.list.len() {
            self.drafts.documentation(index, &parsed.pragmas);
            self.drafts.count_features(index);
        }
    }

    fn piece(&mut self, piece: Piece<'t>, parsed: &Parsed) {
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
                        self.definition(&implied, None, parsed, false);
                    }
                }
                self.definition(&node, doc, parsed, true);
            }
        }
    }

    /// `written` tells a definition from one that lifting an old form has brought about.
    fn definition(
        &mut self,
        node: &Node<'t>,
        doc: Option<Box<Doc>>,
        parsed: &Parsed,
        written: bool,
    ) {
        let Lowered {
            definition,
            name,
            problems,
        } = lower(node, doc, parsed, &mut self.drafts.symbols, written);
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
            mut problems,
        } = parsed;
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

//! From drafts to entities: every reference resolved, every rule checked that needs more than one
//! definition.

use std::fmt::Display;

use foldhash::HashSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::Kept;
use crate::source::{SourceMap, Span};
use crate::suggest::nearest;
use crate::text::{Text, Whole};

use super::MAX_EXPANSION;
use super::ast::TypeRef;
use super::draft::{Draft, DraftKind, Drafts};
use super::features;
use super::model::{Command, Cond, Entity, EntityId, EntityKind, Enum, Event, Member, ModuleId};
use super::pragmas::Pragmas;
use super::structs::Flat;
use super::symbols::Symbols;

/// So many problems get a suggestion, which takes a walk over all types.
const MAX_SUGGESTIONS: usize = 100;

/// How far an object type has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    New,
    Busy,
    Done(bool),
}

/// The definition whose problems are being reported.
#[derive(Debug, Clone, Default)]
pub(super) struct Current<'d> {
    pub(super) span: Option<Span>,
    pub(super) draft: Option<&'d Draft<'d>>,
}

#[derive(Debug)]
pub(super) struct Resolver<'d> {
    pub(super) drafts: &'d [&'d Draft<'d>],
    pub(super) symbols: &'d Symbols<'d>,
    pub(super) poisoned: &'d HashSet<&'d str>,
    pub(super) sources: &'d SourceMap,
    pub(super) pragmas: &'d Pragmas,
    pub(super) problems: Vec<Diagnostic>,
    pub(super) state: Vec<State>,
    pub(super) kinds: Vec<Option<EntityKind>>,
    pub(super) flat: Vec<Option<Flat>>,
    /// Room for lists of members.
    pub(super) spare: Vec<Vec<Member>>,
    pub(super) current: Current<'d>,
    pub(super) depth: usize,
    /// What has been copied so far, against [`MAX_EXPANSION`].
    pub(super) expansion: usize,
}

/// Resolves and checks everything; the entities are complete unless there is an error among the
/// problems.
pub(super) fn resolve(
    drafts: Drafts<'_>,
    sources: &SourceMap,
    pragmas: &Pragmas,
) -> (Option<Vec<Entity>>, Vec<Diagnostic>) {
    let Drafts {
        arena: _,
        name: _,
        list,
        symbols,
        mut problems,
        mut doc_problems,
        features,
        parts: _,
        poisoned,
    } = drafts;
    let count = list.len();
    let drafts: Vec<&Draft<'_>> = list.iter().map(|draft| &**draft).collect();
    let mut resolver = Resolver {
        drafts: &drafts,
        symbols: &symbols,
        poisoned: &poisoned,
        sources,
        pragmas,
        problems: Vec::new(),
        state: vec![State::New; count],
        kinds: (0..count).map(|_| None).collect(),
        flat: (0..count).map(|_| None).collect(),
        spare: Vec::new(),
        current: Current::default(),
        depth: 0,
        expansion: 0,
    };
    for (index, draft) in drafts.iter().enumerate() {
        let id = EntityId(u32::try_from(index).unwrap_or(u32::MAX));
        resolver.entity(id, draft);
        let of_comment = |(of, _): &mut (EntityId, Diagnostic)| *of == id;
        while let Some((_, problem)) = doc_problems.lacking.pop_front_if(of_comment) {
            resolver.problems.push(problem);
        }
    }
    problems.append(&mut resolver.problems);
    problems.append(&mut doc_problems.bogus);
    problems.extend(features.too_many);
    let kinds = resolver.kinds;
    let entities = finish(list, kinds, sources);
    (entities, problems)
}

/// The entities, when every one has been resolved.
fn finish(
    list: Vec<Kept<'_, Draft<'_>>>,
    kinds: Vec<Option<EntityKind>>,
    sources: &SourceMap,
) -> Option<Vec<Entity>> {
    // An array belongs to the module of its element and exists under the element's condition.
    let of_array = |kind: &Option<EntityKind>| match kind {
        Some(EntityKind::Array { element }) => {
            let element = &list[element.0 as usize];
            Some((element.module, element.cond.clone()))
        }
        _ => None,
    };
    let of_arrays: Vec<(ModuleId, Cond)> = kinds.iter().filter_map(of_array).collect();
    let mut of_arrays = of_arrays.into_iter();
    let mut names = String::new();
    let mut finish = |(draft, kind): (Kept<'_, Draft<'_>>, Option<EntityKind>)| {
        let draft = Kept::into_inner(draft);
        let kind = match (kind, draft.kind) {
            (Some(kind), _) => kind,
            (None, DraftKind::Enum(raw)) => EntityKind::Enum(Enum {
                prefix: raw.prefix,
                members: raw.members,
            }),
            (None, _) => return None,
        };
        let (module, cond) = match kind {
            EntityKind::Array { .. } => of_arrays.next()?,
            _ => (draft.module, draft.cond),
        };
        Some(Entity {
            features: features::finish(&draft.features, |one| {
                sources.text(one.span.file(), one.name)
            }),
            name: match draft.span.filter(|_| !draft.implicit) {
                Some(span) => sources.text(span.file(), draft.name),
                None => implied_name(&mut names, draft.name),
            },
            module,
            span: draft.span,
            implicit: draft.implicit,
            cond,
            doc: draft.doc,
            kind,
        })
    };
    let mut entities = Vec::with_capacity(list.len());
    for pair in list.into_iter().zip(kinds) {
        entities.push(finish(pair)?);
    }
    let names = Whole::new(names);
    for entity in &mut entities {
        entity.name.complete(&names);
    }
    Some(entities)
}

/// The name as a part of all those that are made up.
fn implied_name(names: &mut String, name: &str) -> Text {
    let start = names.len();
    match (u32::try_from(start), u32::try_from(start + name.len())) {
        (Ok(start), Ok(end)) => {
            names.push_str(name);
            Text::promised(start, end)
        }
        _ => name.into(),
    }
}

impl<'d> Resolver<'d> {
    /// Reports a problem of the definition at hand.
    pub(super) fn report(&mut self, mut problem: Diagnostic) {
        problem.context = self.current.draft.and_then(Draft::context);
        self.problems.push(match self.current.span {
            Some(span) => problem.anchor(span, false),
            None => problem,
        });
    }

    /// A name that is given at `span`.
    pub(super) fn text(&self, span: Span, name: &str) -> Text {
        self.sources.text(span.file(), name)
    }

    /// Counts a copy; false, with an error the first time, when it was one too many.
    pub(super) fn spend(&mut self, weight: usize) -> bool {
        let before = self.expansion;
        self.expansion = before.saturating_add(weight);
        let over = self.expansion > MAX_EXPANSION;
        if let Some(span) = self
            .current
            .span
            .filter(|_| over && before <= MAX_EXPANSION)
        {
            let message = format!("types expand to more than {MAX_EXPANSION} members and branches");
            self.report(Diagnostic::error(Code::ExpandsTooMuch, message, span));
        }
        !over
    }

    /// Makes `id` the definition at hand; returns the one before.
    pub(super) fn enter(&mut self, id: EntityId) -> Current<'d> {
        let draft = &self.drafts[id.0 as usize];
        let current = Current {
            span: draft.span,
            draft: Some(*draft),
        };
        std::mem::replace(&mut self.current, current)
    }

    /// Reports something of another definition than the one at hand.
    pub(super) fn inside(&mut self, id: EntityId, report: impl FnOnce(&mut Self, Span)) {
        let outer = self.enter(id);
        if let Some(span) = self.current.span {
            report(self, span);
        }
        self.current = outer;
    }

    /// The type that `ty` names; `what` uses it.
    pub(super) fn lookup(&mut self, ty: &TypeRef, what: &dyn Display) -> Option<EntityId> {
        let meaning = self.symbols.meaning(ty.name);
        let found = match ty.array {
            true => meaning.array,
            false => meaning.entity.filter(|_| meaning.is_type),
        };
        if found.is_none() {
            self.unknown_type(ty, what);
        }
        found
    }

    #[cold]
    fn unknown_type(&mut self, ty: &TypeRef, what: &dyn Display) {
        let name = self.symbols.meaning(ty.name).name;
        let name = if ty.array {
            &format!("{name}List")
        } else {
            name
        };
        if !self.poisoned.contains(name) {
            let message = format!("{what} uses unknown type '{name}'");
            let problem = Diagnostic::error(Code::UnknownType, message, ty.span);
            self.report(match self.similar(name) {
                Some(similar) => problem.help(format!("there is a type '{similar}'")),
                None => problem,
            });
        }
    }

    /// The type that may have been meant.
    fn similar(&self, name: &str) -> Option<&str> {
        if self.problems.len() > MAX_SUGGESTIONS {
            return None;
        }
        let is_builtin = |draft: &Draft<'_>| matches!(draft.kind, DraftKind::Builtin(_));
        let types = self.drafts.iter().filter(|draft| draft.is_type());
        let named = types.filter(|draft| !draft.implicit || is_builtin(draft));
        nearest(name, named.map(|draft| draft.name))
    }

    fn entity(&mut self, id: EntityId, draft: &'d Draft<'d>) {
        if let DraftKind::Object { .. } = draft.kind {
            self.object(id);
            self.enter(id);
        } else {
            self.enter(id);
            self.kinds[id.0 as usize] = self.kind(draft);
        }
    }

    fn kind(&mut self, draft: &Draft<'_>) -> Option<EntityKind> {
        match &draft.kind {
            DraftKind::Command { .. } | DraftKind::Event { .. } => {
                self.feature_clashes(&draft.features);
            }
            _ => self.type_features(&draft.features),
        }
        Some(match &draft.kind {
            DraftKind::Builtin(builtin) => EntityKind::Builtin(*builtin),
            DraftKind::Enum(raw) => {
                self.enumeration(&raw.members);
                return None;
            }
            DraftKind::Array { element } => {
                let what = draft.context.as_ref().map_or("array", |(kind, _)| *kind);
                EntityKind::Array {
                    element: self.lookup(element, &what)?,
                }
            }
            DraftKind::Object { .. } => return None,
            DraftKind::Alternate { branches } => self.alternate(branches)?,
            DraftKind::Command {
                data,
                returns,
                flags,
            } => {
                let arg_type = data
                    .as_ref()
                    .map(|it| self.argument_type(it, "command", flags.boxed));
                let ret_type = returns.as_ref().map(|it| self.return_type(draft.name, it));
                EntityKind::Command(Command {
                    arg_type: arg_type.map_or(Some(None), |id| id.map(Some))?,
                    ret_type: ret_type.map_or(Some(None), |id| id.map(Some))?,
                    boxed: flags.boxed,
                    generate: flags.generate,
                    success_response: flags.success_response,
                    allow_oob: flags.allow_oob,
                    allow_preconfig: flags.allow_preconfig,
                    coroutine: flags.coroutine,
                })
            }
            DraftKind::Event { data, boxed } => {
                let arg_type = data
                    .as_ref()
                    .map(|it| self.argument_type(it, "event", *boxed));
                let arg_type = arg_type.map_or(Some(None), |id| id.map(Some))?;
                EntityKind::Event(Event {
                    arg_type,
                    boxed: *boxed,
                })
            }
        })
    }
}

//! From drafts to entities: every reference resolved, every rule checked that needs more than one
//! definition.

use std::collections::{HashMap, HashSet};

use crate::diagnostic::{Code, Context, Diagnostic};
use crate::source::Span;

use super::MAX_EXPANSION;
use super::ast::TypeRef;
use super::draft::{Draft, DraftKind, Drafts};
use super::features;
use super::model::{Command, Cond, Entity, EntityId, EntityKind, Enum, Event, ModuleId};
use super::names::is_near;
use super::pragmas::Pragmas;
use super::structs::Members;

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
pub(super) struct Current {
    pub(super) span: Option<Span>,
    pub(super) context: Option<Context>,
}

#[derive(Debug)]
pub(super) struct Resolver<'d> {
    pub(super) drafts: &'d [Draft],
    pub(super) index: &'d HashMap<String, EntityId>,
    pub(super) poisoned: &'d HashSet<String>,
    pub(super) pragmas: &'d Pragmas,
    pub(super) problems: Vec<Diagnostic>,
    /// Problems of comments, which QEMU finds after all others.
    pub(super) late: Vec<Diagnostic>,
    pub(super) state: Vec<State>,
    pub(super) kinds: Vec<Option<EntityKind>>,
    pub(super) members: HashMap<EntityId, Members>,
    pub(super) current: Current,
    pub(super) depth: usize,
    /// What has been copied so far, against [`MAX_EXPANSION`].
    pub(super) expansion: usize,
}

/// Resolves and checks everything; the entities are complete unless there is an error among the
/// problems.
pub(super) fn resolve(drafts: Drafts, pragmas: &Pragmas) -> (Option<Vec<Entity>>, Vec<Diagnostic>) {
    let Drafts {
        list,
        index,
        mut problems,
        poisoned,
    } = drafts;
    let count = list.len();
    let mut resolver = Resolver {
        drafts: &list,
        index: &index,
        poisoned: &poisoned,
        pragmas,
        problems: Vec::new(),
        late: Vec::new(),
        state: vec![State::New; count],
        kinds: (0..count).map(|_| None).collect(),
        members: HashMap::new(),
        current: Current::default(),
        depth: 0,
        expansion: 0,
    };
    for (index, draft) in list.iter().enumerate() {
        let id = EntityId(u32::try_from(index).unwrap_or(u32::MAX));
        resolver.entity(id, draft);
    }
    problems.append(&mut resolver.problems);
    problems.append(&mut resolver.late);
    problems.extend(features::check_count(&list));
    let kinds = resolver.kinds;
    (finish(list, kinds), problems)
}

/// The entities, when every one has been resolved.
fn finish(list: Vec<Draft>, kinds: Vec<Option<EntityKind>>) -> Option<Vec<Entity>> {
    // An array belongs to the module of its element and exists under the element's condition.
    let of_elements: Vec<Option<(ModuleId, Cond)>> = kinds
        .iter()
        .map(|kind| match kind {
            Some(EntityKind::Array { element }) => {
                let element = &list[element.0 as usize];
                Some((element.module, element.cond.clone()))
            }
            _ => None,
        })
        .collect();
    let finish = |((draft, kind), of_element): ((Draft, Option<EntityKind>), _)| {
        let kind = kind?;
        let (module, cond) = match of_element {
            Some(of_element) => of_element,
            None => (draft.module, draft.cond),
        };
        Some(Entity {
            features: features::finish(&draft.features),
            name: draft.name,
            module,
            span: draft.span,
            implicit: draft.implicit,
            cond,
            doc: draft.doc,
            kind,
        })
    };
    list.into_iter()
        .zip(kinds)
        .zip(of_elements)
        .map(finish)
        .collect()
}

impl<'d> Resolver<'d> {
    /// Reports a problem of the definition at hand.
    pub(super) fn report(&mut self, mut problem: Diagnostic) {
        problem.context = self.current.context.clone();
        self.problems.push(match self.current.span {
            Some(span) => problem.anchor(span, false),
            None => problem,
        });
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
    pub(super) fn enter(&mut self, id: EntityId) -> Current {
        let Draft { span, context, .. } = &self.drafts[id.0 as usize];
        std::mem::replace(
            &mut self.current,
            Current {
                span: *span,
                context: context.clone(),
            },
        )
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
    pub(super) fn lookup(&mut self, ty: &TypeRef, what: &str) -> Option<EntityId> {
        let drafts = self.drafts;
        let array;
        let name = match ty.array {
            true => {
                array = format!("{}List", ty.name);
                &array
            }
            false => &ty.name,
        };
        let found = self.index.get(name).copied();
        let found = found.filter(|id| drafts[id.0 as usize].is_type());
        if found.is_none() && !self.poisoned.contains(name) {
            let message = format!("{what} uses unknown type '{name}'");
            let problem = Diagnostic::error(Code::UnknownType, message, ty.span);
            self.report(match self.similar(name) {
                Some(similar) => problem.help(format!("there is a type '{similar}'")),
                None => problem,
            });
        }
        found
    }

    /// A type whose name differs in case or in one letter only.
    fn similar(&self, name: &str) -> Option<&str> {
        if self.problems.len() > MAX_SUGGESTIONS {
            return None;
        }
        let types = self
            .drafts
            .iter()
            .filter(|draft| draft.is_type() && !draft.implicit);
        let builtins = self
            .drafts
            .iter()
            .filter(|draft| matches!(draft.kind, DraftKind::Builtin(_)));
        types
            .chain(builtins)
            .map(|draft| draft.name.as_str())
            .find(|other| is_near(name, other))
    }

    fn entity(&mut self, id: EntityId, draft: &'d Draft) {
        if let DraftKind::Object { .. } = draft.kind {
            self.object(id);
            self.enter(id);
        } else {
            self.enter(id);
            self.kinds[id.0 as usize] = self.kind(draft);
        }
        if draft.doc.is_some() && !draft.implicit {
            self.documentation(draft);
        }
    }

    fn kind(&mut self, draft: &Draft) -> Option<EntityKind> {
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
                EntityKind::Enum(Enum {
                    prefix: raw.prefix.clone(),
                    members: raw.members.clone(),
                })
            }
            DraftKind::Array { element } => {
                let what = draft
                    .context
                    .as_ref()
                    .map_or("array", |context| context.kind);
                EntityKind::Array {
                    element: self.lookup(element, what)?,
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
                let ret_type = returns.as_ref().map(|it| self.return_type(&draft.name, it));
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

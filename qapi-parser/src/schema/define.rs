//! From definitions to drafts, with the implicit entities that they cause in front of them.

use crate::diagnostic::{Code, Diagnostic, Label};
use crate::source::Span;

use super::ast::{Data, Definition, DefinitionKind, RawMember, TypeRef};
use super::draft::{Draft, DraftKind, Drafts};
use super::model::{Cond, ModuleId};

/// What the implicit entities of a definition take over from it.
struct Cause<'t> {
    module: ModuleId,
    span: Span,
    context: (&'static str, &'t str),
}

impl<'t> Drafts<'t> {
    /// Adds a definition and what it implies.
    pub(super) fn define(&mut self, definition: Definition<'t>, module: ModuleId) {
        let Definition {
            name,
            span,
            head,
            cond,
            features,
            doc,
            kind,
        } = definition;
        let keyword = match &kind {
            DefinitionKind::Enum(_) => "enum",
            DefinitionKind::Struct { .. } => "struct",
            DefinitionKind::Union { .. } => "union",
            DefinitionKind::Alternate { .. } => "alternate",
            DefinitionKind::Command { .. } => "command",
            DefinitionKind::Event { .. } => "event",
        };
        let context = (keyword, name);
        let cause = Cause {
            module,
            span,
            context,
        };
        let kind = self.kind(kind, &cond, &cause);
        let context = Some(cause.context);
        let span = Some(span);
        let draft = Draft {
            name,
            module,
            span,
            head: head.end(),
            context,
            implicit: false,
            cond,
            features,
            doc,
            kind,
        };
        let symbol = self.symbols.symbol(draft.name);
        if let Some(other) = self.find(symbol) {
            let problem = redefined(&draft, other);
            self.problems.push(problem);
        } else {
            self.push(draft);
        }
    }

    /// The kind with its types by name; adds the implicit types it needs.
    fn kind(&mut self, kind: DefinitionKind<'t>, cond: &Cond, cause: &Cause<'t>) -> DraftKind<'t> {
        match kind {
            DefinitionKind::Enum(kind) => DraftKind::Enum(kind),
            DefinitionKind::Struct { base, members } => {
                self.member_arrays(&members, cause);
                DraftKind::Object {
                    base,
                    members,
                    variants: None,
                }
            }
            DefinitionKind::Union { base, variants } => {
                let base = self.data(Some(base), "base", cond, cause);
                DraftKind::Object {
                    base,
                    members: Vec::new(),
                    variants: Some(Box::new(variants)),
                }
            }
            DefinitionKind::Alternate { branches } => {
                for branch in &branches {
                    self.define_array(&branch.ty, cause);
                }
                DraftKind::Alternate { branches }
            }
            DefinitionKind::Command {
                data,
                returns,
                flags,
            } => {
                let data = self.data(data, "arg", cond, cause);
                if let Some(returns) = &returns {
                    self.define_array(returns, cause);
                }
                DraftKind::Command {
                    data,
                    returns,
                    flags,
                }
            }
            DefinitionKind::Event { data, boxed } => DraftKind::Event {
                data: self.data(data, "arg", cond, cause),
                boxed,
            },
        }
    }

    fn implied(&mut self, name: &'t str, cond: Cond, kind: DraftKind<'t>, cause: &Cause<'t>) {
        self.push(Draft {
            name,
            module: cause.module,
            span: Some(cause.span),
            head: 0,
            context: Some(cause.context),
            implicit: true,
            cond,
            features: Box::default(),
            doc: None,
            kind,
        });
    }

    fn member_arrays(&mut self, members: &[RawMember<'t>], cause: &Cause<'t>) {
        for member in members {
            self.define_array(&member.ty, cause);
        }
    }

    /// Defines the array type, if it is one and has not been defined.
    fn define_array(&mut self, ty: &TypeRef, cause: &Cause<'t>) {
        if !ty.array {
            return;
        }
        let meaning = self.symbols.meaning(ty.name);
        if meaning.array.is_none() {
            self.name.clear();
            self.name.push_str(meaning.name);
            self.name.push_str("List");
            let name = self.arena.text(&self.name);
            let element = TypeRef {
                array: false,
                ..*ty
            };
            self.implied(name, Cond::Always, DraftKind::Array { element }, cause);
        }
    }

    /// The type of arguments or of a base; written in place, it becomes an implicit one.
    fn data(
        &mut self,
        data: Option<Data<'t>>,
        role: &str,
        cond: &Cond,
        cause: &Cause<'t>,
    ) -> Option<TypeRef> {
        let members = match data? {
            Data::Named(ty) => return Some(ty),
            Data::Inline(members) => members,
        };
        self.member_arrays(&members, cause);
        if members.is_empty() {
            return None;
        }
        self.name.clear();
        for part in ["q_obj_", cause.context.1, "-", role] {
            self.name.push_str(part);
        }
        let name = self.arena.text(&self.name);
        // A second one belongs to a second definition of the same name, which is refused anyway.
        let symbol = self.symbols.symbol(name);
        if self.symbols.meaning(symbol).entity.is_none() {
            let kind = DraftKind::Object {
                base: None,
                members,
                variants: None,
            };
            self.implied(name, cond.clone(), kind, cause);
        }
        Some(TypeRef {
            name: symbol,
            array: false,
            span: cause.span,
        })
    }
}

fn redefined(draft: &Draft<'_>, other: &Draft<'_>) -> Diagnostic {
    let span = draft.head().unwrap_or(Span::NOWHERE);
    let mut problem = match other.head() {
        None => {
            let message = format!("{} is already defined", other.describe());
            Diagnostic::error(Code::Redefined, message, span)
        }
        Some(first) => {
            let message = format!("'{}' is already defined", draft.name);
            let mut problem = Diagnostic::error(Code::Redefined, message, span);
            problem.labels.push(Label {
                span: first,
                text: "previous definition".to_owned(),
                context: other.context(),
            });
            problem
        }
    };
    problem.context = draft.context();
    problem
}

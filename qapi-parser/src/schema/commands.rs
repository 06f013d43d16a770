//! Commands.

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node, Value};

use super::ast::{Data, DefinitionKind, Flags, TypeRef};
use super::draft::DraftKind;
use super::lower::Lower;
use super::model::{EntityId, EntityKind};
use super::resolve::Resolver;

impl<'t> Lower<'_, 't> {
    pub(super) fn command(
        &mut self,
        node: &Node<'t>,
        entries: &[Entry<'t>],
    ) -> Option<DefinitionKind<'t>> {
        let optional = [
            "data",
            "returns",
            "boxed",
            "if",
            "features",
            "gen",
            "success-response",
            "allow-oob",
            "allow-preconfig",
            "coroutine",
        ];
        self.keys(entries, node.span, &"command", &["command"], &optional);
        let data = self.arguments(node);
        let returns = node
            .get("returns")
            .and_then(|it| self.type_ref(it, &"'returns'", true));
        let on = |key| is_flag(node, key, true);
        let flags = Flags {
            boxed: on("boxed"),
            generate: !is_flag(node, "gen", false),
            success_response: !is_flag(node, "success-response", false),
            allow_oob: on("allow-oob"),
            allow_preconfig: on("allow-preconfig"),
            coroutine: on("coroutine"),
        };
        Some(DefinitionKind::Command {
            data,
            returns,
            flags,
        })
    }

    /// The `data` of a command or event.
    pub(super) fn arguments(&mut self, node: &Node<'t>) -> Option<Data<'t>> {
        let boxed = is_flag(node, "boxed", true);
        let Some(data) = node.get("data") else {
            if boxed {
                self.error(Code::MissingKey, "'boxed': true requires 'data'", node.span);
            }
            return None;
        };
        match boxed {
            true => self.type_ref(data, &"'data'", false).map(Data::Named),
            false => self.data(data, &"'data'", None),
        }
    }

    /// Each flag has one value that may be written.
    pub(super) fn flags(&mut self, entries: &[Entry<'t>]) {
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        let falses = ["gen", "success-response"].map(|key| (key, false));
        let trues = ["boxed", "allow-oob", "allow-preconfig", "coroutine"].map(|key| (key, true));
        for (key, value) in falses.into_iter().chain(trues) {
            if let Some(entry) = find(key).filter(|it| it.value.value != Value::Bool(value)) {
                let message = format!("flag '{key}' may only use {value} value");
                self.error(Code::BadValue, &message, entry.value.span);
            }
        }
        if let (Some(oob), Some(coroutine)) = (find("allow-oob"), find("coroutine")) {
            let message = "flags 'allow-oob' and 'coroutine' are incompatible";
            let problem = Diagnostic::error(Code::FlagConflict, message, oob.key_span);
            self.report(problem.label(coroutine.key_span, "the other flag"));
        }
    }
}

/// Whether the key has this value.
pub(super) fn is_flag(node: &Node<'_>, key: &str, value: bool) -> bool {
    node.get(key)
        .is_some_and(|found| found.value == Value::Bool(value))
}

impl Resolver<'_> {
    /// The arguments of a command or the data of an event.
    pub(super) fn argument_type(
        &mut self,
        data: &TypeRef,
        kind: &str,
        boxed: bool,
    ) -> Option<EntityId> {
        let what = format_args!("{kind}'s 'data'");
        let id = self.lookup(data, &what)?;
        let drafts = self.drafts;
        let draft = &drafts[id.0 as usize];
        let DraftKind::Object { variants, .. } = &draft.kind else {
            let message = format!("{what} cannot take {}", draft.describe());
            self.report(Diagnostic::error(Code::WrongType, message, data.span));
            return None;
        };
        if variants.is_some() && !boxed {
            let message = format!(
                "{what} can take {} only with 'boxed': true",
                draft.describe()
            );
            self.report(Diagnostic::error(Code::WrongType, message, data.span));
            return None;
        }
        if !self.object(id) {
            return None;
        }
        if !boxed && self.has_conditional_members(id) {
            let message = format!("conditional {kind} arguments require 'boxed': true");
            self.report(Diagnostic::error(
                Code::ConditionalArguments,
                message,
                data.span,
            ));
        }
        Some(id)
    }

    /// What a command returns: an object or an array of objects, or else a pragma must allow it.
    pub(super) fn return_type(&mut self, name: &str, returns: &TypeRef) -> Option<EntityId> {
        let id = self.lookup(returns, &"command's 'returns'")?;
        let drafts = self.drafts;
        let draft = &drafts[id.0 as usize];
        let target = match (&draft.kind, &self.kinds[id.0 as usize]) {
            (_, Some(EntityKind::Array { element })) => Some(*element),
            (DraftKind::Array { element }, _) => self.symbols.meaning(element.name).entity,
            _ => Some(id),
        };
        // An unknown element is reported where the array is checked.
        let target = target?;
        let object = matches!(drafts[target.0 as usize].kind, DraftKind::Object { .. });
        if !object && !self.pragmas.command_returns.contains(name) {
            let message = format!("command's 'returns' cannot take {}", draft.describe());
            let help = "return an object, so that members can be added; old commands are listed \
                 in the pragma 'command-returns-exceptions'";
            let problem = Diagnostic::error(Code::WrongType, message, returns.span);
            self.report(problem.help(help).soft_docs());
        }
        Some(id)
    }
}

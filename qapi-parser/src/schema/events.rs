//! Events.

use crate::expr::{Entry, Node};

use super::ast::DefinitionKind;
use super::commands::is_flag;
use super::lower::Lower;

impl<'t> Lower<'_, 't> {
    pub(super) fn event(
        &mut self,
        node: &Node<'t>,
        entries: &[Entry<'t>],
    ) -> Option<DefinitionKind<'t>> {
        self.keys(
            entries,
            node.span,
            &"event",
            &["event"],
            &["data", "boxed", "if", "features"],
        );
        let data = self.arguments(node);
        Some(DefinitionKind::Event {
            data,
            boxed: is_flag(node, "boxed", true),
        })
    }
}

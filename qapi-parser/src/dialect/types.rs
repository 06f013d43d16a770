//! Former names of the type `any`.

use crate::expr::{Node, Value};

use super::Lifter;
use super::tree::{entries_mut, get_mut};

impl Lifter<'_> {
    /// `visitor` (up to QEMU 2.3) and `**` (up to 2.4) took any value.
    pub(super) fn any_types(&mut self, node: &mut Node) {
        if node.get("enum").is_some() {
            return;
        }
        if let Some(data) = get_mut(node, "data") {
            for member in entries_mut(data) {
                self.any_type(&mut member.value);
            }
        }
        if let Some(returns) = get_mut(node, "returns") {
            self.any_type(returns);
        }
    }

    fn any_type(&mut self, ty: &mut Node) {
        match &mut ty.value {
            Value::Str(name) => {
                let old = match *name {
                    "**" => "**",
                    "visitor" if !self.is_defined("visitor") => "visitor",
                    _ => return,
                };
                *name = "any";
                self.note(
                    format!("type '{old}' read as 'any', its name since QEMU 2.5"),
                    ty.span,
                );
            }
            Value::List([only]) => self.any_type(only),
            _ => {}
        }
    }
}

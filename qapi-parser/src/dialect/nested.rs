//! Structs written in the place of a member's type, up to QEMU 2.3.

use crate::expr::{Node, Value};

use super::Lifter;
use super::tree::{camel, entries_mut, entry, get_mut, object, string};

impl<'t> Lifter<'t> {
    /// Gives each nested struct of the struct `node` a name and a definition of its own.
    pub(super) fn nested(&mut self, node: &mut Node<'t>) {
        let Some(parent) = node.get("struct").and_then(Node::as_str) else {
            return;
        };
        if let Some(data) = get_mut(node, "data") {
            self.nested_members(data, parent);
        }
    }

    fn nested_members(&mut self, data: &mut Node<'t>, parent: &str) {
        for member in entries_mut(data) {
            let name = format!("{parent}{}", camel(member.key));
            self.nested_type(&mut member.value, name);
        }
    }

    fn nested_type(&mut self, ty: &mut Node<'t>, name: String) {
        let span = ty.span;
        match &mut ty.value {
            Value::List([only]) => self.nested_type(only, name),
            Value::Object(entries) if !entries.iter().any(|entry| entry.key == "type") => {
                let name = self.free_name(name);
                self.nested_members(ty, name);
                self.note(format!("nested struct read as a struct '{name}'"), span);
                let data = std::mem::replace(ty, string(name, span));
                let definition = [entry("struct", string(name, span)), entry("data", data)];
                self.implied.push(object(self.arena.list(definition), span));
            }
            _ => {}
        }
    }
}

//! Structs written in the place of a member's type, up to QEMU 2.3.

use crate::expr::{Node, Value};

use super::Lifter;
use super::tree::{camel, entries_mut, entry, get_mut, object, string};

impl Lifter {
    /// Gives each nested struct of the struct `node` a name and a definition of its own.
    pub(super) fn nested<'t>(&mut self, node: &mut Node<'t>, implied: &mut Vec<Node<'t>>) {
        let Some(parent) = node.get("struct").and_then(Node::as_str).map(str::to_owned) else {
            return;
        };
        if let Some(data) = get_mut(node, "data") {
            self.nested_members(data, &parent, implied);
        }
    }

    fn nested_members<'t>(
        &mut self,
        data: &mut Node<'t>,
        parent: &str,
        implied: &mut Vec<Node<'t>>,
    ) {
        for member in entries_mut(data) {
            let name = format!("{parent}{}", camel(&member.key));
            self.nested_type(&mut member.value, name, implied);
        }
    }

    fn nested_type<'t>(&mut self, ty: &mut Node<'t>, name: String, implied: &mut Vec<Node<'t>>) {
        let span = ty.span;
        match &mut ty.value {
            Value::List(nodes) => {
                if let [only] = nodes.as_mut_slice() {
                    self.nested_type(only, name, implied);
                }
            }
            Value::Object(entries) if !entries.iter().any(|entry| entry.key == "type") => {
                let name = self.free_name(name);
                self.nested_members(ty, &name, implied);
                self.note(format!("nested struct read as a struct '{name}'"), span);
                let data = std::mem::replace(ty, string(name.clone(), span));
                let definition = vec![entry("struct", string(name, span)), entry("data", data)];
                implied.push(object(definition, span));
            }
            _ => {}
        }
    }
}

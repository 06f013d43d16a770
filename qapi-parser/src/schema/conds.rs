//! `if` conditions.

use std::fmt::Display;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node, Value};

use super::lower::Lower;
use super::model::Cond;

impl<'t> Lower<'_, 't> {
    /// The condition of a definition, member, value, branch or feature.
    pub(super) fn cond(&mut self, entries: &[Entry<'t>], source: &dyn Display) -> Cond {
        match entries.iter().find(|entry| entry.key == "if") {
            Some(entry) => self.term(&entry.value, source),
            None => Cond::Always,
        }
    }

    fn bad_cond(&mut self, message: String, node: &Node<'t>) -> Cond {
        let help = "a condition is a name such as 'CONFIG_X', or an object with one of the keys \
             'all', 'any', 'not'";
        self.report(Diagnostic::error(Code::BadCondition, message, node.span).help(help));
        Cond::Always
    }

    fn term(&mut self, node: &Node<'t>, source: &dyn Display) -> Cond {
        let entries = match &node.value {
            Value::Str(name) if is_symbol(name) => {
                return Cond::Symbol(self.text(name));
            }
            Value::Str(name) => {
                let message =
                    format!("'if' condition '{name}' of {source} is not a valid identifier");
                return self.bad_cond(message, node);
            }
            Value::Object(entries) => entries,
            _ => {
                let message = format!("'if' condition of {source} must be a string or an object");
                return self.bad_cond(message, node);
            }
        };
        let place = format!("'if' condition of {source}");
        if !self.keys(entries, node.span, &place, &[], &["all", "any", "not"]) {
            return Cond::Always;
        }
        match &**entries {
            [only] if only.key == "not" => Cond::Not(Box::new(self.term(&only.value, source))),
            [only] if only.key == "all" => Cond::All(self.terms(only, source)),
            [only] => Cond::Any(self.terms(only, source)),
            _ => self.bad_cond(format!("{place} has conflicting keys"), node),
        }
    }

    fn terms(&mut self, entry: &Entry<'t>, source: &dyn Display) -> Box<[Cond]> {
        let Some(nodes) = entry.value.as_list() else {
            let message = format!("'{}' condition of {source} must be an array", entry.key);
            self.bad_cond(message, &entry.value);
            return Box::default();
        };
        if nodes.is_empty() {
            self.bad_cond(
                format!("'if' condition [] of {source} is useless"),
                &entry.value,
            );
        }
        nodes.iter().map(|node| self.term(node, source)).collect()
    }
}

fn is_symbol(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

//! Old dialects: the one place that knows of them.
//!
//! Each old form becomes today's, with a note that says so. Behind this stage nobody knows that
//! dialects exist, except that some rules bind only schemas without any old form.

mod conds;
mod nested;
mod tags;
mod tree;
mod types;
mod unions;

use foldhash::{HashMap, HashSet};

use crate::diagnostic::Diagnostic;
use crate::expr::{Node, Value};
use crate::schema::KEYWORDS;
use crate::source::Span;

use tree::entries_mut;

/// Which dialects are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// All since QEMU 1.0. Old forms are lifted to today's.
    #[default]
    Any,
    /// That of QEMU 10.2, with its layout rules for comments.
    Modern,
}

/// Lifts the definitions of one schema.
#[derive(Debug, Default)]
pub(crate) struct Lifter {
    /// The names that the schema defines.
    defined: HashSet<String>,
    /// The names of the wrapper types brought about so far, by type and condition.
    wrappers: HashMap<(String, Option<String>), String>,
    /// The discriminators of unions with a named base, by the name of the base.
    tags: HashMap<String, tags::Tag>,
    notes: Vec<Diagnostic>,
}

/// A definition in today's form.
#[derive(Debug)]
pub(crate) struct Lift<'t> {
    /// The definitions that it becomes: implied ones first, itself last.
    pub(crate) nodes: Vec<Node<'t>>,
    /// What was lifted.
    pub(crate) notes: Vec<Diagnostic>,
}

impl Lifter {
    /// A lifter for a schema with these definitions.
    pub(crate) fn new<'n, 't: 'n>(
        definitions: impl Iterator<Item = &'n Node<'t>> + Clone,
    ) -> Lifter {
        let tags = tags::collect(definitions.clone());
        let names = definitions.filter_map(|node| {
            let words = [
                "type",
                "enum",
                "struct",
                "union",
                "alternate",
                "command",
                "event",
            ];
            words.iter().find_map(|word| node.get(word)?.as_str())
        });
        Lifter {
            defined: names.map(str::to_owned).collect(),
            tags,
            ..Lifter::default()
        }
    }

    /// Lifts one definition.
    pub(crate) fn lift<'t>(&mut self, mut node: Node<'t>) -> Lift<'t> {
        let mut implied = Vec::new();
        if self.keyword(&mut node) {
            self.nested(&mut node, &mut implied);
            self.string_tag(&mut node, &mut implied);
        }
        for key in ["gen", "success-response"] {
            self.flag(&mut node, key);
        }
        self.conditions(&mut node);
        self.any_types(&mut node);
        self.anonymous_union(&mut node);
        self.simple_union(&mut node, &mut implied);
        implied.push(node);
        Lift {
            nodes: implied,
            notes: std::mem::take(&mut self.notes),
        }
    }

    fn note(&mut self, message: impl Into<String>, span: Span) {
        self.notes.push(Diagnostic::lifted(message, span));
    }

    /// Up to QEMU 2.3, structs were called types.
    fn keyword(&mut self, node: &mut Node) -> bool {
        if KEYWORDS.iter().any(|word| node.get(word).is_some()) {
            return false;
        }
        let keyword = entries_mut(node)
            .iter_mut()
            .find(|entry| entry.key == "type");
        let Some(entry) = keyword.filter(|entry| entry.value.as_str().is_some()) else {
            return false;
        };
        entry.key = "struct".into();
        let span = entry.key_span;
        self.note(
            "keyword 'type' read as 'struct', its name since QEMU 2.4",
            span,
        );
        true
    }

    /// Up to QEMU 2.3, these flags said `'no'`.
    fn flag(&mut self, node: &mut Node, key: &str) {
        let found = entries_mut(node).iter_mut().find(|entry| entry.key == key);
        let Some(entry) = found.filter(|entry| entry.value.as_str() == Some("no")) else {
            return;
        };
        entry.value.value = Value::Bool(false);
        let span = entry.value.span;
        self.note(
            format!("'{key}': 'no' read as false, its form since QEMU 2.4"),
            span,
        );
    }

    /// A name like `wish` that nothing has yet.
    fn free_name(&mut self, wish: String) -> String {
        let mut name = wish;
        while !self.defined.insert(name.clone()) {
            name.push('X');
        }
        name
    }
}

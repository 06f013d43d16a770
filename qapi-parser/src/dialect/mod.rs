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
use crate::expr::{Arena, Node, Value};
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
#[derive(Debug)]
pub(crate) struct Lifter<'t> {
    arena: &'t Arena,
    /// The names that the schema defines; they move into `defined` when one is asked for, as most
    /// schemas have nothing that is lifted.
    names: Vec<&'t str>,
    defined: HashSet<&'t str>,
    /// The names of the wrapper types brought about so far, by type and condition.
    wrappers: HashMap<(String, Option<String>), &'t str>,
    /// The discriminators of unions with a named base, by the name of the base.
    tags: HashMap<&'t str, tags::Tag<'t>>,
    /// The definitions that the one at hand implies, in front of it.
    implied: Vec<Node<'t>>,
    /// What was lifted.
    notes: Vec<Diagnostic>,
}

impl<'t> Lifter<'t> {
    /// A lifter for a schema with these definitions.
    pub(crate) fn new<'n>(
        arena: &'t Arena,
        definitions: impl Iterator<Item = &'n Node<'t>> + Clone,
    ) -> Lifter<'t>
    where
        't: 'n,
    {
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
            let mut entries = node.as_object()?.iter();
            let keyword = entries.find(|entry| words.contains(&entry.key))?;
            keyword.value.as_str()
        });
        Lifter {
            arena,
            names: names.collect(),
            defined: HashSet::default(),
            wrappers: HashMap::default(),
            tags,
            implied: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Brings one definition into today's form; what it implies is to be taken then.
    pub(crate) fn lift(&mut self, mut node: Node<'t>) -> Node<'t> {
        if self.keyword(&mut node) {
            self.nested(&mut node);
            self.string_tag(&mut node);
        }
        for key in ["gen", "success-response"] {
            self.flag(&mut node, key);
        }
        self.conditions(&mut node);
        self.any_types(&mut node);
        self.anonymous_union(&mut node);
        self.simple_union(&mut node);
        node
    }

    /// The definitions that the last one implies.
    pub(crate) fn take_implied(&mut self) -> Vec<Node<'t>> {
        std::mem::take(&mut self.implied)
    }

    /// Whether anything has been lifted.
    pub(crate) fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// What has been lifted.
    pub(crate) fn into_notes(self) -> Vec<Diagnostic> {
        self.notes
    }

    fn note(&mut self, message: impl Into<String>, span: Span) {
        self.notes.push(Diagnostic::lifted(message, span));
    }

    /// Up to QEMU 2.3, structs were called types.
    fn keyword(&mut self, node: &mut Node) -> bool {
        let mut entries = entries_mut(node).iter();
        if entries.any(|entry| KEYWORDS.contains(&entry.key)) {
            return false;
        }
        let keyword = entries_mut(node)
            .iter_mut()
            .find(|entry| entry.key == "type");
        let Some(entry) = keyword.filter(|entry| entry.value.as_str().is_some()) else {
            return false;
        };
        entry.key = "struct";
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

    fn is_defined(&mut self, name: &str) -> bool {
        self.defined.extend(self.names.drain(..));
        self.defined.contains(name)
    }

    /// A name like `wish` that nothing has yet.
    fn free_name(&mut self, wish: String) -> &'t str {
        let mut name = wish;
        while self.is_defined(&name) {
            name.push('X');
        }
        let name = self.arena.text(&name);
        self.defined.insert(name);
        name
    }
}

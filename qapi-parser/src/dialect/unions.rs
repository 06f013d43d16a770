//! Unions without a discriminator, up to QEMU 6.1, and unions without a name for it, up to 2.3.

use crate::expr::{Arena, Entry, Node, Value};
use crate::source::Span;

use super::Lifter;
use super::tree::{camel, entries_mut, entry, list, object, string};

impl<'t> Lifter<'t> {
    /// `'discriminator': {}` made a choice by JSON type.
    pub(super) fn anonymous_union(&mut self, node: &mut Node<'t>) {
        let empty = node
            .get("discriminator")
            .and_then(Node::as_object)
            .is_some_and(<[_]>::is_empty);
        if !empty || node.get("base").is_some() || node.get("union").is_none() {
            return;
        }
        self.without(node, "discriminator");
        for entry in entries_mut(node)
            .iter_mut()
            .filter(|entry| entry.key == "union")
        {
            entry.key = "alternate";
        }
        self.note(
            "anonymous union read as an alternate, its name since QEMU 2.4",
            node.span,
        );
    }

    /// A union with neither base nor discriminator has an implied tag `type`, and each value is
    /// wrapped in a member `data`.
    pub(super) fn simple_union(&mut self, node: &mut Node<'t>) {
        let has = |key| node.get(key).is_some();
        if !has("union") || has("base") || has("discriminator") {
            return;
        }
        let Some(name) = node.get("union").and_then(Node::as_str) else {
            return;
        };
        let Some(branches) = node.get("data").and_then(Node::as_object) else {
            return;
        };
        if branches.is_empty() {
            return;
        }
        let (arena, span) = (self.arena, node.span);
        let kind = self.free_name(format!("{name}Kind"));
        let cond = node.get("if");
        self.implied
            .push(kind_enum(arena, kind, branches, cond, span));
        let wrap = |branch: &Entry<'t>| self.wrapped(branch, name, cond);
        let data: Vec<Entry<'t>> = branches.iter().map(wrap).collect();
        let data = object(arena.list(data), span);
        self.without(node, "data");
        if let Value::Object(entries) = &mut node.value {
            let base = object(arena.list([entry("type", string(kind, span))]), span);
            let further = [
                entry("base", base),
                entry("discriminator", string("type", span)),
                entry("data", data),
            ];
            let before = std::mem::take(entries).iter().map(|one| one.copy(arena));
            let all: Vec<Entry<'t>> = before.chain(further).collect();
            *entries = arena.list(all);
        }
        self.note(
            "simple union read with a discriminator 'type', as since QEMU 6.2",
            span,
        );
    }

    /// Takes a key out of an object.
    fn without(&self, node: &mut Node<'t>, key: &str) {
        if let Value::Object(entries) = &mut node.value {
            let kept = std::mem::take(entries).iter();
            let kept = kept.filter(|entry| entry.key != key);
            let kept: Vec<Entry<'t>> = kept.map(|entry| entry.copy(self.arena)).collect();
            *entries = self.arena.list(kept);
        }
    }

    /// The branch with a struct around its value.
    fn wrapped(&mut self, branch: &Entry<'t>, union: &str, cond: Option<&Node<'t>>) -> Entry<'t> {
        let (arena, span) = (self.arena, branch.value.span);
        let (ty, own) = parts(&branch.value);
        let both = match (cond, own) {
            (Some(outer), Some(own)) => {
                let all = list(arena.list([outer.copy(arena), own.copy(arena)]), span);
                Some(object(arena.list([entry("all", all)]), span))
            }
            (outer, own) => outer.or(own).map(|cond| cond.copy(arena)),
        };
        let name = self.wrapper(ty, both, union);
        let mut value = vec![entry("type", string(name, span))];
        value.extend(own.map(|own| entry("if", own.copy(arena))));
        Entry {
            key: branch.key,
            key_span: branch.key_span,
            value: object(arena.list(value), span),
        }
    }

    /// The struct around a value of this type, one for all unions where the conditions agree.
    fn wrapper(&mut self, ty: &Node<'t>, cond: Option<Node<'t>>, union: &str) -> &'t str {
        let key = (shape(ty), cond.as_ref().map(shape));
        if let Some(name) = self.wrappers.get(&key) {
            return name;
        }
        let plain = match &ty.value {
            Value::Str(name) => camel(name),
            Value::List(nodes) => {
                let element = nodes.first().and_then(Node::as_str).unwrap_or_default();
                format!("{}Array", camel(element))
            }
            _ => String::new(),
        };
        let wish = format!("{plain}Wrapper");
        let wish = if self.is_defined(&wish) {
            format!("{union}{wish}")
        } else {
            wish
        };
        let name = self.free_name(wish);
        let arena = self.arena;
        let data = arena.list([entry("data", ty.copy(arena))]);
        let mut definition = vec![
            entry("struct", string(name, ty.span)),
            entry("data", object(data, ty.span)),
        ];
        definition.extend(cond.map(|cond| entry("if", cond)));
        self.implied.push(object(arena.list(definition), ty.span));
        self.wrappers.insert(key, name);
        name
    }
}

/// The type of a branch and its condition.
fn parts<'n, 't>(branch: &'n Node<'t>) -> (&'n Node<'t>, Option<&'n Node<'t>>) {
    (branch.get("type").unwrap_or(branch), branch.get("if"))
}

fn kind_enum<'t>(
    arena: &'t Arena,
    name: &'t str,
    branches: &[Entry<'t>],
    cond: Option<&Node<'t>>,
    span: Span,
) -> Node<'t> {
    let value = |branch: &Entry<'t>| {
        let name = string(branch.key, branch.key_span);
        match branch.value.get("if") {
            None => name,
            Some(cond) => {
                let parts = [entry("name", name), entry("if", cond.copy(arena))];
                object(arena.list(parts), branch.key_span)
            }
        }
    };
    let values = list(arena.list(branches.iter().map(value)), span);
    let mut parts = vec![entry("enum", string(name, span)), entry("data", values)];
    parts.extend(cond.map(|cond| entry("if", cond.copy(arena))));
    object(arena.list(parts), span)
}

/// A node as text, without its places.
fn shape(node: &Node<'_>) -> String {
    match &node.value {
        Value::Str(text) => format!("'{text}'"),
        Value::Bool(flag) => flag.to_string(),
        Value::List(nodes) => {
            format!(
                "[{}]",
                nodes.iter().map(shape).collect::<Vec<_>>().join(",")
            )
        }
        Value::Object(entries) => {
            let parts = entries
                .iter()
                .map(|entry| format!("'{}':{}", entry.key, shape(&entry.value)));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
        }
    }
}

//! Unions without a discriminator, up to QEMU 6.1, and unions without a name for it, up to 2.3.

use crate::expr::{Entry, Node, Value};
use crate::source::Span;

use super::Lifter;
use super::tree::{camel, entries_mut, entry, list, object, string};

impl Lifter {
    /// `'discriminator': {}` made a choice by JSON type.
    pub(super) fn anonymous_union(&mut self, node: &mut Node) {
        let empty = node
            .get("discriminator")
            .and_then(Node::as_object)
            .is_some_and(<[_]>::is_empty);
        if !empty || node.get("base").is_some() || node.get("union").is_none() {
            return;
        }
        if let Value::Object(entries) = &mut node.value {
            entries.retain(|entry| entry.key != "discriminator");
        }
        for entry in entries_mut(node)
            .iter_mut()
            .filter(|entry| entry.key == "union")
        {
            entry.key = "alternate".into();
        }
        self.note(
            "anonymous union read as an alternate, its name since QEMU 2.4",
            node.span,
        );
    }

    /// A union with neither base nor discriminator has an implied tag `type`, and each value is
    /// wrapped in a member `data`.
    pub(super) fn simple_union<'t>(&mut self, node: &mut Node<'t>, implied: &mut Vec<Node<'t>>) {
        let has = |key| node.get(key).is_some();
        if !has("union") || has("base") || has("discriminator") {
            return;
        }
        let Some(name) = node.get("union").and_then(Node::as_str).map(str::to_owned) else {
            return;
        };
        let Some(branches) = node.get("data").and_then(Node::as_object) else {
            return;
        };
        if branches.is_empty() {
            return;
        }
        let (branches, span) = (branches.to_vec(), node.span);
        let kind = self.free_name(format!("{name}Kind"));
        let cond = node.get("if").cloned();
        implied.push(kind_enum(&kind, &branches, cond.as_ref(), span));
        let wrap = |branch: &Entry<'t>| self.wrapped(branch, &name, cond.as_ref(), implied);
        let data: Vec<Entry<'t>> = branches.iter().map(wrap).collect();
        if let Value::Object(entries) = &mut node.value {
            entries.retain(|entry| entry.key != "data");
            let base = object(vec![entry("type", string(kind, span))], span);
            entries.push(entry("base", base));
            entries.push(entry("discriminator", string("type", span)));
            entries.push(entry("data", object(data, span)));
        }
        self.note(
            "simple union read with a discriminator 'type', as since QEMU 6.2",
            span,
        );
    }

    /// The branch with a struct around its value.
    fn wrapped<'t>(
        &mut self,
        branch: &Entry<'t>,
        union: &str,
        cond: Option<&Node<'t>>,
        implied: &mut Vec<Node<'t>>,
    ) -> Entry<'t> {
        let span = branch.value.span;
        let (ty, own) = parts(&branch.value);
        let both = match (cond, own) {
            (Some(outer), Some(own)) => {
                let all = list(vec![outer.clone(), own.clone()], span);
                Some(object(vec![entry("all", all)], span))
            }
            (outer, own) => outer.or(own).cloned(),
        };
        let name = self.wrapper(ty, both, union, implied);
        let mut value = vec![entry("type", string(name, span))];
        value.extend(own.map(|own| entry("if", own.clone())));
        Entry {
            value: object(value, span),
            ..branch.clone()
        }
    }

    /// The struct around a value of this type, one for all unions where the conditions agree.
    fn wrapper<'t>(
        &mut self,
        ty: &Node<'t>,
        cond: Option<Node<'t>>,
        union: &str,
        implied: &mut Vec<Node<'t>>,
    ) -> String {
        let key = (shape(ty), cond.as_ref().map(shape));
        if let Some(name) = self.wrappers.get(&key) {
            return name.clone();
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
        let wish = if self.defined.contains(&wish) {
            format!("{union}{wish}")
        } else {
            wish
        };
        let name = self.free_name(wish);
        let data = object(vec![entry("data", ty.clone())], ty.span);
        let mut definition = vec![
            entry("struct", string(name.clone(), ty.span)),
            entry("data", data),
        ];
        definition.extend(cond.map(|cond| entry("if", cond)));
        implied.push(object(definition, ty.span));
        self.wrappers.insert(key, name.clone());
        name
    }
}

/// The type of a branch and its condition.
fn parts<'n, 't>(branch: &'n Node<'t>) -> (&'n Node<'t>, Option<&'n Node<'t>>) {
    (branch.get("type").unwrap_or(branch), branch.get("if"))
}

fn kind_enum<'t>(
    name: &str,
    branches: &[Entry<'t>],
    cond: Option<&Node<'t>>,
    span: Span,
) -> Node<'t> {
    let value = |branch: &Entry<'t>| {
        let name = string(branch.key.clone(), branch.key_span);
        match branch.value.get("if") {
            None => name,
            Some(cond) => {
                let parts = vec![entry("name", name), entry("if", cond.clone())];
                object(parts, branch.key_span)
            }
        }
    };
    let values = branches.iter().map(value).collect();
    let mut parts = vec![
        entry("enum", string(name.to_owned(), span)),
        entry("data", list(values, span)),
    ];
    parts.extend(cond.map(|cond| entry("if", cond.clone())));
    object(parts, span)
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

//! Discriminators that are strings, in QEMU 1.7.

use foldhash::HashMap;

use crate::expr::Node;

use super::Lifter;
use super::tree::{entry, get_mut, list, object, string};

/// The discriminator of a union whose base is a named struct.
#[derive(Debug)]
pub(super) struct Tag<'t> {
    member: &'t str,
    union: &'t str,
    cases: Vec<&'t str>,
}

/// The discriminators by the name of the base.
pub(super) fn collect<'n, 't: 'n>(
    definitions: impl Iterator<Item = &'n Node<'t>>,
) -> HashMap<&'t str, Tag<'t>> {
    let tag = |node: &'n Node<'t>| {
        let text = |key| node.get(key).and_then(Node::as_str);
        let member = text("discriminator")?;
        let cases = node.get("data")?.as_object()?;
        let cases = cases.iter().map(|entry| entry.key).collect();
        let tag = Tag {
            member,
            union: text("union")?,
            cases,
        };
        Some((text("base")?, tag))
    };
    definitions.filter_map(tag).collect()
}

impl<'t> Lifter<'t> {
    /// Turns the string in the base `node` into an enumeration of the union's branches.
    pub(super) fn string_tag(&mut self, node: &mut Node<'t>) {
        let name = node.get("struct").and_then(Node::as_str);
        let Some(Tag {
            member,
            union,
            cases,
        }) = name.and_then(|name| self.tags.remove(name))
        else {
            return;
        };
        let found = get_mut(node, "data").and_then(|data| get_mut(data, member));
        let Some(ty) = found.filter(|ty| ty.as_str() == Some("str")) else {
            return;
        };
        let span = ty.span;
        let kind = self.free_name(format!("{union}Kind"));
        *ty = string(kind, span);
        self.note(
            format!("discriminator of type 'str' read as an enumeration '{kind}'"),
            span,
        );
        let values = cases.into_iter().map(|case| string(case, span));
        let values = list(self.arena.list(values), span);
        let parts = [entry("enum", string(kind, span)), entry("data", values)];
        self.implied.push(object(self.arena.list(parts), span));
    }
}

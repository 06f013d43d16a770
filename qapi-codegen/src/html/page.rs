//! The pages and what stands on them, in the order of the files.

use std::collections::HashSet;

use qapi_parser::schema::{EntityId, ModuleId, Schema};

use super::kind::Group;
use super::site::Site;
use crate::rest::{self, Block, Inline};

/// The page of a module.
#[derive(Debug)]
pub(super) struct Page {
    /// Its file.
    pub(super) file: String,
    /// The module's name, without the extension.
    pub(super) name: String,
    /// What it is about.
    pub(super) title: Vec<Inline>,
    pub(super) entries: Vec<Entry>,
}

/// What stands on a page.
#[derive(Debug)]
pub(super) enum Entry {
    /// The title of a section.
    Section { id: String, title: Vec<Inline> },
    /// Text of a free-form comment.
    Text(Vec<Block>),
    /// A command, event or type.
    Definition(EntityId),
}

impl Page {
    pub(super) fn definitions(&self) -> impl Iterator<Item = EntityId> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Definition(id) => Some(*id),
            _ => None,
        })
    }

    /// Those of one group.
    pub(super) fn definitions_of(&self, site: &Site<'_>, group: Group) -> Vec<EntityId> {
        let all = self.definitions();
        all.filter(|id| site.kind(*id).is_some_and(|kind| kind.group() == group))
            .collect()
    }

    /// The text in front of the first definition and section.
    pub(super) fn introduction(&self) -> impl Iterator<Item = &Block> {
        let texts = self.entries.iter().map_while(|entry| match entry {
            Entry::Text(blocks) => Some(blocks),
            _ => None,
        });
        texts.flatten()
    }
}

/// The pages of all modules that have something to read, with the pages' modules.
pub(super) fn all(schema: &Schema, is_shown: &dyn Fn(EntityId) -> bool) -> Vec<(ModuleId, Page)> {
    let mut entries: Vec<Vec<Entry>> = schema.modules().iter().map(|_| Vec::new()).collect();
    let mut free = schema.free_docs().iter().peekable();
    let ids = (0..).map(EntityId).take(schema.entities().len());
    for (at, id) in ids.map(Some).chain([None]).enumerate() {
        while let Some(one) = free.next_if(|one| one.before <= at) {
            let module = one.doc.span.map_or(0, |span| span.file() as usize + 1);
            if let Some(entries) = entries.get_mut(module) {
                add_text(entries, &one.doc.body);
            }
        }
        if let Some(id) = id.filter(|id| is_shown(*id)) {
            let module = schema.entity(id).module.0 as usize;
            if let Some(entries) = entries.get_mut(module) {
                entries.push(Entry::Definition(id));
            }
        }
    }
    let mut files = reserved();
    let modules = (0..).map(ModuleId).zip(entries);
    let filled = modules.filter(|(_, entries)| !entries.is_empty());
    filled
        .map(|(module, entries)| {
            let name = schema.module(module).name.trim_end_matches(".json");
            (module, page(name, entries, &mut files))
        })
        .collect()
}

fn reserved() -> HashSet<String> {
    use super::site::{INDEX, NAMES, PREDEFINED};
    [INDEX, NAMES, PREDEFINED].map(str::to_owned).into()
}

fn page(name: &str, mut entries: Vec<Entry>, files: &mut HashSet<String>) -> Page {
    let has_title = matches!(entries.first(), Some(Entry::Section { .. }));
    let title = if has_title {
        match entries.remove(0) {
            Entry::Section { title, .. } => title,
            _ => Vec::new(),
        }
    } else {
        vec![Inline::Text(name.to_owned())]
    };
    let mut ids = HashSet::new();
    for entry in &mut entries {
        if let Entry::Section { id, title } = entry {
            *id = unique(&slug("section-", &plain(title)), "", &mut ids);
        }
    }
    let stem = name.rsplit('/').next().unwrap_or(name);
    Page {
        file: unique(&slug("", stem), ".html", files),
        name: name.to_owned(),
        title,
        entries,
    }
}

fn add_text(entries: &mut Vec<Entry>, text: &str) {
    for block in rest::parse_free(text) {
        match (block, entries.last_mut()) {
            (Block::Heading { text, .. }, _) => entries.push(Entry::Section {
                id: String::new(),
                title: text,
            }),
            (block, Some(Entry::Text(blocks))) => blocks.push(block),
            (block, _) => entries.push(Entry::Text(vec![block])),
        }
    }
}

/// A text made of lower-case letters, digits and `-` only; file systems may not tell cases apart.
fn slug(prefix: &str, text: &str) -> String {
    let mut out = prefix.to_owned();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            out.push(c.to_ascii_lowercase());
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    let length = out.trim_end_matches('-').len().min(100);
    out.truncate(length);
    if out.is_empty() {
        out.push_str("module");
    }
    out
}

/// The name, with a number if it is taken.
fn unique(stem: &str, extension: &str, taken: &mut HashSet<String>) -> String {
    let mut name = format!("{stem}{extension}");
    let mut number = 2_u32;
    while !taken.insert(name.clone()) {
        name = format!("{stem}-{number}{extension}");
        number = number.saturating_add(1);
    }
    name
}

/// The text without its markup.
pub(super) fn plain(text: &[Inline]) -> String {
    let mut out = String::new();
    put_plain(&mut out, text);
    out
}

fn put_plain(out: &mut String, text: &[Inline]) {
    for piece in text {
        match piece {
            Inline::Text(text)
            | Inline::Code(text)
            | Inline::Interpreted(text)
            | Inline::Name(text)
            | Inline::Address(text) => out.push_str(text),
            Inline::Escaped(c) => out.push(*c),
            Inline::Emphasis(text)
            | Inline::Strong(text)
            | Inline::Reference(text)
            | Inline::Role { text, .. }
            | Inline::Link { text, .. } => put_plain(out, text),
        }
    }
}

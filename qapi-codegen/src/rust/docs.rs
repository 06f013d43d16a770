//! Documentation comments as rustdoc.

use qapi_parser::doc::{Doc, Section, SectionKind};
use qapi_parser::schema::{Cond, Entity, EntityId, EntityKind, Feature};

use super::code::Code;
use super::context::Context;
use super::features;
use crate::rest;

/// The lines of a documentation comment.
pub(crate) type Docs = Vec<String>;

/// The lines as attributes.
pub(crate) fn attributes(docs: &Docs) -> Code {
    let mut code = Code::default();
    for line in docs {
        if line.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            code.doc(line);
        } else {
            code.doc(&rest::printable(line));
        }
    }
    code
}

/// A type, command or event.
pub(crate) fn entity(context: &Context<'_>, id: EntityId) -> Docs {
    let entity = context.entity(id);
    let mut docs = Paragraphs::default();
    let doc = doc(context, entity);
    docs.add(doc.map(|doc| rest::body(&doc.body)).unwrap_or_default());
    if docs.lines.is_empty() {
        docs.add(vec![format!("`{}`", entity.name)]);
    }
    for part in doc.iter().flat_map(|doc| &doc.sections) {
        docs.add(section(part));
    }
    docs.add(feature_list(context, &entity.features, doc));
    docs.add(if_line(context, &entity.cond));
    docs.lines
}

/// A member or value that `owner` or its bases document.
pub(crate) fn member(context: &Context<'_>, owner: EntityId, name: &str, is_tag: bool) -> Docs {
    let mut docs = Paragraphs::default();
    docs.add(description(context, owner, name).unwrap_or_default());
    match (docs.lines.is_empty(), is_tag) {
        (true, true) => docs.add(vec![format!(
            "`{name}`, with the members that depend on it"
        )]),
        (true, false) => docs.add(vec![format!("`{name}`")]),
        (false, true) => docs.add(vec!["The members that depend on it are in it.".to_owned()]),
        (false, false) => {}
    }
    docs.lines
}

/// What comes behind the description of a member or value: its condition, and whether it may change.
pub(crate) fn remarks(
    context: &Context<'_>,
    mut docs: Docs,
    features: &[Feature],
    cond: &Cond,
) -> Docs {
    let mut remarks = Paragraphs {
        lines: std::mem::take(&mut docs),
    };
    if features::is_unstable(features) {
        remarks.add(vec!["**Unstable:** it may change or go away.".to_owned()]);
    }
    remarks.add(if_line(context, cond));
    remarks.lines
}

/// Why something is to go away.
pub(crate) fn deprecation(context: &Context<'_>, owner: EntityId) -> Option<String> {
    let doc = doc(context, context.entity(owner))?;
    doc.feature("deprecated")
        .map(|feature| rest::printable(&rest::plain(&feature.text)))
        .filter(|text| !text.is_empty())
}

/// The enum that holds what depends on a union's tag.
pub(crate) fn tag(context: &Context<'_>, union: EntityId, tag: &str) -> Docs {
    vec![
        format!("The variants of [`{}`], by `{tag}`.", context.name(union)),
        String::new(),
        "Large data is in a box; `into` makes it of either.".to_owned(),
    ]
}

/// One branch of a union.
pub(crate) fn branch(case: &str, has_data: bool) -> Docs {
    vec![if has_data {
        format!("`{case}`")
    } else {
        format!("`{case}`: without further members")
    }]
}

/// The method of a handler for a command.
pub(crate) fn method(context: &Context<'_>, command: EntityId) -> Docs {
    let entity = context.entity(command);
    let mut docs = Paragraphs::default();
    docs.add(
        doc(context, entity)
            .map(|doc| rest::summary(&rest::body(&doc.body)))
            .unwrap_or_default(),
    );
    let (wire, name) = (&entity.name, context.name(command));
    docs.add(vec![format!(
        "The command `{wire}`: [`{name}`](super::super::commands::{name})."
    )]);
    docs.lines
}

/// Blocks with blank lines between them.
#[derive(Debug, Default)]
struct Paragraphs {
    lines: Docs,
}

impl Paragraphs {
    fn add(&mut self, block: Docs) {
        if !self.lines.is_empty() && !block.is_empty() {
            self.lines.push(String::new());
        }
        self.lines.extend(block);
    }
}

fn doc<'s>(context: &Context<'_>, entity: &'s Entity) -> Option<&'s Doc> {
    entity
        .doc
        .as_deref()
        .filter(|_| context.options.doc_comments)
}

/// The description of a member, which may stand with the base that it comes from.
fn description(context: &Context<'_>, owner: EntityId, name: &str) -> Option<Docs> {
    let mut next = Some(owner);
    while let Some(id) = next {
        let entity = context.entity(id);
        if let Some(description) = doc(context, entity).and_then(|doc| doc.member(name)) {
            return Some(rest::hanging(&description.text)).filter(|lines| !lines.is_empty());
        }
        next = match &entity.kind {
            EntityKind::Struct(object) => object.base,
            EntityKind::Union(union) => Some(union.base),
            _ => None,
        };
    }
    None
}

/// A tagged section. What is left to do is of interest to the schema's authors only.
fn section(section: &Section) -> Docs {
    let word = match section.kind {
        SectionKind::Todo => return Docs::new(),
        SectionKind::Plain => return rest::body(&section.text),
        SectionKind::Example => {
            let mut lines = vec!["**Example:**".to_owned(), String::new()];
            lines.extend(rest::literal(&section.text));
            return lines;
        }
        kind => kind.as_str(),
    };
    let mut lines = rest::hanging(&section.text);
    match lines.first_mut() {
        Some(first)
            if first.starts_with(|c: char| c.is_alphanumeric() || c == '`')
                && !first.starts_with("```") =>
        {
            *first = format!("**{word}:** {first}");
        }
        Some(_) => {
            lines.insert(0, String::new());
            lines.insert(0, format!("**{word}:**"));
        }
        None => {}
    }
    lines
}

/// The features of an entity, then those that it describes for its members.
fn feature_list(context: &Context<'_>, features: &[Feature], doc: Option<&Doc>) -> Docs {
    let kept = features
        .iter()
        .filter(|feature| context.keeps(&feature.cond));
    let mut names: Vec<&str> = kept.map(|feature| feature.name.as_str()).collect();
    let described = doc
        .iter()
        .flat_map(|doc| &doc.features)
        .map(|feature| feature.name.as_str());
    names.extend(described.filter(|name| !features.iter().any(|feature| feature.name == *name)));
    if names.is_empty() {
        return Docs::new();
    }
    let items = names.into_iter().flat_map(|name| feature_item(name, doc));
    ["**Features:**".to_owned(), String::new()]
        .into_iter()
        .chain(items)
        .collect()
}

fn feature_item(name: &str, doc: Option<&Doc>) -> Docs {
    let text = doc
        .and_then(|doc| doc.feature(name))
        .map(|one| rest::hanging(&one.text));
    let mut lines = text.unwrap_or_default().into_iter();
    let first = match lines.next() {
        Some(first) => format!("- `{name}`: {first}"),
        None => format!("- `{name}`"),
    };
    let rest = lines.map(|line| {
        if line.is_empty() {
            line
        } else {
            format!("  {line}")
        }
    });
    std::iter::once(first).chain(rest).collect()
}

fn if_line(context: &Context<'_>, cond: &Cond) -> Docs {
    match prose(cond, false) {
        Some(condition) if context.options.doc_comments => vec![format!("**If:** {condition}")],
        _ => Docs::new(),
    }
}

fn prose(cond: &Cond, nested: bool) -> Option<String> {
    let join = |terms: &[Cond], word: &str| {
        let text = terms
            .iter()
            .filter_map(|term| prose(term, true))
            .collect::<Vec<_>>()
            .join(word);
        if nested && terms.len() > 1 {
            format!("({text})")
        } else {
            text
        }
    };
    match cond {
        Cond::Always => None,
        Cond::Symbol(name) => Some(format!("`{name}`")),
        Cond::All(terms) => Some(join(terms, " and ")),
        Cond::Any(terms) => Some(join(terms, " or ")),
        Cond::Not(term) => prose(term, true).map(|term| format!("not {term}")),
    }
}

//! From one expression to one [`Definition`]: keys, shapes, names.
//!
//! Nothing here knows of other definitions. Each noun has its own file; this one has what they
//! share, and the order of the checks.

use std::fmt::Display;

use crate::diagnostic::{Code, Context, Diagnostic};
use crate::doc::{Doc, SectionKind};
use crate::expr::{Entry, Node, Value};
use crate::source::Span;
use crate::suggest::nearest;
use crate::text::{Text, Whole};

use super::ast::{Data, Definition, RawMember, TypeRef};
use super::names::Permit;
use super::pragmas::Pragmas;
use super::symbols::Symbols;

/// The keywords, in the order in which QEMU lists them.
pub(crate) const KEYWORDS: [&str; 6] = ["enum", "struct", "union", "alternate", "command", "event"];

/// Lowers one definition.
#[derive(Debug)]
pub(crate) struct Lower<'p, 't> {
    /// The text of the file that holds the definition.
    file: &'p Whole,
    pub(super) pragmas: &'p Pragmas,
    symbols: &'p mut Symbols<'t>,
    span: Span,
    written: bool,
    /// The keyword and the name, once known.
    context: Option<(&'static str, &'t str)>,
    problems: Vec<Diagnostic>,
}

/// What comes of an expression.
#[derive(Debug)]
pub(crate) struct Lowered<'t> {
    /// The definition, unless it is not even clear what it defines.
    pub(crate) definition: Option<Definition<'t>>,
    /// The name it gives, for the errors of others.
    pub(crate) name: Option<&'t str>,
    pub(crate) problems: Vec<Diagnostic>,
}

/// Lowers the top-level object `node` of the file with this text.
///
/// `written` tells it from one that lifting an old form has brought about.
pub(crate) fn lower<'t>(
    node: &Node<'t>,
    doc: Option<Box<Doc>>,
    file: &Whole,
    pragmas: &Pragmas,
    symbols: &mut Symbols<'t>,
    written: bool,
) -> Lowered<'t> {
    let problems = Vec::new();
    let mut lower = Lower {
        file,
        pragmas,
        symbols,
        span: node.span,
        written,
        context: None,
        problems,
    };
    let definition = lower.definition(node, doc);
    let name = lower.context.map(|(_, name)| name);
    Lowered {
        definition,
        name,
        problems: lower.problems,
    }
}

impl<'t> Lower<'_, 't> {
    /// A part of the file as text that is shared with it.
    pub(super) fn text(&self, part: &str) -> Text {
        Text::part(self.file, part)
    }

    /// Reports a problem of this definition.
    pub(super) fn report(&mut self, mut problem: Diagnostic) {
        problem.context = self.context.as_ref().map(|(kind, name)| Context {
            kind,
            name: name.to_string(),
        });
        self.problems.push(problem.anchor(self.span, false));
    }

    pub(super) fn error(&mut self, code: Code, message: &str, span: Span) {
        self.report(Diagnostic::error(code, message, span));
    }

    /// The keyword of the definition.
    pub(super) fn kind(&self) -> &'static str {
        self.context.as_ref().map_or("definition", |(kind, _)| kind)
    }

    fn definition(&mut self, node: &Node<'t>, doc: Option<Box<Doc>>) -> Option<Definition<'t>> {
        let entries = node.as_object()?;
        let mut found = KEYWORDS
            .iter()
            .filter_map(|word| Some((*word, node.get(word)?)));
        let (Some((keyword, name)), None) = (found.next(), found.next()) else {
            let list = KEYWORDS.map(|word| format!("'{word}'")).join(", ");
            let message = format!("expression must have exactly one key {list}");
            self.error(Code::NoKeyword, &message, node.span);
            return None;
        };
        let Value::Str(text) = name.value else {
            let message = format!("'{keyword}' requires a string name");
            self.error(Code::BadValue, &message, name.span);
            return None;
        };
        self.context = Some((keyword, text));
        self.name_definition(text, name.span);
        self.doc(doc.as_deref(), text, name.span, node);
        let kind = match keyword {
            "enum" => self.enumeration(node, entries, text)?,
            "struct" => self.structure(node, entries, text)?,
            "union" => self.union(node, entries, text)?,
            "alternate" => self.alternate(node, entries)?,
            "command" => self.command(node, entries)?,
            _ => self.event(node, entries)?,
        };
        let cond = self.cond(entries, &keyword);
        let features = self.features(entries);
        self.flags(entries);
        Some(Definition {
            name: text,
            span: node.span,
            head: node.span.at_start().to(name.span),
            cond,
            features,
            doc,
            kind,
        })
    }

    fn doc(&mut self, doc: Option<&Doc>, name: &str, span: Span, node: &Node<'t>) {
        let Some(doc) = doc else {
            if self.pragmas.doc_required && self.written {
                let message = "documentation comment required";
                self.report(
                    Diagnostic::error(Code::DocMissing, message, span)
                        .help("the pragma 'doc-required' asks for one on every definition"),
                );
            }
            return;
        };
        if let Some(symbol) = doc
            .symbol
            .as_ref()
            .filter(|symbol| !symbol.is_empty() && **symbol != *name)
        {
            let message = format!("documentation comment is for '{symbol}'");
            let problem = Diagnostic::error(Code::DocMisplaced, message, span).soft_docs();
            self.report(match doc.span {
                Some(comment) => problem.label(comment, "this comment"),
                None => problem,
            });
        }
        self.doc_returns(doc, node);
    }

    /// Only commands return something, and not all of them. QEMU points at the section.
    fn doc_returns(&mut self, doc: &Doc, node: &Node<'t>) {
        let is_command = self.kind() == "command";
        let problem = |section: &crate::doc::Section, message: String| {
            Diagnostic::error(Code::DocSection, message, section.span).soft_docs()
        };
        if let Some(section) = doc.section(SectionKind::Returns) {
            if !is_command {
                let message = "'Returns' section is only valid for commands".to_owned();
                self.problems.push(problem(section, message));
            } else if node.get("returns").is_none() {
                let message = "'Returns' section, but command doesn't return anything".to_owned();
                self.problems.push(problem(section, message));
            }
        }
        if let Some(section) = doc.section(SectionKind::Errors).filter(|_| !is_command) {
            let message = "'Errors' section is only valid for commands".to_owned();
            self.problems.push(problem(section, message));
        }
    }

    /// Checks the keys of an object; false when one is missing.
    pub(super) fn keys(
        &mut self,
        entries: &[Entry<'t>],
        span: Span,
        source: &dyn Display,
        required: &[&str],
        optional: &[&str],
    ) -> bool {
        let has = |key: &str| entries.iter().any(|entry| entry.key == key);
        let missing: Vec<&str> = required.iter().copied().filter(|key| !has(key)).collect();
        if !missing.is_empty() {
            let message = format!("{source} misses key{} {}", plural(&missing), list(&missing));
            self.error(Code::MissingKey, &message, span);
        }
        let known = |key: &str| required.contains(&key) || optional.contains(&key);
        let unknown: Vec<&Entry> = entries.iter().filter(|entry| !known(entry.key)).collect();
        if let Some(first) = unknown.first() {
            let names: Vec<&str> = unknown.iter().map(|entry| entry.key).collect();
            let message = format!(
                "{source} has unknown key{} {}",
                plural(&names),
                list(&names)
            );
            let valid: Vec<&str> = required.iter().chain(optional).copied().collect();
            let note = format!("Valid keys are {}.", list(&valid));
            let problem = Diagnostic::error(Code::UnknownKey, message, first.key_span).note(note);
            let absent = valid.iter().copied().filter(|key| !has(key));
            let meant = nearest(first.key, absent);
            self.report(match meant {
                Some(key) => problem.help(format!("did you mean '{key}'?")),
                None => problem,
            });
            return false;
        }
        missing.is_empty()
    }

    /// A type name, or an array of one where `array` says so.
    pub(super) fn type_ref(
        &mut self,
        node: &Node<'t>,
        source: &dyn Display,
        array: bool,
    ) -> Option<TypeRef> {
        let mut named = |name, array, span| TypeRef {
            name: self.symbols.symbol(name),
            array,
            span,
        };
        let message = match &node.value {
            Value::Str(name) => return Some(named(name, false, node.span)),
            Value::List(nodes) if array => match &**nodes {
                [
                    Node {
                        value: Value::Str(name),
                        span,
                    },
                ] => return Some(named(name, true, *span)),
                _ => format!("{source}: array type must contain single type name"),
            },
            _ if array => format!("{source} should be a type name or array"),
            _ => format!("{source} should be a type name"),
        };
        self.error(Code::BadValue, &message, node.span);
        None
    }

    /// A type name, or members in place; those of the type `parent` may be excepted from naming rules.
    pub(super) fn data(
        &mut self,
        node: &Node<'t>,
        source: &dyn Display,
        parent: Option<&str>,
    ) -> Option<Data<'t>> {
        match &node.value {
            Value::Str(_) => self.type_ref(node, source, false).map(Data::Named),
            _ => self.members(node, source, parent).map(Data::Inline),
        }
    }

    /// Members in place.
    pub(super) fn members(
        &mut self,
        node: &Node<'t>,
        source: &dyn Display,
        parent: Option<&str>,
    ) -> Option<Vec<RawMember<'t>>> {
        let Some(entries) = node.as_object() else {
            let message = format!("{source} should be an object or type name");
            self.error(Code::BadValue, &message, node.span);
            return None;
        };
        let excepted = parent.is_some_and(|name| self.pragmas.member_names.contains(name));
        let permit = Permit {
            upper: excepted,
            underscore: excepted,
        };
        let members = entries.iter();
        let members = members.filter_map(|entry| self.member(entry, source, permit));
        Some(collect(entries.len(), members))
    }

    fn member(
        &mut self,
        entry: &Entry<'t>,
        source: &dyn Display,
        permit: Permit,
    ) -> Option<RawMember<'t>> {
        let source = format_args!("{source} member '{}'", entry.key);
        let (name, optional) = without_star(entry.key);
        self.name_lower(name, entry.key_span, &source, permit);
        self.name_reserved(name, entry.key_span, &source);
        let (ty, entries) = self.exploded(entry, &source, &["if", "features"])?;
        let cond = self.cond(entries, &source);
        let features = self.features(entries);
        let ty = self.type_ref(ty, &source, true)?;
        Some(RawMember {
            name,
            optional,
            ty,
            cond,
            features,
            span: entry.key_span,
        })
    }

    /// A type, or an object with the type under `type` and `optional` keys.
    pub(super) fn exploded<'n>(
        &mut self,
        entry: &'n Entry<'t>,
        source: &dyn Display,
        optional: &[&str],
    ) -> Option<(&'n Node<'t>, &'n [Entry<'t>])> {
        match &entry.value.value {
            Value::Object(entries) => {
                self.keys(entries, entry.value.span, source, &["type"], optional);
                Some((entry.value.get("type")?, entries))
            }
            _ => Some((&entry.value, &[])),
        }
    }
}

/// The name of a member, and whether it is optional.
fn without_star(key: &str) -> (&str, bool) {
    match key.strip_prefix('*') {
        Some(name) => (name, true),
        None => (key, false),
    }
}

/// A list that takes no more room than it needs if all are there.
pub(super) fn collect<T>(count: usize, all: impl Iterator<Item = T>) -> Vec<T> {
    let mut list = Vec::with_capacity(count);
    list.extend(all);
    list
}

fn plural(names: &[&str]) -> &'static str {
    if names.len() > 1 { "s" } else { "" }
}

/// The names in quotes, in alphabetical order.
fn list(names: &[&str]) -> String {
    let mut names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    names.sort();
    names.join(", ")
}

//! Documentation comments: from lines to named pieces.
//!
//! A block for a definition starts with `@name:`; then come the body, the descriptions of members
//! and features, and the tagged sections. A block without that line is free-form and all body.
//! Text keeps its lines and their indentation relative to each other.

mod layout;
mod lines;
mod marks;
mod parse;
mod pieces;
mod problems;

pub(crate) use lines::skip;
pub(crate) use parse::{Scratch, parse, whole};

use crate::source::Span;
use crate::text::{Text, Whole};

/// One documentation comment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Doc {
    /// The name on its first line; none for a free-form block.
    pub symbol: Option<Text>,
    /// The whole comment.
    pub span: Option<Span>,
    /// The text in front of every description and section: lines joined by newlines.
    pub body: Text,
    /// The descriptions of members, values or arguments, in order.
    pub members: Vec<Description>,
    /// The descriptions of features, in order.
    pub features: Vec<Description>,
    /// The sections behind them, in order.
    pub sections: Vec<Section>,
}

/// The description of a member, value, argument or feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// What it describes.
    pub name: Text,
    /// The text; the first line may follow the name, later lines keep their indentation.
    pub text: Text,
    /// The line that starts it.
    pub span: Span,
}

/// A tagged section, or plain text behind one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its tag.
    pub kind: SectionKind,
    /// Its text, without the tag.
    pub text: Text,
    /// The line that starts it.
    pub span: Span,
}

/// The tag of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SectionKind {
    /// No tag: more text.
    Plain,
    /// `Returns:`
    Returns,
    /// `Errors:`
    Errors,
    /// `Since:`
    Since,
    /// `TODO:`
    Todo,
    /// `Note:` or `Notes:`, in use up to QEMU 9.0.
    Note,
    /// `Example:` or `Examples:`, in use up to QEMU 9.0.
    Example,
}

impl SectionKind {
    /// The word that stands in front of the colon; empty for plain text.
    pub fn as_str(self) -> &'static str {
        match self {
            SectionKind::Plain => "",
            SectionKind::Returns => "Returns",
            SectionKind::Errors => "Errors",
            SectionKind::Since => "Since",
            SectionKind::Todo => "TODO",
            SectionKind::Note => "Note",
            SectionKind::Example => "Example",
        }
    }
}

impl Doc {
    /// Gives the text of which the pieces are parts.
    pub(crate) fn complete(&mut self, prose: &Whole) {
        self.body.complete(prose);
        let described = self.members.iter_mut().chain(&mut self.features);
        for text in described.map(|one| &mut one.text) {
            text.complete(prose);
        }
        for section in &mut self.sections {
            section.text.complete(prose);
        }
    }

    /// The description of a member, if it has one.
    pub fn member(&self, name: &str) -> Option<&Description> {
        self.members.iter().find(|one| one.name == name)
    }

    /// The description of a feature, if it has one.
    pub fn feature(&self, name: &str) -> Option<&Description> {
        self.features.iter().find(|one| one.name == name)
    }

    /// The first section of this kind, if there is one.
    pub fn section(&self, kind: SectionKind) -> Option<&Section> {
        self.sections.iter().find(|one| one.kind == kind)
    }

    /// The release of the `Since:` section, such as `9.1`.
    pub fn since(&self) -> Option<&str> {
        self.section(SectionKind::Since)
            .map(|section| section.text.trim())
    }
}

//! The pieces of a block while it is read.
//!
//! The text of many blocks goes into one buffer, which their pieces share in the end. The rest of the room
//! is used for one block after the other.

use foldhash::HashSet;

use crate::source::Span;
use crate::text::{Text, Whole};

use super::{Description, Doc, Section, SectionKind};

/// Which piece of the block the next line of text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    #[default]
    Body,
    Member,
    Feature,
    Section(SectionKind),
    /// A description that was refused.
    Nowhere,
}

/// A description or a section.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'t> {
    pub(super) place: Place,
    /// What it describes; empty for a section.
    name: &'t str,
    pub(super) span: Span,
    /// Its text in the buffer.
    text: (u32, u32),
}

impl Piece<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.text.0 == self.text.1
    }
}

#[derive(Debug, Default)]
pub(super) struct Pieces<'t> {
    /// The text of one block after the other.
    pub(super) prose: String,
    /// Where the text of the piece at hand starts.
    start: usize,
    place: Place,
    body: (u32, u32),
    list: Vec<Piece<'t>>,
    /// The features (true) and members (false) that are described, once they are many.
    seen: HashSet<(bool, &'t str)>,
}

impl<'t> Pieces<'t> {
    /// Up to so many names are compared one by one.
    const FEW: usize = 32;

    pub(super) fn clear(&mut self) {
        self.start = self.prose.len();
        self.place = Place::Body;
        self.body = (0, 0);
        self.list.clear();
        self.seen.clear();
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    pub(super) fn list(&self) -> &[Piece<'t>] {
        &self.list
    }

    pub(super) fn has_features(&self) -> bool {
        self.list.iter().any(|piece| piece.place == Place::Feature)
    }

    pub(super) fn has_section(&self, kind: SectionKind) -> bool {
        let place = Place::Section(kind);
        self.list.iter().any(|piece| piece.place == place)
    }

    /// A further line for the piece at hand.
    #[inline]
    pub(super) fn append(&mut self, line: &str) {
        self.prose.push_str(line);
        self.prose.push('\n');
    }

    /// Whether nothing of this name has been described at this place.
    pub(super) fn is_new(&mut self, place: Place, name: &'t str) -> bool {
        let same = |piece: &Piece<'_>| piece.place == place && piece.name == name;
        if self.list.len() < Self::FEW {
            return !self.list.iter().any(same);
        }
        if self.seen.is_empty() {
            let names = self.list.iter();
            let names = names.filter(|piece| matches!(piece.place, Place::Member | Place::Feature));
            let key = |piece: &Piece<'t>| (piece.place == Place::Feature, piece.name);
            self.seen.extend(names.map(key));
        }
        self.seen.insert((place == Place::Feature, name))
    }

    /// Ends the piece at hand and starts another one.
    pub(super) fn open(&mut self, place: Place, name: &'t str, span: Span) {
        self.close();
        let text = (0, 0);
        self.place = place;
        self.list.push(Piece {
            place,
            name,
            span,
            text,
        });
    }

    /// Ends the piece at hand; what follows belongs to nothing.
    pub(super) fn refuse(&mut self) {
        self.close();
        self.place = Place::Nowhere;
    }

    /// Ends the piece at hand: it gets its text, without blank lines around it.
    pub(super) fn close(&mut self) {
        let text = self.prose.get(self.start..).unwrap_or_default();
        let is_text = |byte: &u8| *byte != b'\n';
        let first = text.bytes().position(|byte| is_text(&byte)).unwrap_or(0);
        let last = text.as_bytes().iter().rposition(is_text);
        let start = self.start + first;
        let end = last.map_or(start, |last| self.start + last + 1);
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let range = (offset(start), offset(end));
        match self.place {
            Place::Body => self.body = range,
            Place::Nowhere => self.prose.truncate(self.start),
            _ => {
                if let Some(last) = self.list.last_mut() {
                    last.text = range;
                }
            }
        }
        self.start = self.prose.len();
    }

    /// Moves all into `doc`; names are parts of `file`.
    pub(super) fn finish(&self, doc: &mut Doc, file: &Whole) {
        let text = |(start, end)| Text::promised(start, end);
        let count = |place| self.list.iter().filter(|one| one.place == place).count();
        let (members, features) = (count(Place::Member), count(Place::Feature));
        doc.members.reserve_exact(members);
        doc.features.reserve_exact(features);
        let sections = self.list.len() - members - features;
        doc.sections.reserve_exact(sections);
        doc.body = text(self.body);
        for piece in &self.list {
            let (text, span) = (text(piece.text), piece.span);
            let list = match piece.place {
                Place::Section(kind) => {
                    doc.sections.push(Section { kind, text, span });
                    continue;
                }
                Place::Feature => &mut doc.features,
                _ => &mut doc.members,
            };
            let name = Text::part(file, piece.name);
            list.push(Description { name, text, span });
        }
    }
}

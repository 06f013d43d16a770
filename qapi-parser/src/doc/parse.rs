//! The lines of a block to a [`Doc`].

use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::text::{Text, Whole};

use super::layout::Layout;
use super::lines::{self, Line};
use super::marks::{at_name, described, outdated, tag};
use super::pieces::{Pieces, Place};
use super::problems::Problems;
use super::{Doc, SectionKind};

/// Room that is used for one block after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch<'t> {
    lines: Vec<Line<'t>>,
    pieces: Pieces<'t>,
}

impl Scratch<'_> {
    /// Makes room for the text of the comments in so much of a file, unless there is some.
    pub(crate) fn expect(&mut self, size: usize) {
        if self.pieces.prose.is_empty() {
            self.pieces.prose.reserve(size);
        }
    }

    /// The text of which the pieces of all blocks since the last call are parts; they have it only when it is given to
    /// them by [`Doc::complete`].
    pub(crate) fn take_prose(&mut self) -> Whole {
        let mut prose = std::mem::take(&mut self.pieces.prose);
        prose.shrink_to_fit();
        Whole::new(prose)
    }
}

/// Reads the block whose lines are at these places of `file`, with the token `behind` it, and says what is wrong
/// with it. Its texts are there after [`Scratch::take_prose`].
pub(crate) fn parse<'t>(
    places: &[Span],
    behind: Span,
    file: &'t Whole,
    modern: bool,
    scratch: &mut Scratch<'t>,
) -> (Doc, Vec<Diagnostic>) {
    let mut problems = Problems::new(modern);
    let Scratch { lines, pieces } = scratch;
    lines.clear();
    pieces.clear();
    lines::read(file, places, behind, lines, &mut problems);
    if modern {
        let mut layout = Layout::default();
        for problem in lines.iter().filter_map(|line| layout.check(line)) {
            problems.push(problem);
        }
    }
    let mut reader = Reader {
        lines,
        pieces,
        at: 0,
        symbol: None,
        problems,
        old: false,
    };
    reader.block();
    let mut doc = Doc {
        symbol: reader.symbol.map(|name| Text::part(file, name)),
        span: whole(places),
        ..Doc::default()
    };
    reader.pieces.finish(&mut doc, file);
    (doc, reader.problems.into_vec())
}

/// From the first of these places to the last.
pub(crate) fn whole(places: &[Span]) -> Option<Span> {
    Some(places.first()?.to(*places.last()?))
}

struct Reader<'l, 's> {
    lines: &'l [Line<'s>],
    pieces: &'l mut Pieces<'s>,
    at: usize,
    /// The name on the first line.
    symbol: Option<&'s str>,
    problems: Problems,
    /// Whether the block has marks of the style of QEMU 2.8 and before.
    old: bool,
}

impl<'s> Reader<'_, 's> {
    fn peek(&self) -> Option<Line<'s>> {
        self.lines.get(self.at).copied()
    }

    fn block(&mut self) {
        let symbol = self
            .peek()
            .and_then(|line| Some((line, line.text.strip_prefix('@')?)));
        match symbol {
            Some((line, rest)) => {
                self.symbol(line, rest);
                self.definition();
            }
            None => self.free_form(),
        }
        self.finish();
    }

    fn symbol(&mut self, line: Line<'_>, rest: &'s str) {
        self.at += 1;
        let name = match rest.strip_suffix(':') {
            Some(name) => name,
            None => {
                let problem =
                    Diagnostic::syntax(Code::DocSymbol, "line should end with ':'", line.span);
                self.problems
                    .lift(problem, "'@name' without its colon read as the name");
                self.old = true;
                rest
            }
        };
        if name.is_empty() {
            let problem = Diagnostic::syntax(Code::DocSymbol, "name required after '@'", line.span);
            self.problems.legacy(problem);
        }
        self.symbol = Some(name);
    }

    fn definition(&mut self) {
        let mut no_more_members = false;
        while let Some(line) = self.next_text() {
            if line.text == "Features:" {
                self.features(line);
                no_more_members = true;
            } else if at_name(line.text).is_some() {
                self.members(no_more_members);
                no_more_members |= self.problems.modern;
            } else if let Some((kind, rest)) = tag(line.text) {
                self.at += 1;
                self.section(kind, line, rest);
                no_more_members = true;
            } else {
                self.paragraph(line);
            }
        }
    }

    /// The next line with text; blank ones in front of it are kept.
    fn next_text(&mut self) -> Option<Line<'s>> {
        while let Some(line) = self.peek() {
            if !line.is_blank() {
                return Some(line);
            }
            self.pieces.append("");
            self.at += 1;
        }
        None
    }

    fn features(&mut self, heading: Line<'_>) {
        if self.pieces.has_features() {
            let message = "duplicated 'Features:' line";
            self.problems
                .push(Diagnostic::syntax(Code::DocSection, message, heading.span));
        }
        self.at += 1;
        let mut next = self.next_text();
        let mut found = false;
        while let Some((name, rest, line)) = next.and_then(described) {
            found = true;
            self.describe(Place::Feature, name, rest, line.span);
            next = self.next_text();
        }
        if !found && !self.pieces.has_features() {
            let span = next.map_or(heading.span, |line| line.span);
            let message = "feature descriptions expected";
            self.problems
                .push(Diagnostic::syntax(Code::DocSection, message, span));
        }
    }

    fn members(&mut self, too_late: bool) {
        while let Some((name, rest, line)) = self.next_text().and_then(described) {
            if too_late {
                let message = format!("description of '@{name}:' follows a section");
                self.problems
                    .legacy(Diagnostic::syntax(Code::DocSection, message, line.span));
            }
            self.describe(Place::Member, name, rest, line.span);
        }
    }

    fn describe(&mut self, place: Place, name: &'s str, rest: &str, span: Span) {
        self.at += 1;
        let name = self.without_space(name, span);
        let problem = if name.is_empty() {
            Some("invalid parameter name".to_owned())
        } else if self.pieces.is_new(place, name) {
            None
        } else {
            Some(format!("'{name}' parameter name duplicated"))
        };
        match problem {
            Some(message) => {
                self.problems
                    .push(Diagnostic::error(Code::DocDescription, message, span));
                self.pieces.refuse();
            }
            None => self.pieces.open(place, name, span),
        }
        let rest = self.without_mark(rest, span);
        self.pieces.append(rest);
        self.indented();
    }

    /// Up to QEMU 9.0, a space could stand in front of the colon.
    fn without_space(&mut self, name: &'s str, span: Span) -> &'s str {
        let trimmed = name.trim_end();
        if self.problems.modern || trimmed.len() == name.len() || trimmed.contains(' ') {
            return name;
        }
        let message = "space between the name and its colon left out";
        self.problems
            .push(Diagnostic::lifted(message, span).soft_docs());
        trimmed
    }

    /// Up to QEMU 2.8, the text of an optional member started with a mark.
    fn without_mark<'t>(&mut self, text: &'t str, span: Span) -> &'t str {
        match text.strip_prefix("#optional") {
            Some(rest) if !self.problems.modern => {
                self.old = true;
                let message = "mark '#optional' left out, as since QEMU 2.9";
                self.problems.push(Diagnostic::lifted(message, span));
                rest.trim_start()
            }
            _ => text,
        }
    }

    fn section(&mut self, kind: SectionKind, line: Line<'_>, rest: &str) {
        let once = matches!(
            kind,
            SectionKind::Returns | SectionKind::Errors | SectionKind::Since
        );
        if once && self.pieces.has_section(kind) {
            let message = format!("duplicated '{}' section", kind.as_str());
            let problem = Diagnostic::error(Code::DocSection, message, line.span);
            self.problems.legacy(problem);
        }
        if self.problems.modern && matches!(kind, SectionKind::Note | SectionKind::Example) {
            self.problems.push(outdated(kind, line));
        }
        self.pieces.open(Place::Section(kind), "", line.span);
        self.pieces.append(rest);
        match kind {
            SectionKind::Note | SectionKind::Example => self.old_section(),
            _ if rest.is_empty() && self.flat_list() => self.flat_lines(),
            _ => self.indented(),
        }
    }

    /// Up to QEMU 9.0, notes and examples ran on to the next tag, indented or not.
    fn old_section(&mut self) {
        while let Some(line) = self.peek() {
            let text = line.text;
            if at_name(text).is_some() || tag(text).is_some() || text == "Features:" {
                return;
            }
            self.pieces.append(text);
            self.at += 1;
        }
    }

    /// Up to QEMU 9.0, a list could stand behind a tag without indentation.
    fn flat_list(&mut self) -> bool {
        let item = self.peek().filter(|line| line.text.starts_with("- "));
        let Some(item) = item.filter(|_| !self.problems.modern) else {
            return false;
        };
        let message = "list without indentation read as the text of the section";
        self.problems
            .push(Diagnostic::lifted(message, item.span).soft_docs());
        true
    }

    /// The indented lines behind a description or tag.
    fn indented(&mut self) {
        let Some(first) = self.next_text() else {
            return;
        };
        let indent = first.indent();
        let second = self.at + 1;
        while let Some(line) = self.peek() {
            let depth = line.indent();
            if depth < indent.max(1) && !line.is_blank() {
                // QEMU minds this in the second line only; further on, the line ends the text.
                let minded = depth > 0 || self.problems.modern;
                let ends = depth == 0 || self.problems.modern;
                if minded && (self.at == second || !ends) && at_name(line.text).is_none() {
                    self.deindented(indent, line.span);
                }
                if ends {
                    return;
                }
            }
            self.pieces.append(line.text);
            self.at += 1;
        }
    }

    fn deindented(&mut self, indent: usize, span: Span) {
        let message = format!("unexpected de-indent (expected at least {indent} spaces)");
        self.problems
            .legacy(Diagnostic::syntax(Code::DocLayout, message, span));
    }

    fn paragraph(&mut self, first: Line<'_>) {
        let goes_on = match self.pieces.place() {
            Place::Body => true,
            Place::Section(kind) => kind == SectionKind::Plain,
            Place::Member | Place::Feature => self.continues(),
            Place::Nowhere => false,
        };
        if !goes_on {
            let place = Place::Section(SectionKind::Plain);
            self.pieces.open(place, "", first.span);
        }
        self.flat_lines();
    }

    /// The lines up to a blank one.
    fn flat_lines(&mut self) {
        while let Some(line) = self.peek().filter(|line| !line.is_blank()) {
            self.pieces.append(line.text);
            self.at += 1;
        }
    }

    /// Before indentation counted, a description went on until a blank line.
    fn continues(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.lines.get(at));
        self.old && before.is_some_and(|line| !line.is_blank())
    }

    fn free_form(&mut self) {
        while let Some(line) = self.peek() {
            if let Some((name, _)) = at_name(line.text) {
                let message = format!("'@{name}:' not allowed in free-form documentation");
                self.problems
                    .legacy(Diagnostic::syntax(Code::DocSection, message, line.span));
            }
            self.pieces.append(line.text);
            self.at += 1;
        }
    }

    fn finish(&mut self) {
        self.pieces.close();
        for piece in self.pieces.list().iter().filter(|one| one.is_empty()) {
            let what = match piece.place {
                Place::Section(SectionKind::Plain) => continue,
                Place::Section(kind) => kind.as_str(),
                Place::Feature => "Feature",
                _ => "Member",
            };
            let message = format!("text required after '{what}:'");
            let problem = Diagnostic::error(Code::DocSection, message, piece.span);
            self.problems.late(problem);
        }
    }
}

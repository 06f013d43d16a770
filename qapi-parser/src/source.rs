//! Source files by id, byte spans, and lines and columns on demand.
//!
//! Invariant: a [`Span`] always lies inside the text of its file, because only the lexer makes
//! spans. Offsets fit 32 bits because no file is larger than [`MAX_FILE_SIZE`].

use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use memchr::memchr_iter;

use crate::text::{Text, Whole};

/// The largest number of files of one schema.
pub const MAX_FILES: usize = 4096;

/// The largest schema file that is read, in bytes.
pub const MAX_FILE_SIZE: usize = 16 << 20;

/// A stretch of one source file: byte offsets, the end is exclusive.
///
/// There are as many spans as values in a schema, so one takes eight bytes, and none (`Option`) no more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(NonZeroU64);

/// The width of an offset, which may lie behind the last byte of the largest file.
const OFFSET_BITS: u32 = MAX_FILE_SIZE.ilog2() + 1;
const OFFSET_MASK: u64 = (1 << OFFSET_BITS) - 1;
/// A bit that is always set.
const MARK: u64 = 1 << 63;

const _: () = assert!(((MAX_FILES as u64) << (2 * OFFSET_BITS)) < MARK);

impl Span {
    /// The start of the root file, for what has no place.
    pub(crate) const NOWHERE: Span = Span(NonZeroU64::MIN.saturating_add(MARK - 1));

    /// The bytes from `start` to `end` of the file with this id, an index into [`SourceMap::files`].
    ///
    /// No file is larger than [`MAX_FILE_SIZE`]: offsets beyond that are taken for it.
    #[must_use]
    #[inline]
    pub fn new(file: u32, start: u32, end: u32) -> Span {
        let offset = |at: u32| u64::from(at).min(MAX_FILE_SIZE as u64);
        let file = u64::from(file).min(MAX_FILES as u64 - 1);
        let bits = (((file << OFFSET_BITS) | offset(start)) << OFFSET_BITS) | offset(end);
        Span(NonZeroU64::new(bits | MARK).unwrap_or(NonZeroU64::MIN))
    }

    /// The file, an index into [`SourceMap::files`].
    #[inline]
    pub fn file(self) -> u32 {
        ((self.0.get() & !MARK) >> (2 * OFFSET_BITS)) as u32
    }

    /// Offset of the first byte.
    #[inline]
    pub fn start(self) -> u32 {
        ((self.0.get() >> OFFSET_BITS) & OFFSET_MASK) as u32
    }

    /// Offset behind the last byte.
    #[inline]
    pub fn end(self) -> u32 {
        (self.0.get() & OFFSET_MASK) as u32
    }

    /// From the start of this span to the end of `last`, which lies in the same file.
    #[must_use]
    #[inline]
    pub fn to(self, last: Span) -> Span {
        Span::new(self.file(), self.start(), self.end().max(last.end()))
    }

    /// The empty span where this one starts.
    #[must_use]
    pub fn at_start(self) -> Span {
        Span::new(self.file(), self.start(), self.start())
    }

    /// The byte range in the text of the file.
    pub fn range(self) -> Range<usize> {
        self.start() as usize..self.end() as usize
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:?}", self.file(), self.range())
    }
}

/// Where a span starts, for people: both count from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location<'a> {
    /// The path as it was opened.
    pub path: &'a Path,
    /// The line.
    pub line: u32,
    /// The column, in characters; a tab is one.
    pub column: u32,
}

/// One file of schema text.
#[derive(Debug, Clone)]
pub struct SourceFile {
    path: PathBuf,
    text: Whole,
    included_from: Option<Span>,
    line_starts: OnceLock<Vec<u32>>,
}

impl PartialEq for SourceFile {
    fn eq(&self, other: &SourceFile) -> bool {
        let parts = |file: &SourceFile| (file.path.clone(), file.included_from);
        parts(self) == parts(other) && self.text() == other.text()
    }
}

impl Eq for SourceFile {}

impl SourceFile {
    /// The path as it was opened: that of the root, or the folder of the including file joined with
    /// what the directive says.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text; bytes that are not UTF-8 have become U+FFFD (and an error).
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The directive that included this file first; none for the root.
    pub fn included_from(&self) -> Option<Span> {
        self.included_from
    }

    /// The line that holds this byte offset, counted from one.
    pub fn line(&self, offset: u32) -> u32 {
        self.line_index(offset) + 1
    }

    /// The offsets at which the lines start; looked for when the first one is asked for.
    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let behind = |at: usize| u32::try_from(at + 1).unwrap_or(u32::MAX);
            let starts = memchr_iter(b'\n', self.text().as_bytes()).map(behind);
            std::iter::once(0).chain(starts).collect()
        })
    }

    fn line_index(&self, offset: u32) -> u32 {
        let after = self.line_starts().partition_point(|&start| start <= offset);
        u32::try_from(after.saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// The text of the line up to this byte offset.
    pub fn line_before(&self, offset: u32) -> &str {
        let start = self
            .line_starts()
            .get(self.line_index(offset) as usize)
            .copied()
            .unwrap_or(0);
        self.text()
            .get(start as usize..offset as usize)
            .unwrap_or("")
    }
}

/// All files that were read for one schema; the root is the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// The files, in the order in which they were read.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The file with this id, if there is one.
    pub fn file(&self, id: u32) -> Option<&SourceFile> {
        self.files.get(id as usize)
    }

    /// `part` as text that is shared with the file, if that is where it lies.
    #[inline]
    pub(crate) fn text(&self, file: u32, part: &str) -> Text {
        match self.file(file) {
            Some(file) => Text::part(&file.text, part),
            None => part.into(),
        }
    }

    /// Where `span` starts; none for a span of another map.
    pub fn locate(&self, span: Span) -> Option<Location<'_>> {
        let file = self.file(span.file())?;
        let column = file.line_before(span.start()).chars().count() + 1;
        Some(Location {
            path: &file.path,
            line: file.line(span.start()),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        })
    }

    /// The include directives that led to the file of `span`, innermost first.
    pub fn include_chain(&self, span: Span) -> Vec<Span> {
        let mut chain = Vec::new();
        let mut file = self.file(span.file());
        while let Some(from) = file.and_then(SourceFile::included_from) {
            chain.push(from);
            file = self.file(from.file());
        }
        chain
    }

    /// Adds a file and returns its id.
    pub(crate) fn add(&mut self, path: PathBuf, text: Whole, from: Option<Span>) -> u32 {
        self.files.push(SourceFile {
            path,
            text,
            included_from: from,
            line_starts: OnceLock::new(),
        });
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }
}

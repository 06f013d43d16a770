//! The include graph: from the root file to one flat row of pieces.
//!
//! Each file is read once, where it is included first; a further directive is a no-op. The text of
//! an included file stands in the place of its directive.

use foldhash::HashMap;
use std::cell::OnceCell;
use std::ffi::OsString;
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Options;
use crate::diagnostic::{Code, Diagnostic};
use crate::dialect::Dialect;
use crate::doc;
use crate::expr::{Arena, Entry, Node, Parser};
use crate::files::{Files, Loaded};
use crate::lex::TokenKind;
use crate::loader::normalize;
use crate::schema::pragmas::Pragmas;
use crate::source::{MAX_FILE_SIZE, MAX_FILES, SourceMap, Span};
use crate::text::Whole;

/// How deeply includes may nest.
pub const MAX_INCLUDE_DEPTH: usize = 64;

/// A piece of the flattened schema.
#[derive(Debug)]
pub(crate) enum Piece<'t> {
    /// An expression with its documentation comment.
    Definition {
        node: Node<'t>,
        comment: Option<Comment>,
    },
    /// An include directive and the id of the file that it names.
    Include { span: Span, file: u32 },
    /// A documentation comment that is not that of a definition.
    FreeForm(Comment),
    /// That of an expression which could not be read.
    Lost(Comment),
}

/// A documentation comment, skipped so far: it concerns nobody but those who look at the definitions.
#[derive(Debug)]
pub(crate) struct Comment {
    /// Its lines, among those of the batch.
    pub(crate) lines: Range<usize>,
    /// The token behind it.
    pub(crate) next: Span,
    /// How many problems were found before it, and until it was known what it belongs to.
    pub(crate) before: usize,
    pub(crate) behind: usize,
}

impl<'t> Piece<'t> {
    /// The expression of a definition.
    pub(crate) fn node(&self) -> Option<&Node<'t>> {
        match self {
            Piece::Definition { node, .. } => Some(node),
            _ => None,
        }
    }
}

/// What is known of a schema besides its pieces.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) sources: SourceMap,
    pub(crate) pragmas: Arc<Pragmas>,
    pub(crate) problems: Vec<Diagnostic>,
}

/// Some of the pieces of one file, one behind the other.
#[derive(Debug)]
pub(crate) struct Batch<'t> {
    pub(crate) pieces: Vec<Piece<'t>>,
    /// Where the lines of their comments are.
    pub(crate) lines: Vec<Span>,
    /// The text of the file.
    pub(crate) file: &'t Whole,
    /// How much of that text they are.
    pub(crate) size: usize,
}

/// So much of a file is handed over at once, unless an include directive ends it: little enough to be in the
/// processor's cache still.
const BATCH: usize = 32 << 10;

/// Room for most batches.
const PIECES: usize = 64;
const LINES: usize = 512;

/// Takes the pieces in their order, with the pragmas so far; breaks when it wants no more.
pub(crate) type Sink<'s, 't> = dyn FnMut(Batch<'t>, &Arc<Pragmas>) -> ControlFlow<()> + 's;

/// What the pieces borrow from.
#[derive(Debug)]
pub(crate) struct Store {
    /// The texts of the files, by id.
    texts: Vec<OnceCell<Whole>>,
    pub(crate) arena: Arena,
}

impl Store {
    /// Room for every file that a schema may have.
    pub(crate) fn new() -> Store {
        Store {
            texts: vec![OnceCell::new(); MAX_FILES],
            arena: Arena::default(),
        }
    }

    /// Keeps the text of the file with this id; none for one that is too many.
    fn keep(&self, id: u32, text: Whole) -> Option<&Whole> {
        let cell = self.texts.get(id as usize)?;
        Some(cell.get_or_init(|| text))
    }
}

/// Reads the root file and all that it includes, unless the sink breaks.
pub(crate) fn parse<'t>(
    root: &Path,
    files: &Files<'_>,
    options: &Options,
    store: &'t Store,
    sink: &mut Sink<'_, 't>,
) -> Parsed {
    let mut graph = Graph {
        store,
        sink,
        flow: ControlFlow::Continue(()),
        pieces: Vec::new(),
        lines: Vec::new(),
        files,
        modern: options.dialect == Dialect::Modern,
        folders: &options.include_dirs,
        ids: HashMap::default(),
        parsed: Parsed::default(),
    };
    match files.load(root) {
        Ok(loaded) => {
            graph.file(root.to_owned(), loaded, None, 0);
        }
        Err(error) => {
            let problem = unreadable("schema", &root.display().to_string(), &error, Span::NOWHERE);
            let help = "give the path of the schema's root file, such as qapi/qapi-schema.json";
            graph.parsed.problems.push(problem.nowhere().help(help));
        }
    }
    graph.parsed
}

struct Graph<'l, 't> {
    store: &'t Store,
    sink: &'l mut Sink<'l, 't>,
    /// Those that the sink has not got yet.
    pieces: Vec<Piece<'t>>,
    lines: Vec<Span>,
    /// Whether the sink wants more.
    flow: ControlFlow<()>,
    files: &'l Files<'l>,
    modern: bool,
    /// Where files are looked for that are not beside the including one.
    folders: &'l [PathBuf],
    /// The files read so far, by normalised path: as text, which is hashed faster than a path.
    ids: HashMap<OsString, u32>,
    parsed: Parsed,
}

impl<'t> Graph<'_, 't> {
    fn problem(&mut self, problem: Diagnostic) {
        self.parsed.problems.push(problem);
    }

    fn piece(&mut self, piece: Piece<'t>) {
        self.pieces.push(piece);
    }

    /// Hands over the pieces so far, which are so much of this text.
    fn flush(&mut self, file: &'t Whole, size: usize) {
        let batch = Batch {
            pieces: std::mem::replace(&mut self.pieces, Vec::with_capacity(PIECES)),
            lines: std::mem::replace(&mut self.lines, Vec::with_capacity(LINES)),
            file,
            size,
        };
        if self.flow.is_continue() {
            self.flow = (self.sink)(batch, &self.parsed.pragmas);
        }
    }

    fn file(&mut self, path: PathBuf, loaded: Loaded, from: Option<Span>, depth: usize) -> u32 {
        let Loaded {
            text,
            too_large,
            valid,
        } = loaded;
        self.ids.insert(
            normalize(&path).into_os_string(),
            u32::try_from(self.parsed.sources.files().len()).unwrap_or(u32::MAX),
        );
        let id = self.parsed.sources.add(path, Whole::clone(&text), from);
        let start = Span::new(id, 0, 0);
        if too_large {
            let message = format!("file is larger than {MAX_FILE_SIZE} bytes");
            self.problem(Diagnostic::error(
                Code::FileTooLarge,
                message,
                from.unwrap_or(start),
            ));
        }
        if let Some(at) = valid.and_then(|at| u32::try_from(at).ok()) {
            let span = Span::new(id, at, at);
            let problem = Diagnostic::syntax(Code::NotUtf8, "file is not valid UTF-8", span);
            self.problem(problem.help("convert the file to UTF-8"));
        }
        if let Some(text) = self.store.keep(id, text) {
            let pieces = Pieces {
                graph: self,
                id,
                text,
                depth,
                comment: None,
                handed: 0,
            };
            pieces.read();
        }
        id
    }
}

/// Reads the pieces of one file.
struct Pieces<'g, 'l, 't> {
    graph: &'g mut Graph<'l, 't>,
    id: u32,
    text: &'t Whole,
    depth: usize,
    /// The documentation comment just skipped.
    comment: Option<Comment>,
    /// How much of the text has been handed over.
    handed: usize,
}

impl<'t> Pieces<'_, '_, 't> {
    fn read(mut self) {
        let arena = &self.graph.store.arena;
        let mut parser = Parser::new(arena, self.text, self.id, !self.graph.modern);
        let mut failed = parser.start().err();
        let mut start = parser.token().span;
        while self.graph.flow.is_continue() {
            // A failure leaves the parser inside of an expression: go on at the next one.
            while let Some(problem) = failed {
                self.graph.problem(*problem);
                let lost = self.take_comment().map(Piece::Lost);
                self.graph.pieces.extend(lost);
                failed = parser.recover(start).err();
                start = parser.token().span;
            }
            let notes = parser.take_notes();
            self.graph.parsed.problems.extend(notes);
            let token = parser.token();
            start = token.span;
            if self.comment.is_none() && start.start() as usize >= self.handed + BATCH {
                self.flush(start);
            }
            failed = match token.kind {
                TokenKind::End => break,
                TokenKind::Comment => self.comment(&mut parser).err(),
                _ => self.expression(&mut parser).err(),
            };
        }
        self.leave_comment();
        self.flush(parser.token().span);
    }

    /// Hands over the pieces up to this place.
    fn flush(&mut self, next: Span) {
        let read = next.start() as usize;
        let size = read.saturating_sub(self.handed);
        self.handed = read;
        self.graph.flush(self.text, size);
    }

    fn comment(&mut self, parser: &mut Parser<'t>) -> Result<(), Box<Diagnostic>> {
        self.leave_comment();
        let before = self.graph.parsed.problems.len();
        let first = self.graph.lines.len();
        doc::skip(parser, &mut self.graph.lines)?;
        self.comment = Some(Comment {
            lines: first..self.graph.lines.len(),
            next: parser.token().span,
            before,
            behind: before,
        });
        Ok(())
    }

    fn expression(&mut self, parser: &mut Parser<'t>) -> Result<(), Box<Diagnostic>> {
        let node = parser.expression()?;
        let Some(entries) = node.as_object() else {
            let message = "top-level expression must be an object";
            return Err(Box::new(Diagnostic::error(
                Code::NotAnObject,
                message,
                node.span,
            )));
        };
        if let Some(entry) = entries.iter().find(|entry| entry.key == "include") {
            self.leave_comment();
            self.include(&node, entry);
        } else if let Some(entry) = entries.iter().find(|entry| entry.key == "pragma") {
            self.leave_comment();
            self.pragma(&node, entry);
        } else {
            let comment = self.take_comment();
            self.graph.piece(Piece::Definition { node, comment });
        }
        Ok(())
    }

    /// Nothing that the comment could belong to follows it.
    fn leave_comment(&mut self) {
        if let Some(comment) = self.take_comment() {
            self.graph.piece(Piece::FreeForm(comment));
        }
    }

    /// The comment just skipped, now that it is known what it belongs to.
    fn take_comment(&mut self) -> Option<Comment> {
        let comment = self.comment.take()?;
        let behind = self.graph.parsed.problems.len();
        Some(Comment { behind, ..comment })
    }

    fn include(&mut self, node: &Node<'_>, entry: &Entry<'_>) {
        let only = node.as_object().is_some_and(|entries| entries.len() == 1);
        let problem = if !only {
            Diagnostic::error(Code::BadInclude, "invalid 'include' directive", node.span)
                .help("'include' stands alone in its object")
        } else if let Some(target) = entry.value.as_str() {
            match self.open(target, node, entry.value.span) {
                Ok(file) => {
                    let span = node.span;
                    return self.include_done(span, file);
                }
                Err(problem) => *problem,
            }
        } else {
            let message = "value of 'include' must be a string";
            Diagnostic::error(Code::BadInclude, message, entry.value.span)
        };
        self.graph.problem(problem.anchor(node.span, false));
    }

    /// Reads the included file unless that has been done; the directive comes in front of it.
    fn include_done(&mut self, span: Span, file: Opened) {
        match file {
            Opened::Before(file) => {
                self.graph.piece(Piece::Include { span, file });
            }
            Opened::Now(path, loaded) => {
                let file =
                    u32::try_from(self.graph.parsed.sources.files().len()).unwrap_or(u32::MAX);
                self.graph.piece(Piece::Include { span, file });
                self.flush(span);
                self.graph.file(path, loaded, Some(span), self.depth + 1);
            }
        }
    }

    /// Finds the file that a directive names: beside the including one, or else in the first
    /// folder that has it.
    fn open(&self, target: &str, node: &Node<'_>, span: Span) -> Result<Opened, Box<Diagnostic>> {
        let sources = &self.graph.parsed.sources;
        let here = sources
            .file(self.id)
            .map_or(Path::new(""), |file| file.path());
        let beside = here.parent().unwrap_or(Path::new("")).join(target);
        let mut missing = None;
        let elsewhere = self.graph.folders.iter().map(|folder| folder.join(target));
        for path in std::iter::once(beside).chain(elsewhere) {
            match self.candidate(path, target, node.span, span)? {
                Found::File(file) => return Ok(file),
                // The place that counts is the first one.
                Found::Nothing(problem) => missing = missing.or(Some(problem)),
            }
        }
        Err(missing.unwrap_or_else(|| Box::new(too_many(span))))
    }

    /// Looks for an included file at one place.
    fn candidate(
        &self,
        path: PathBuf,
        target: &str,
        directive: Span,
        span: Span,
    ) -> Result<Found, Box<Diagnostic>> {
        let known = self.graph.ids.get(normalize(&path).as_os_str()).copied();
        let sources = &self.graph.parsed.sources;
        let includes_this = |id| {
            let chain = sources.include_chain(directive);
            id == self.id || chain.iter().any(|from| from.file() == id)
        };
        if known.is_some_and(includes_this) {
            let message = format!("inclusion loop for {target}");
            let help = "move what both files need into a third one";
            let problem = Diagnostic::error(Code::IncludeLoop, message, span);
            return Err(Box::new(problem.help(help)));
        }
        if let Some(id) = known {
            return Ok(Found::File(Opened::Before(id)));
        }
        let count = sources.files().len();
        if count >= MAX_FILES || self.depth >= MAX_INCLUDE_DEPTH {
            return Err(Box::new(too_many(span)));
        }
        match self.graph.files.load(&path) {
            Ok(loaded) => Ok(Found::File(Opened::Now(path, loaded))),
            Err(error) => {
                let problem = unreadable("include", &path.display().to_string(), &error, span)
                    .help("the path is relative to the folder of the including file");
                match error.kind() {
                    io::ErrorKind::NotFound => Ok(Found::Nothing(Box::new(problem))),
                    _ => Err(Box::new(problem)),
                }
            }
        }
    }

    fn pragma(&mut self, node: &Node<'_>, entry: &Entry<'_>) {
        if node.as_object().is_some_and(|entries| entries.len() != 1) {
            let message = "invalid 'pragma' directive";
            let problem = Diagnostic::error(Code::BadPragma, message, node.span);
            return self
                .graph
                .problem(problem.help("'pragma' stands alone in its object"));
        }
        let modern = self.graph.modern;
        let problems = Arc::make_mut(&mut self.graph.parsed.pragmas).apply(&entry.value, modern);
        for problem in problems {
            self.graph.problem(problem.anchor(node.span, false));
        }
    }
}

enum Opened {
    Before(u32),
    Now(PathBuf, Loaded),
}

/// What is at a place where an included file may be.
enum Found {
    File(Opened),
    Nothing(Box<Diagnostic>),
}

fn too_many(span: Span) -> Diagnostic {
    let message =
        format!("more than {MAX_FILES} files, or includes nested deeper than {MAX_INCLUDE_DEPTH}");
    Diagnostic::error(Code::TooManyFiles, message, span)
}

fn unreadable(what: &str, path: &str, error: &io::Error, span: Span) -> Diagnostic {
    let reason = error.to_string();
    let reason = reason.split(" (os error").next().unwrap_or_default();
    let message = format!("can't read {what} file '{path}': {reason}");
    Diagnostic::error(Code::Unreadable, message, span)
}

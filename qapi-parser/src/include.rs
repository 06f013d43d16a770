//! The include graph: from the root file to one flat row of pieces.
//!
//! Each file is read once, where it is included first; a further directive is a no-op. The text of
//! an included file stands in the place of its directive.

use foldhash::HashMap;
use std::cell::OnceCell;
use std::ffi::OsString;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::Options;
use crate::diagnostic::{Code, Diagnostic};
use crate::dialect::Dialect;
use crate::doc::{self, Doc, Scratch};
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
        doc: Option<Box<Doc>>,
    },
    /// An include directive and the id of the file that it names.
    Include { span: Span, file: u32 },
    /// A free-form documentation comment.
    FreeForm(Box<Doc>),
}

impl<'t> Piece<'t> {
    fn doc_mut(&mut self) -> Option<&mut Doc> {
        match self {
            Piece::Definition { doc, .. } => doc.as_deref_mut(),
            Piece::FreeForm(doc) => Some(doc),
            Piece::Include { .. } => None,
        }
    }

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
    pub(crate) pragmas: Pragmas,
    pub(crate) problems: Vec<Diagnostic>,
}

/// Takes the pieces in their order, those of a file at once where no include directive parts them, and
/// what is known so far; breaks when it wants no more. It drains the list.
pub(crate) type Sink<'s, 't> = dyn FnMut(&mut Vec<Piece<'t>>, &Parsed) -> ControlFlow<()> + 's;

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
        scratch: Scratch::default(),
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
    /// Whether the sink wants more.
    flow: ControlFlow<()>,
    scratch: Scratch<'t>,
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

    /// Hands over the pieces so far.
    fn flush(&mut self) {
        let prose = self.scratch.take_prose();
        for doc in self.pieces.iter_mut().filter_map(Piece::doc_mut) {
            doc.complete(&prose);
        }
        if self.flow.is_continue() {
            self.flow = (self.sink)(&mut self.pieces, &self.parsed);
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
                doc: None,
            };
            pieces.read();
            self.flush();
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
    /// The documentation comment just read, and where it is.
    doc: Option<(Doc, Span)>,
}

impl<'t> Pieces<'_, '_, 't> {
    fn read(mut self) {
        let arena = &self.graph.store.arena;
        let mut parser = Parser::new(arena, self.text, self.id, !self.graph.modern);
        self.graph.scratch.reserve(self.text.len());
        let mut failed = parser.start().err();
        let mut start = parser.token().span;
        while self.graph.flow.is_continue() {
            // A failure leaves the parser inside of an expression: go on at the next one.
            while let Some(problem) = failed {
                self.graph.problem(*problem);
                self.doc = None;
                failed = parser.recover(start).err();
                start = parser.token().span;
            }
            let notes = parser.take_notes();
            self.graph.parsed.problems.extend(notes);
            let token = parser.token();
            start = token.span;
            failed = match token.kind {
                TokenKind::End => break,
                TokenKind::Comment => self.comment(&mut parser).err(),
                _ => self.expression(&mut parser).err(),
            };
        }
        self.leave_doc();
    }

    fn comment(&mut self, parser: &mut Parser<'t>) -> Result<(), Box<Diagnostic>> {
        self.leave_doc();
        let block = doc::parse(
            parser,
            self.text,
            self.graph.modern,
            &mut self.graph.scratch,
        )?;
        self.graph.parsed.problems.extend(block.problems);
        self.doc = Some((block.doc, block.span));
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
            self.leave_doc();
            self.include(&node, entry);
        } else if let Some(entry) = entries.iter().find(|entry| entry.key == "pragma") {
            self.leave_doc();
            self.pragma(&node, entry);
        } else {
            let doc = self
                .doc
                .take()
                .map(|(doc, span)| Box::new(self.definition_doc(doc, span)));
            self.graph.piece(Piece::Definition { node, doc });
        }
        Ok(())
    }

    fn definition_doc(&mut self, doc: Doc, span: Span) -> Doc {
        if doc.symbol.is_none() {
            let message = "definition documentation required";
            let problem = Diagnostic::error(Code::DocSymbol, message, span).anchor(span, false);
            let help = "start the comment with a line '# @NAME:'";
            let note = "comment without a line '@NAME:' read as that of the definition behind it";
            self.graph.problem(problem.help(help).lifted_as(note));
        }
        doc
    }

    /// A documentation comment that no definition follows must be free-form.
    fn leave_doc(&mut self) {
        let Some((doc, span)) = self.doc.take() else {
            return;
        };
        if let Some(symbol) = &doc.symbol {
            let message = format!("documentation for '{symbol}' is not followed by the definition");
            self.graph
                .problem(Diagnostic::error(Code::DocMisplaced, message, span).soft());
        }
        self.graph.piece(Piece::FreeForm(Box::new(doc)));
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
                self.graph.flush();
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
        let problems = self.graph.parsed.pragmas.apply(&entry.value, modern);
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

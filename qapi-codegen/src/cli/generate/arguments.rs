//! What the command line of `qapi gen` asks for.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt as _};
use qapi_codegen::{Conditions, Handlers, Layout, Options};

use super::super::{Failure, listed, set_file};

/// What is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Target {
    #[default]
    Rust,
    JsonSchema,
    OpenRpc,
}

const TARGETS: &[(&str, Target)] = &[
    ("rust", Target::Rust),
    ("json-schema", Target::JsonSchema),
    ("openrpc", Target::OpenRpc),
];

const HANDLERS: &[(&str, Handlers)] = &[
    ("blocking", Handlers::Blocking),
    ("async", Handlers::Async),
    ("none", Handlers::None),
];

const LAYOUTS: &[(&str, Layout)] = &[
    ("folder", Layout::Folder),
    ("single", Layout::Single),
    ("parts", Layout::Parts),
];

/// The arguments.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) target: Target,
    pub(super) options: Options,
    pub(super) reading: qapi_parser::Options,
    pub(super) folder: Option<PathBuf>,
    pub(super) file: Option<OsString>,
    pub(super) check: bool,
    pub(super) help: bool,
    symbols: Vec<String>,
    /// `--cfg` was given.
    keeps_conditions: bool,
    /// The last option that only Rust bindings have.
    rust_only: Option<String>,
}

impl Arguments {
    /// Reads the command line.
    pub(super) fn parse(mut parser: Parser) -> Result<Self, Failure> {
        let mut arguments = Arguments::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => {
                    arguments.help = true;
                    return Ok(arguments);
                }
                Arg::Short('o') | Arg::Long("output") => {
                    arguments.folder = Some(parser.value()?.into());
                }
                Arg::Short('D') | Arg::Long("define") => arguments.symbols.push(text(&mut parser)?),
                Arg::Short('I') | Arg::Long("include") => {
                    arguments.reading = arguments.reading.include_dir(parser.value()?);
                }
                Arg::Long("target") => {
                    arguments.target = choice("target", TARGETS, &text(&mut parser)?)?;
                }
                Arg::Long("name") => arguments.options.name = Some(text(&mut parser)?),
                Arg::Long("no-docs") => arguments.options.doc_comments = false,
                Arg::Long("check") => arguments.check = true,
                Arg::Long(option) => {
                    let option = option.to_owned();
                    arguments.for_rust(&option, &mut parser)?;
                }
                Arg::Value(value) => set_file(&mut arguments.file, value)?,
                other => return Err(other.unexpected().into()),
            }
        }
        arguments.settle()?;
        Ok(arguments)
    }

    /// Takes an option that only Rust bindings have.
    fn for_rust(&mut self, option: &str, parser: &mut Parser) -> Result<(), Failure> {
        let options = &mut self.options;
        match option {
            "commands" => options.allow_commands([text(parser)?]),
            "events" => options.allow_events([text(parser)?]),
            "types" => options.allow_types([text(parser)?]),
            "handlers" => options.handlers = choice("handlers", HANDLERS, &text(parser)?)?,
            "layout" => options.layout = choice("layout", LAYOUTS, &text(parser)?)?,
            "runtime-path" => options.runtime_path = text(parser)?,
            "module-features" => options.module_features = true,
            "no-format" => options.format = false,
            "cfg" => self.keeps_conditions = true,
            other => return Err(Arg::Long(other).unexpected().into()),
        }
        self.rust_only = Some(option.to_owned());
        Ok(())
    }

    /// Looks at what only all options together tell.
    fn settle(&mut self) -> Result<(), Failure> {
        if let Some(option) = &self.rust_only
            && self.target != Target::Rust
        {
            return Err(Failure(format!(
                "--{option} is for Rust bindings alone; leave it out, or use --target rust"
            )));
        }
        self.options.conditions = match (self.keeps_conditions, self.symbols.is_empty()) {
            (false, true) => Conditions::Keep,
            (false, false) => Conditions::Evaluate(self.symbols.drain(..).collect()),
            (true, true) => Conditions::Cfg,
            (true, false) => {
                let message = "--cfg leaves conditions to the compiler, -D evaluates them; use one";
                return Err(Failure(message.to_owned()));
            }
        };
        Ok(())
    }
}

fn text(parser: &mut Parser) -> Result<String, Failure> {
    Ok(parser.value()?.string()?)
}

/// The one with this name.
fn choice<T: Copy>(what: &str, all: &[(&str, T)], word: &str) -> Result<T, Failure> {
    let found = all.iter().find(|(name, _)| *name == word);
    found.map(|(_, one)| *one).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let names = listed(&names);
        Failure(format!("unknown {what} '{word}'; there are {names}"))
    })
}

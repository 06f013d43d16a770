//! The way in for build scripts.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use qapi_parser::{FsLoader, Loader, Severity};

use crate::error::Error;
use crate::generator::Generator;
use crate::options::{Conditions, Handlers, Layout, Options};
use crate::output::{self, Output};
use crate::pattern::Pattern;
use crate::rust;

/// A builder with the defaults for build scripts: one file in `OUT_DIR`, which includes others, everything
/// generated.
pub fn configure() -> Builder {
    Builder {
        options: Options {
            layout: Layout::Parts,
            ..Options::default()
        },
        include_dirs: Vec::new(),
        out_dir: None,
        emit_rerun_if_changed: env::var_os("CARGO").is_some(),
    }
}

/// Generates bindings for a schema with all defaults.
///
/// # Errors
/// As for [`Builder::compile`].
pub fn compile(schema: impl AsRef<Path>) -> Result<(), Error> {
    configure().compile(schema)
}

/// Generates bindings from a build script.
///
/// ```no_run
/// // build.rs
/// fn main() -> Result<(), qapi_codegen::Error> {
///     qapi_codegen::configure().define("CONFIG_LINUX").compile("schema/vm.json")
/// }
/// ```
/// ```text
/// // lib.rs
/// pub mod vm {
///     include!(concat!(env!("OUT_DIR"), "/vm.rs"));
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Builder {
    options: Options,
    include_dirs: Vec<PathBuf>,
    out_dir: Option<PathBuf>,
    emit_rerun_if_changed: bool,
}

impl Builder {
    /// Defines a configuration symbol. From the first one on, `if` conditions are evaluated, and what
    /// they leave out is not generated; without any, everything is.
    #[must_use]
    pub fn define(mut self, symbol: impl Into<String>) -> Self {
        match &mut self.options.conditions {
            Conditions::Evaluate(symbols) => {
                symbols.insert(symbol.into());
            }
            Conditions::Keep | Conditions::Cfg => {
                self.options.conditions = Conditions::Evaluate([symbol.into()].into())
            }
        }
        self
    }

    /// Says what becomes of `if` conditions, in place of what was defined so far.
    #[must_use]
    pub fn conditions(mut self, conditions: Conditions) -> Self {
        self.options.conditions = conditions;
        self
    }

    /// Looks in this folder, too, for included files that are not beside the including one. May be
    /// repeated; the first folder that has the file counts.
    #[must_use]
    pub fn include_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.include_dirs.push(folder.into());
        self
    }

    /// Generates these commands and what they need, and nothing else that is not allowed as well.
    /// A name may start or end with `*` for anything; one that matches nothing is an error.
    #[must_use]
    pub fn allow_commands<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.options.allow_commands(names);
        self
    }

    /// As [`Builder::allow_commands`], for events.
    #[must_use]
    pub fn allow_events<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.options.allow_events(names);
        self
    }

    /// As [`Builder::allow_commands`], for types that nothing else needs.
    #[must_use]
    pub fn allow_types<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.options.allow_types(names);
        self
    }

    /// Puts an attribute, such as `#[derive(Hash)]`, in front of the types that have this name in the
    /// schema; it may start or end with `*`. Attributes add up. That of a union also goes to the enum
    /// of its variants.
    #[must_use]
    pub fn type_attribute(mut self, name: impl Into<String>, attribute: impl Into<String>) -> Self {
        let entry = (Pattern::new(name), attribute.into());
        self.options.type_attributes.push(entry);
        self
    }

    /// Puts an attribute in front of members of structs and values of enumerations, and the variants that
    /// unions have for them. The name is that of the type, a dot, and that of the member or value; it may
    /// start or end with `*`. Attributes add up.
    #[must_use]
    pub fn field_attribute(
        mut self,
        name: impl Into<String>,
        attribute: impl Into<String>,
    ) -> Self {
        let entry = (Pattern::new(name), attribute.into());
        self.options.field_attributes.push(entry);
        self
    }

    /// Gives types, commands and events of this name in the schema another name in Rust. With the name of
    /// a type, command or event, a dot, and that of a member or value, it is for that one.
    #[must_use]
    pub fn rename(mut self, name: impl Into<String>, rust: impl Into<String>) -> Self {
        self.options.renames.push((name.into(), rust.into()));
        self
    }

    /// Where the generated code finds `qmp-runtime`, such as `::vmm::qmp_runtime` where that crate
    /// re-exports it; `::qmp_runtime` by default.
    #[must_use]
    pub fn runtime_path(mut self, path: impl Into<String>) -> Self {
        self.options.runtime_path = path.into();
        self
    }

    /// Uses a type of your own, such as `crate::net::Address`, in place of the one that has this name
    /// in the schema. It has to implement `qmp_runtime::codec::Json`, and what generated types derive.
    /// What only it would need is not generated.
    #[must_use]
    pub fn extern_type(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.options.extern_types.push((name.into(), path.into()));
        self
    }

    /// How the output is spread over files; one file by default.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.options.layout = layout;
        self
    }

    /// Names the bindings: the file `NAME.rs` or folder `NAME`, and the handler trait for commands of
    /// the root file. By default the name of the root file, or of its folder if it is called
    /// `qapi-schema.json`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Where to write to, in place of `OUT_DIR`.
    #[must_use]
    pub fn out_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(folder.into());
        self
    }

    /// Whether the schema's documentation becomes rustdoc; it does by default.
    #[must_use]
    pub fn doc_comments(mut self, yes: bool) -> Self {
        self.options.doc_comments = yes;
        self
    }

    /// Whether the output is laid out for reading; it is by default.
    #[must_use]
    pub fn format(mut self, yes: bool) -> Self {
        self.options.format = yes;
        self
    }

    /// Puts each module of the schema behind a Cargo feature of its name, and what servers need behind
    /// `server`; not done by default. With [`Layout::Folder`], the file `features.toml` has the table of
    /// features for `Cargo.toml`.
    #[must_use]
    pub fn module_features(mut self, yes: bool) -> Self {
        self.options.module_features = yes;
        self
    }

    /// What the handler traits are like; their methods block by default.
    #[must_use]
    pub fn handlers(mut self, handlers: Handlers) -> Self {
        self.options.handlers = handlers;
        self
    }

    /// Whether to tell Cargo which files the output depends on. By default when Cargo runs it.
    #[must_use]
    pub fn emit_rerun_if_changed(mut self, yes: bool) -> Self {
        self.emit_rerun_if_changed = yes;
        self
    }

    /// Reads a schema, writes the bindings, and tells Cargo what to look at.
    ///
    /// # Errors
    /// The schema has errors, cannot be put into Rust, or a file cannot be written.
    pub fn compile(mut self, schema: impl AsRef<Path>) -> Result<(), Error> {
        let schema = schema.as_ref();
        let out_dir = match &self.out_dir {
            Some(folder) => folder.clone(),
            None => env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| {
                Error::config("OUT_DIR is not set: call this from a build script, or say where with `out_dir`")
            })?,
        };
        let (name, layout, emit) = (
            self.name_for(schema),
            self.options.layout,
            self.emit_rerun_if_changed,
        );
        if layout == Layout::Parts {
            self.options.earlier = Some(output::earlier_in(&out_dir, &name));
        }
        let (output, inputs) = self.run(schema);
        if emit {
            tell_cargo(&inputs, &output);
        }
        let output = output?;
        match layout {
            Layout::Parts => output.write_to(out_dir).map(drop),
            Layout::Folder => output.write_to(out_dir.join(name)).map(drop),
            Layout::Single => output.files.values().try_for_each(|text| {
                output::write_if_changed(&out_dir.join(format!("{name}.rs")), text)
            }),
        }
    }

    /// Reads a schema and generates the bindings; writes nothing.
    ///
    /// # Errors
    /// The schema has errors or cannot be put into Rust.
    pub fn generate(self, schema: impl AsRef<Path>) -> Result<Output, Error> {
        self.run(schema.as_ref()).0
    }

    /// As [`Builder::generate`], with the files from a loader.
    ///
    /// # Errors
    /// As for [`Builder::generate`].
    pub fn generate_with(
        self,
        schema: impl AsRef<Path>,
        loader: &dyn Loader,
    ) -> Result<Output, Error> {
        self.check_and_generate(schema.as_ref(), loader)
    }

    /// The inputs are known even when there is no output.
    fn run(self, schema: &Path) -> (Result<Output, Error>, Vec<PathBuf>) {
        let loader = FsLoader::new();
        let output = self.check_and_generate(schema, &loader);
        let inputs = loader.opened();
        (
            output.map(|output| Output {
                inputs: inputs.clone(),
                ..output
            }),
            inputs,
        )
    }

    fn check_and_generate(self, schema: &Path, loader: &dyn Loader) -> Result<Output, Error> {
        let options = qapi_parser::Options::new();
        let folders = self.include_dirs.iter();
        let options = folders.fold(options, |options, folder| options.include_dir(folder));
        let outcome = qapi_parser::check(schema, loader, &options);
        let renderer = qapi_parser::Renderer::new(&outcome.sources, qapi_parser::Format::Short);
        let known = outcome
            .diagnostics
            .iter()
            .filter(|one| one.severity == Severity::Warning);
        let warnings: Vec<String> = known
            .map(|one| renderer.render(one).trim_end().to_owned())
            .collect();
        let name = self.name_for(schema);
        let generator = Generator::new(Options {
            name: Some(name),
            ..self.options
        });
        let files = generator.generate(&outcome.into_result()?.schema)?;
        Ok(Output {
            files,
            warnings,
            inputs: Vec::new(),
        })
    }

    fn name_for(&self, schema: &Path) -> String {
        self.options
            .name
            .clone()
            .unwrap_or_else(|| default_name(schema))
    }
}

/// `vm` for `schema/vm.json`, `qga` for `schema/qga/qapi-schema.json`.
fn default_name(schema: &Path) -> String {
    let path = schema.to_string_lossy();
    let stem = rust::stem(&path);
    if stem != "qapi-schema" {
        return stem.to_owned();
    }
    let absolute = std::path::absolute(schema).ok();
    let folder = absolute
        .as_deref()
        .and_then(Path::parent)
        .and_then(Path::file_name);
    folder.map_or_else(
        || stem.to_owned(),
        |folder| folder.to_string_lossy().into_owned(),
    )
}

/// Cargo runs the script again when one of these files changes. What is not there counts as changed
/// every time, so that is told only where it may be missed.
fn tell_cargo(inputs: &[PathBuf], output: &Result<Output, Error>) {
    let mut lines = String::new();
    let wanted = |input: &&PathBuf| output.is_err() || input.exists();
    for input in inputs.iter().filter(wanted) {
        lines += &format!("cargo::rerun-if-changed={}\n", input.display());
    }
    for warning in output.iter().flat_map(|output| &output.warnings) {
        lines += &format!("cargo::warning={warning}\n");
    }
    // With nobody to read it, there is nobody to tell.
    let _ = std::io::stdout().write_all(lines.as_bytes());
}

//! What can be chosen about the output.

use std::collections::BTreeSet;

use crate::generator::Files;
use crate::pattern::Pattern;

/// What becomes of `if` conditions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Conditions {
    /// Everything is generated, whatever its condition. Peers may lack what has one, so members that have
    /// one are optional.
    #[default]
    Keep,
    /// What has a condition is generated if it holds with these configuration symbols defined and
    /// all others not.
    Evaluate(BTreeSet<String>),
    /// What has a condition is generated with it, as `#[cfg(feature = "config-linux")]` for
    /// `CONFIG_LINUX`: the user's features choose. A constant `CONDITIONS` tells the router which hold.
    Cfg,
}

impl Conditions {
    /// Whether something with this condition is to be generated.
    pub(crate) fn hold(&self, cond: &qapi_parser::schema::Cond) -> bool {
        match self {
            Conditions::Keep | Conditions::Cfg => true,
            Conditions::Evaluate(symbols) => cond.eval(&|name| symbols.contains(name)),
        }
    }
}

/// What the handler traits are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Handlers {
    /// Methods that take `&mut self`, and `&self` for commands that may run out of band.
    #[default]
    Blocking,
    /// `async` methods that take `&self`.
    Async,
    /// There are none, and no introspection data: for clients.
    None,
}

/// How the output is spread over files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Layout {
    /// A folder with `mod.rs` and one file for each QAPI module and namespace: for people to review.
    #[default]
    Folder,
    /// One file with all modules inside, which `include!` takes from anywhere.
    Single,
    /// As `Single`, but what is in the modules lies in a folder beside the file and of its name, and the file
    /// includes it. So what an edit of the schema leaves alone is not compiled anew.
    Parts,
}

/// Where the generated code finds the runtime, unless it is told otherwise.
pub(crate) const DEFAULT_RUNTIME: &str = "::qmp_runtime";

/// What is generated; without any patterns, everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Selection {
    pub(crate) commands: Option<Vec<Pattern>>,
    pub(crate) events: Option<Vec<Pattern>>,
    pub(crate) types: Option<Vec<Pattern>>,
}

/// The options of [`crate::Generator`]; more of them are set by way of [`crate::Builder`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// What becomes of `if` conditions.
    pub conditions: Conditions,
    /// How the output is spread over files.
    pub layout: Layout,
    /// The name of the root module, from which the handler trait of commands that the root file
    /// defines gets its name; by default the name of the file without its extension.
    pub name: Option<String>,
    /// Whether the schema's documentation goes into the output. Without it, every item gets a line
    /// with its name on the wire.
    pub doc_comments: bool,
    /// Whether the output is laid out for reading. It takes most of the time.
    pub format: bool,
    /// Whether each module of the schema stands behind a Cargo feature of its name, and what servers
    /// need behind `server`. With the folder layout, a file `features.toml` has the table for
    /// `Cargo.toml`, where features name those that they need.
    pub module_features: bool,
    /// What the handler traits are like.
    pub handlers: Handlers,
    /// Where the generated code finds `qmp-runtime`; `::qmp_runtime` by default.
    pub runtime_path: String,
    /// What an earlier run made. Files then say what they were made from, and one that was made from the same is
    /// taken over.
    pub(crate) earlier: Option<Files>,
    pub(crate) selection: Selection,
    pub(crate) renames: Vec<(String, String)>,
    pub(crate) field_attributes: Vec<(Pattern, String)>,
    pub(crate) type_attributes: Vec<(Pattern, String)>,
    pub(crate) extern_types: Vec<(String, String)>,
}

impl Options {
    /// Generates these commands and what they need, and nothing else that is not allowed as well.
    /// A name may start or end with `*` for anything; one that matches nothing is an error.
    pub fn allow_commands<N: Into<String>>(&mut self, names: impl IntoIterator<Item = N>) {
        allow(&mut self.selection.commands, names);
    }

    /// As [`Options::allow_commands`], for events.
    pub fn allow_events<N: Into<String>>(&mut self, names: impl IntoIterator<Item = N>) {
        allow(&mut self.selection.events, names);
    }

    /// As [`Options::allow_commands`], for types that nothing else needs.
    pub fn allow_types<N: Into<String>>(&mut self, names: impl IntoIterator<Item = N>) {
        allow(&mut self.selection.types, names);
    }
}

fn allow<N: Into<String>>(patterns: &mut Option<Vec<Pattern>>, names: impl IntoIterator<Item = N>) {
    patterns
        .get_or_insert_default()
        .extend(names.into_iter().map(Pattern::new));
}

impl Default for Options {
    fn default() -> Self {
        Options {
            conditions: Conditions::default(),
            layout: Layout::default(),
            name: None,
            doc_comments: true,
            format: true,
            module_features: false,
            handlers: Handlers::default(),
            runtime_path: DEFAULT_RUNTIME.to_owned(),
            earlier: None,
            renames: Vec::new(),
            field_attributes: Vec::new(),
            selection: Selection::default(),
            type_attributes: Vec::new(),
            extern_types: Vec::new(),
        }
    }
}

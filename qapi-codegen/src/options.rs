//! What can be chosen about the output.

use std::collections::BTreeSet;

use crate::pattern::Pattern;

/// What becomes of `if` conditions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Conditions {
    /// Everything is generated, whatever its condition.
    #[default]
    Keep,
    /// What has a condition is generated if it holds with these configuration symbols defined and
    /// all others not.
    Evaluate(BTreeSet<String>),
}

impl Conditions {
    /// Whether something with this condition is to be generated.
    pub(crate) fn hold(&self, cond: &qapi_parser::schema::Cond) -> bool {
        match self {
            Conditions::Keep => true,
            Conditions::Evaluate(symbols) => cond.eval(&|name| symbols.contains(name)),
        }
    }
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
}

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
    pub(crate) selection: Selection,
    pub(crate) type_attributes: Vec<(Pattern, String)>,
    pub(crate) extern_types: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            conditions: Conditions::default(),
            layout: Layout::default(),
            name: None,
            doc_comments: true,
            format: true,
            selection: Selection::default(),
            type_attributes: Vec::new(),
            extern_types: Vec::new(),
        }
    }
}

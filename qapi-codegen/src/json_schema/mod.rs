//! The back end for other languages: JSON Schema and OpenRPC.
//!
//! Both say what goes over the wire, as strictly as a server checks it: an object has the members that
//! the schema gives it, and no others. What they have no words for stands under keys of our own that
//! start with `x-qapi-`: features and flags.

mod document;
mod openrpc;
mod shape;
mod types;

use qapi_parser::Schema;
use serde_json::Value;

use crate::options::Conditions;

pub use document::json_schema;
pub use openrpc::openrpc;

/// What the documents are to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What becomes of `if` conditions.
    pub conditions: Conditions,
    /// The title of the document; by default the name of the schema's root file.
    pub title: Option<String>,
    /// Whether documentation comments are left out.
    pub without_docs: bool,
}

/// A document as text, with a line break at its end.
pub fn text(document: &Value) -> String {
    format!("{document:#}\n")
}

/// A schema on its way into a document.
#[derive(Clone, Copy)]
struct Export<'s> {
    schema: &'s Schema,
    options: &'s Options,
    /// What stands in front of the name of a type in a reference.
    home: &'static str,
}

impl Export<'_> {
    fn title(&self) -> String {
        let named = self.options.title.clone();
        named.unwrap_or_else(|| {
            let root = self.schema.modules().get(1);
            let root = root.map_or("schema", |module| module.name.as_str());
            root.trim_end_matches(".json").to_owned()
        })
    }
}

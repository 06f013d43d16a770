//! The back end for readers: a static HTML reference.
//!
//! One page for each module, an overview, an index of all names, and a search that runs in the
//! browser over a file of its own. Nothing is loaded from elsewhere; without scripts, all works but
//! the search. What a schema says is text, never markup: it reaches a page through
//! `markup::Html::text` and attributes alone, both of which escape it.

mod alternatives;
mod branches;
mod definition;
mod facts;
mod folder;
mod frame;
mod index;
mod inline;
mod json;
mod kind;
mod markup;
mod members;
mod module;
mod names;
mod page;
mod predefined;
mod scope;
mod search;
mod site;
mod summary;
mod text;
mod types;
mod uses;

use qapi_parser::Schema;

use crate::generator::Files;
use crate::options::Conditions;
use site::Site;

pub use folder::write;

/// What the reference is to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What becomes of `if` conditions. Those that are kept are told.
    pub conditions: Conditions,
    /// The title of the reference; by default one with the name of the schema's root file.
    pub title: Option<String>,
}

/// The files of the reference: the same for the same schema and options, byte by byte.
///
/// ```
/// let schema = qapi_parser::check_str("demo.json", "{ 'command': 'ping' }").into_result()?.schema;
/// let files = qapi_codegen::html::reference(&schema, &Default::default());
/// assert!(files["demo.html"].contains("id=\"command-ping\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn reference(schema: &Schema, options: &Options) -> Files {
    let site = Site::new(schema, options);
    let mut files = Files::new();
    for (name, text) in [
        ("style.css", include_str!("assets/style.css")),
        ("script.js", include_str!("assets/script.js")),
    ] {
        files.insert(name.to_owned(), text.to_owned());
    }
    files.insert(site::INDEX.to_owned(), index::render(&site));
    files.insert(site::NAMES.to_owned(), names::render(&site));
    files.insert(site::PREDEFINED.to_owned(), predefined::render(&site));
    files.insert("search-index.js".to_owned(), search::index(&site));
    for page in site.pages() {
        files.insert(page.file.clone(), module::render(&site, page));
    }
    files
}

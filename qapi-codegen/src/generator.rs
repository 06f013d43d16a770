//! The pure engine: a checked schema and options in, texts out.

use std::collections::BTreeMap;

use qapi_parser::Schema;

use crate::error::Error;
use crate::options::Options;
use crate::rust;

/// Texts by path, relative to the folder that they are to be written to; `/` separates.
pub type Files = BTreeMap<String, String>;

/// Generates Rust source from checked schemas.
///
/// It reads and writes no files; see [`crate::Builder`] for build scripts.
///
/// ```
/// let schema = qapi_parser::check_str("demo.json", "{ 'command': 'ping' }").into_result()?.schema;
/// let files = qapi_codegen::Generator::default().generate(&schema)?;
/// assert!(files["handlers/demo.rs"].contains("pub trait DemoCommands"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Generator {
    options: Options,
}

impl Generator {
    /// A generator with these options.
    pub fn new(options: Options) -> Self {
        Generator { options }
    }

    /// Generates the source: the same for the same schema and options, byte by byte.
    ///
    /// # Errors
    /// The schema cannot be put into Rust under the options ([`crate::ErrorKind::Unsupported`]).
    pub fn generate(&self, schema: &Schema) -> Result<Files, Error> {
        rust::generate(schema, &self.options)
    }
}

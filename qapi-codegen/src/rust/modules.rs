//! QAPI modules as Rust modules.

use qapi_parser::schema::{ModuleId, Schema};

use super::names::{self, Scope};
use crate::options::Options;

/// The root module; in front of it are the predefined types.
pub(crate) const ROOT: ModuleId = ModuleId(1);

/// The name of each module of the schema, by index.
pub(crate) fn names(schema: &Schema, options: &Options) -> Vec<String> {
    let wanted: Vec<String> = (0_u32..)
        .zip(schema.modules())
        .map(|(index, module)| match &options.name {
            Some(name) if ModuleId(index) == ROOT => names::snake(name),
            _ => names::snake(stem(&module.name)),
        })
        .collect();
    let claimed = Scope::reserving(&["mod"]).claim(&wanted);
    // As names of files and parts of the names of traits, keywords are as good as other words.
    claimed
        .iter()
        .map(|ident| ident.to_string().trim_start_matches("r#").to_owned())
        .collect()
}

/// The file name of a schema without its folder and extension.
pub(crate) fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".json").unwrap_or(file)
}

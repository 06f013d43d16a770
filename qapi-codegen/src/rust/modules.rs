//! QAPI modules as Rust modules.

use qapi_parser::schema::{ModuleId, Schema};

use super::code::Ident;
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

/// The handler traits of each module with such names: in band, out of band.
pub(crate) fn handlers(modules: &[String]) -> Vec<(Ident, Ident)> {
    let stems: Vec<String> = modules.iter().map(|name| names::camel(name)).collect();
    let mut scope = Scope::default();
    let mut claim = |suffix: &str| {
        let wanted: Vec<String> = stems.iter().map(|stem| format!("{stem}{suffix}")).collect();
        scope.claim(&wanted)
    };
    let (in_band, out_of_band) = (claim("Commands"), claim("OobCommands"));
    in_band.into_iter().zip(out_of_band).collect()
}

/// The file name of a schema without its folder and extension.
pub(crate) fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".json").unwrap_or(file)
}

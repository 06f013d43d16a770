//! Modules behind Cargo features, so that a user builds only those that it names.

use std::collections::{BTreeMap, BTreeSet};

use qapi_parser::schema::{EntityId, EntityKind, ModuleId};

use super::code::{Code, code};
use super::context::Context;
use super::{cfg, references};
use crate::options::Conditions;

/// The feature of what only servers need: handler traits and introspection data.
pub(crate) const SERVER: &str = "server";

/// The name of the file with the table of features.
pub(crate) const FILE: &str = "features.toml";

/// What puts a module behind a feature, if that is asked for.
pub(crate) fn condition(context: &Context<'_>, feature: &str) -> Code {
    if context.options.module_features {
        code!(#[cfg(feature = #feature)])
    } else {
        Code::default()
    }
}

/// The features with those that they need, as a table for `Cargo.toml`.
pub(crate) fn table(context: &Context<'_>) -> String {
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    needs.insert(SERVER, BTreeSet::new());
    for id in context.kept() {
        let entity = context.entity(id);
        let here = context.module(entity.module);
        if entity.module == ModuleId(0) {
            continue; // what is predefined
        }
        let needed = needs.entry(here).or_default();
        let targets = references::of(entity, context.schema, &context.options.conditions);
        let modules = targets
            .iter()
            .filter_map(|&(_, target)| module_of(context, target));
        needed.extend(
            modules
                .map(|module| context.module(module))
                .filter(|module| *module != here),
        );
    }
    let mut text = String::from(
        "# For Cargo.toml: configuration symbols, and modules of the schema with those that they need;\n\
         # `server` has the handler traits and the data of query-qmp-schema.\n[features]\n",
    );
    if context.options.conditions == Conditions::Cfg {
        let symbols = cfg::symbols(context.schema);
        for symbol in symbols {
            text += &format!("{} = []\n", cfg::feature(&symbol));
        }
    }
    if !context.options.module_features {
        return text;
    }
    for (feature, needed) in needs {
        let needed: Vec<String> = needed.iter().map(|name| format!("\"{name}\"")).collect();
        text += &format!("{feature} = [{}]\n", needed.join(", "));
    }
    text
}

/// Where a type is generated, which an array is not.
fn module_of(context: &Context<'_>, id: EntityId) -> Option<ModuleId> {
    let entity = context.entity(id);
    match &entity.kind {
        EntityKind::Builtin(_) => None,
        EntityKind::Array { element } => module_of(context, *element),
        _ if entity.implicit || entity.module == ModuleId(0) => None,
        _ => Some(entity.module),
    }
}

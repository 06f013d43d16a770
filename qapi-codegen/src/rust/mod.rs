//! The Rust back end: types, commands, events and handler traits of a schema.

mod alternates;
mod arguments;
mod cfg;
mod code;
mod commands;
mod context;
mod custom;
mod docs;
mod enums;
mod events;
mod features;
mod files;
mod finite;
mod gates;
mod graph;
mod handlers;
mod layout;
mod modules;
mod names;
mod record;
mod references;
mod select;
mod structs;
mod text;
mod tree;
mod unions;

use qapi_parser::schema::{Command, EntityId, EntityKind, ModuleId, Schema};

use crate::error::Error;
use crate::generator::Files;
use crate::introspect;
use crate::options::{Conditions, Handlers, Layout, Options};
use code::{Code, code};
use context::Context;
use tree::Module;

pub(crate) use modules::stem;

/// The folders with one file for each module of the schema.
pub(crate) const NAMESPACES: [&str; 4] = ["types", "commands", "events", "handlers"];

/// Generates the files for a schema.
///
/// # Errors
/// The schema cannot be put into Rust under these options.
pub(crate) fn generate(schema: &Schema, options: &Options) -> Result<Files, Error> {
    let context = Context::new(schema, options)?;
    let root = root(&context)?;
    let name = root_name(schema);
    let header = header(&name);
    let mut files = files::render(&root, options, &header)?;
    // Who wants comments on all modules has one on this one, too.
    if options.layout == Layout::Folder
        && options.doc_comments
        && let Some(text) = files.get_mut("mod.rs")
    {
        let comment =
            format!("\n//! Types, commands, events and handler traits of the schema `{name}`.\n");
        text.insert_str(header.len(), &comment);
    }
    let has_features = options.module_features || options.conditions == Conditions::Cfg;
    if has_features && options.layout == Layout::Folder {
        files.insert(gates::FILE.to_owned(), gates::table(&context));
    }
    Ok(files)
}

fn root_name(schema: &Schema) -> String {
    schema
        .modules()
        .get(modules::ROOT.0 as usize)
        .map_or("schema", |module| module.name.as_str())
        .replace(char::is_control, "?")
}

fn header(root: &str) -> String {
    format!(
        "{}{} from {root}; do not edit\n",
        crate::output::MARK,
        concat!(
            env!("CARGO_PKG_VERSION_MAJOR"),
            ".",
            env!("CARGO_PKG_VERSION_MINOR")
        )
    )
}

/// The namespaces beside each other: names clash across them in QEMU's own schema.
fn root(context: &Context<'_>) -> Result<Module, Error> {
    let namespaces = [
        namespace(context, "types", "The types of the schema.", type_items),
        namespace(
            context,
            "commands",
            "The arguments of the commands.",
            command_items,
        ),
        namespace(context, "events", "The data of the events.", event_items),
        handler_modules(context),
        introspection(context)?,
    ];
    let for_servers =
        |module: &Module| matches!(module.name.as_str(), "handlers" | "introspection");
    let wanted =
        |module: &Module| context.options.handlers != Handlers::None || !for_servers(module);
    let modules = namespaces
        .into_iter()
        .filter(wanted)
        .filter(|module| !module.items.is_empty() || !module.modules.is_empty());
    Ok(Module {
        modules: modules.collect(),
        ..Module::default()
    })
}

fn namespace(
    context: &Context<'_>,
    name: &str,
    summary: &str,
    items: fn(&Context<'_>, EntityId) -> Vec<Code>,
) -> Module {
    let modules = by_module(context, |ids| {
        ids.iter().flat_map(|&id| items(context, id)).collect()
    });
    let docs = docs::attributes(&vec![summary.to_owned()]);
    Module {
        name: name.to_owned(),
        attributes: code!(#docs #[allow(deprecated, reason = "the schema keeps what is deprecated")]),
        is_public: true,
        modules,
        ..Module::default()
    }
}

/// A Rust module for each module of the schema, as far as there is anything in it.
fn by_module(context: &Context<'_>, items: impl Fn(&[EntityId]) -> Vec<Code>) -> Vec<Module> {
    let ids: Vec<EntityId> = context.kept().collect();
    let mut modules = Vec::new();
    for (index, _) in (0_u32..).zip(context.schema.modules()) {
        let here: Vec<EntityId> = ids
            .iter()
            .copied()
            .filter(|&id| context.entity(id).module == ModuleId(index))
            .collect();
        let items = items(&here);
        if !items.is_empty() {
            let name = context.module(ModuleId(index)).to_owned();
            let is_predefined = ModuleId(index) == ModuleId(0);
            modules.push(Module {
                condition: if is_predefined {
                    Code::default()
                } else {
                    gates::condition(context, &name)
                },
                name,
                items,
                ..Module::default()
            });
        }
    }
    modules
}

fn type_items(context: &Context<'_>, id: EntityId) -> Vec<Code> {
    let items = match &context.entity(id).kind {
        EntityKind::Enum(_) => enums::items(context, id),
        EntityKind::Struct(_) => structs::items(context, id),
        EntityKind::Union(union) => {
            let mut items = structs::items(context, id);
            items.extend(unions::items(context, id, union));
            items
        }
        EntityKind::Alternate(alternate) => alternates::items(context, id, alternate),
        _ => Vec::new(),
    };
    conditional(context, id, items)
}

/// Puts the condition of an entity in front of its items.
fn conditional(context: &Context<'_>, id: EntityId, items: Vec<Code>) -> Vec<Code> {
    let cfg = context.cfg(&context.entity(id).cond);
    if cfg == Code::default() {
        return items;
    }
    items.into_iter().map(|item| code!(#cfg #item)).collect()
}

fn command_items(context: &Context<'_>, id: EntityId) -> Vec<Code> {
    let items = command(context, id).map(|command| commands::items(context, id, command));
    conditional(context, id, items.unwrap_or_default())
}

fn event_items(context: &Context<'_>, id: EntityId) -> Vec<Code> {
    match &context.entity(id).kind {
        EntityKind::Event(event) => conditional(context, id, events::items(context, id, event)),
        _ => Vec::new(),
    }
}

fn command<'s>(context: &Context<'s>, id: EntityId) -> Option<&'s Command> {
    match &context.entity(id).kind {
        EntityKind::Command(command) => Some(command),
        _ => None,
    }
}

fn handler_modules(context: &Context<'_>) -> Module {
    let modules = by_module(context, |ids| {
        let commands: Vec<_> = ids
            .iter()
            .filter_map(|&id| Some((id, command(context, id)?)))
            .collect();
        let module = commands.first().map(|&(id, _)| context.entity(id).module);
        module
            .map(|module| handlers::items(context, module, &commands))
            .unwrap_or_default()
    });
    Module {
        name: "handlers".to_owned(),
        condition: gates::condition(context, gates::SERVER),
        attributes: code!(#[allow(deprecated, reason = "the schema keeps what is deprecated")]),
        modules,
        ..Module::default()
    }
}

fn introspection(context: &Context<'_>) -> Result<Module, Error> {
    let options = introspect::Options {
        conditions: context.options.conditions.clone(),
        unmasked: true,
        with_conditions: context.options.conditions == Conditions::Cfg,
    };
    let text = introspect::text_of(context.schema, &options, &|id| context.reaches(id));
    // No type name holds a quote or a number sign.
    let literal = Code::raw(format!("r#\"{text}\"#"));
    let data = code! {
        /// What `query-qmp-schema` tells, before it is cut to what is implemented and masked.
        pub const INTROSPECTION: &str = #literal;
    };
    Ok(Module {
        name: "introspection".to_owned(),
        condition: gates::condition(context, gates::SERVER),
        items: [Some(data), conditions(context)]
            .into_iter()
            .flatten()
            .collect(),
        ..Module::default()
    })
}

/// The configuration symbols, where Cargo features choose them.
fn conditions(context: &Context<'_>) -> Option<Code> {
    if context.options.conditions != Conditions::Cfg {
        return None;
    }
    let rows = cfg::symbols(context.schema).into_iter().map(|symbol| {
        let feature = cfg::feature(&symbol);
        code!((#symbol, cfg!(feature = #feature)))
    });
    let rows: Vec<Code> = rows.collect();
    Some(code! {
        /// The configuration symbols of the schema, and whether they are defined; for the router.
        pub const CONDITIONS: &[(&str, bool)] = &[#(#rows),*];
    })
}

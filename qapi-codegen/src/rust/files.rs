//! From modules to files.

use memchr::memmem::Finder;

use super::code::{Code, code};
use super::names;
use super::text::Texts;
use super::tree::Module;
use crate::error::Error;
use crate::generator::Files;
use crate::options::{Layout, Options};

/// Renders the root module and all within.
///
/// # Errors
/// The text is no Rust, which would be a mistake of the generator.
pub(crate) fn render(root: &Module, options: &Options, header: &str) -> Result<Files, Error> {
    let mut files = Texts::new(options, header);
    match options.layout {
        Layout::Folder => folder(root, "", &mut files)?,
        Layout::Single => {
            let items = whole(root, &mut inline_items);
            files.add("mod.rs".to_owned(), items)?;
        }
        Layout::Parts => {
            let name = options.name.as_deref().unwrap_or("bindings");
            let mut parts = Vec::new();
            let mut include = |module: &Module, path: &str| {
                let file = format!("{name}/{path}.rs");
                let item = code!(::std::include!(#file););
                parts.push((file, items(module).collect::<Vec<Code>>()));
                vec![item]
            };
            let items = whole(root, &mut include);
            files.add(format!("{name}.rs"), items)?;
            for (file, items) in parts {
                files.add(file, items)?;
            }
        }
    }
    Ok(files.into_files())
}

/// What stands between the braces of a module at a path, apart from modules.
type Contents<'c> = dyn FnMut(&Module, &str) -> Vec<Code> + 'c;

fn inline_items(module: &Module, _path: &str) -> Vec<Code> {
    items(module).collect()
}

/// The root module and all within, in one text.
fn whole(root: &Module, contents: &mut Contents<'_>) -> Vec<Code> {
    let partial = used_in_part();
    let mut all = root.items.clone();
    for inner in &root.modules {
        let inner = inline(inner, root, "", contents);
        all.extend(inner.into_iter().map(|item| code!(#partial #item)));
    }
    all
}

/// A module with submodules is a folder with `mod.rs`, one without is a file.
fn folder(module: &Module, path: &str, files: &mut Texts<'_>) -> Result<(), Error> {
    let partial = path.is_empty().then(used_in_part);
    let declared = module.modules.iter().map(|inner| {
        let name = names::ident(&inner.name);
        let attributes = attributes(inner, module);
        let public = inner.is_public.then(|| code!(pub));
        code!(#attributes #partial #public mod #name;)
    });
    let items = declared
        .chain(exports(module).map(|export| code!(#partial #export)))
        .chain(items(module));
    let file = match (path, module.modules.is_empty()) {
        ("", _) => "mod.rs".to_owned(),
        (_, true) => format!("{path}.rs"),
        (_, false) => format!("{path}/mod.rs"),
    };
    files.add(file, items.collect())?;
    for inner in &module.modules {
        let inner_path = if path.is_empty() {
            inner.name.clone()
        } else {
            format!("{path}/{}", inner.name)
        };
        folder(inner, &inner_path, files)?;
    }
    Ok(())
}

/// Bindings lie in a private module of a program, too, which uses some of them.
fn used_in_part() -> Code {
    code!(#[allow(dead_code, unused_imports, unreachable_pub, reason = "bindings are used in part")])
}

/// What stands in front of a module. A QAPI module may be called `types`, too.
fn attributes(module: &Module, outer: &Module) -> Code {
    let (condition, attributes) = (&module.condition, &module.attributes);
    let repeats = (module.name == outer.name).then(
        || code!(#[allow(clippy::module_inception, reason = "a module of the schema has this name")]),
    );
    code!(#condition #attributes #repeats)
}

fn exports(module: &Module) -> impl Iterator<Item = Code> + '_ {
    module
        .modules
        .iter()
        .filter(|inner| !inner.is_public)
        .map(|inner| {
            let name = names::ident(&inner.name);
            let condition = &inner.condition;
            code!(#condition pub use self::#name::*;)
        })
}

/// A module within the file of its parent, and what the parent exports of it.
fn inline(module: &Module, outer: &Module, path: &str, contents: &mut Contents<'_>) -> Vec<Code> {
    let name = names::ident(&module.name);
    let attributes = attributes(module, outer);
    let public = module.is_public.then(|| code!(pub));
    let path = match path {
        "" => module.name.clone(),
        outer => format!("{outer}/{}", module.name),
    };
    let mut inner = Vec::new();
    for one in &module.modules {
        inner.extend(inline(one, module, &path, contents));
    }
    let items = match module.items.is_empty() {
        true => Vec::new(),
        false => contents(module, &path),
    };
    let definition = code!(#attributes #public mod #name { #(#inner)* #(#items)* });
    let export = (!module.is_public).then(|| {
        let condition = &module.condition;
        code!(#condition pub use self::#name::*;)
    });
    [Some(definition), export].into_iter().flatten().collect()
}

/// The items of a module, with the names of the prelude as people write them, where nothing in the module has such a
/// name.
fn items(module: &Module) -> impl Iterator<Item = Code> + '_ {
    let mut free = PRELUDE.to_vec();
    for word in ["struct ", "enum ", "trait "] {
        let word = Finder::new(word);
        for item in &module.items {
            for at in word.find_iter(item.as_str().as_bytes()) {
                let behind = item.as_str()[at + word.needle().len()..].split(' ').next();
                free.retain(|(name, _)| behind != Some(name));
            }
        }
    }
    let paths = Finder::new(PRELUDE_PATHS);
    let shorten = move |item: &Code| Code::raw(shorten(item.as_str(), &free, &paths));
    module.items.iter().map(shorten)
}

/// A text with names in place of paths, in one pass: it is all the text that there is.
fn shorten(text: &str, names: &[(&str, &str)], paths: &Finder<'_>) -> String {
    let mut short = String::with_capacity(text.len());
    let mut copied = 0;
    for at in paths.find_iter(text.as_bytes()) {
        let mut names = names.iter();
        if let Some((name, path)) = names.find(|(_, path)| text[at..].starts_with(path)) {
            short.push_str(&text[copied..at]);
            short.push_str(name);
            copied = at + path.len();
        }
    }
    short.push_str(&text[copied..]);
    short
}

/// What the paths below begin with.
const PRELUDE_PATHS: &str = ":: std :: ";

/// Names of the prelude, and the paths that are true everywhere.
const PRELUDE: [(&str, &str); 6] = [
    ("Into", ":: std :: convert :: Into"),
    ("Option", ":: std :: option :: Option"),
    ("String", ":: std :: string :: String"),
    ("Vec", ":: std :: vec :: Vec"),
    ("Box", ":: std :: boxed :: Box"),
    ("Result", ":: std :: result :: Result"),
];

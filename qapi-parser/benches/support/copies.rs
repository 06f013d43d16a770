//! A schema many times over, under other names.

use std::collections::HashMap;
use std::fmt::Write as _;

use qapi_parser::schema::{EntityKind, Schema};
use qapi_parser::{MemoryLoader, Outcome};

/// The file of a release that says what is excepted from rules. A list replaces the one before, so the
/// copies share lists with the names of all.
const PRAGMAS: &str = "pragma.json";

/// The copies below `root.json`; each has its own names and is checked in full.
pub(crate) fn copies(outcome: &Outcome, count: usize) -> MemoryLoader {
    let schema = outcome.schema.as_ref().expect("the schema is sound");
    let mut loader = MemoryLoader::new();
    let mut includes = String::new();
    let mut pragmas = String::new();
    for copy in 0..count {
        let names = names(schema, copy);
        for file in outcome.sources.files() {
            let name = file
                .path()
                .file_name()
                .expect("it is a file")
                .to_string_lossy();
            let text = if name == PRAGMAS {
                pragmas += &excepted(file.text(), &names);
                "# in the root\n".to_owned()
            } else {
                renamed(file.text(), &names)
            };
            loader = loader.file(format!("{copy}/{name}"), text);
        }
        writeln!(includes, "{{ 'include': '{copy}/qapi-schema.json' }}").expect("memory suffices");
    }
    let keys = [
        "command-name",
        "command-returns",
        "documentation",
        "member-name",
    ];
    let mut root = String::from("{ 'pragma': { 'doc-required': true } }\n");
    for key in keys {
        writeln!(
            root,
            "{{ 'pragma': {{ '{key}-exceptions': [ {pragmas} 'none' ] }} }}"
        )
        .expect("memory suffices");
    }
    loader.file("root.json", root + &includes)
}

/// The new name of each definition.
fn names(schema: &Schema, copy: usize) -> HashMap<&str, String> {
    let mark = char::from(b'a' + u8::try_from(copy).expect("there are few"));
    let defined = schema
        .entities()
        .iter()
        .filter(|one| !one.implicit && one.span.is_some());
    defined
        .map(|one| {
            let name = one.name.as_str();
            let new = match one.kind {
                EntityKind::Command(_) => format!("{name}-x{mark}"),
                EntityKind::Event(_) => format!("{name}_X{}", mark.to_ascii_uppercase()),
                _ => format!("{name}X{mark}"),
            };
            (name, new)
        })
        .collect()
}

fn excepted(text: &str, names: &HashMap<&str, String>) -> String {
    let quoted = text.split('\'').skip(1).step_by(2);
    let known = quoted.filter_map(|name| names.get(name));
    known.map(|name| format!("'{name}', ")).collect()
}

/// Renames the definitions, and the types where they are used. Keys and values of enumerations may have
/// the names of commands, but not those of types.
fn renamed(text: &str, names: &HashMap<&str, String>) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut before = "";
    for line in text.lines() {
        let symbol = line
            .strip_prefix("# @")
            .and_then(|rest| rest.strip_suffix(':'));
        match symbol
            .filter(|_| before == "##")
            .and_then(|name| names.get(name))
        {
            Some(name) => out += &format!("# @{name}:"),
            None if line.starts_with('#') => out += line,
            None => rename_words(line, names, &mut out),
        }
        out.push('\n');
        before = line;
    }
    out
}

fn rename_words(line: &str, names: &HashMap<&str, String>, out: &mut String) {
    let words: Vec<&str> = line.split('\'').collect();
    for (index, word) in words.iter().enumerate() {
        let is_quoted = index % 2 == 1;
        if index > 0 {
            out.push('\'');
        }
        let is_key = words
            .get(index + 1)
            .is_some_and(|rest| rest.trim_start().starts_with(':'));
        let is_type = word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.contains(|c: char| c.is_ascii_lowercase());
        let is_head = index > 1 && matches!(words[index - 2], "command" | "event") && index == 3;
        match names
            .get(word)
            .filter(|_| is_quoted && !is_key && (is_type || is_head))
        {
            Some(name) => out.push_str(name),
            None => out.push_str(word),
        }
    }
}

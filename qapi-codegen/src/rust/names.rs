//! From names on the wire to Rust identifiers.

use std::collections::HashSet;

use heck::{ToSnakeCase, ToUpperCamelCase};

use super::code::Ident;

/// Words that an identifier may be only with `r#` in front, in any edition.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Words that no identifier may be, not even with `r#`.
const RESERVED: &[&str] = &["_", "self", "super", "crate", "Self"];

/// The name of a type or variant, before clashes are resolved.
pub(crate) fn camel(wire: &str) -> String {
    let mut name = String::new();
    for word in wire.split(|c: char| !c.is_ascii_alphanumeric()) {
        let word = word.to_upper_camel_case();
        // `x86_64` and `2_5` would become other numbers.
        if name.ends_with(|c: char| c.is_ascii_digit())
            && word.starts_with(|c: char| c.is_ascii_digit())
        {
            name.push('_');
        }
        name += &word;
    }
    valid(&name, "Unnamed")
}

/// The name of a field, method or module, before clashes are resolved.
pub(crate) fn snake(wire: &str) -> String {
    valid(&wire.to_snake_case(), "unnamed")
}

fn valid(name: &str, unnamed: &str) -> String {
    let name: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    match name.chars().next() {
        None => unnamed.to_owned(),
        Some(first) if first.is_ascii_digit() => format!("_{name}"),
        Some(_) => name,
    }
}

/// Makes an identifier of a name, which keywords need a change for.
pub(crate) fn ident(name: &str) -> Ident {
    if RESERVED.contains(&name) {
        Ident::new(format!("{name}_"))
    } else if KEYWORDS.contains(&name) {
        Ident::new(format!("r#{name}"))
    } else {
        Ident::new(name)
    }
}

/// What the variant is called for what the bindings do not know, unless the schema has such a name.
const OTHER: &str = "Unrecognized";

/// The names of the variants of an enum, and of the one for what is none of them.
pub(crate) fn variants(wanted: impl Iterator<Item = String>) -> (Vec<Ident>, Ident) {
    let wanted: Vec<String> = wanted.chain([OTHER.to_owned()]).collect();
    let mut names = Scope::default().claim(&wanted);
    let other = names.pop().unwrap_or_else(|| ident(OTHER));
    (names, other)
}

/// Names given out in one namespace.
///
/// Of names that are the same after conversion, the first keeps it and the others get a number, so
/// that a definition added behind the others changes none of them.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    taken: HashSet<String>,
}

impl Scope {
    /// A namespace in which some names are not to be used.
    pub(crate) fn reserving(names: &[&str]) -> Self {
        Scope {
            taken: names.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// Gives a name to each of `wanted`. A number never makes a name that another one wants.
    pub(crate) fn claim(&mut self, wanted: &[String]) -> Vec<Ident> {
        let natural: HashSet<&str> = wanted.iter().map(String::as_str).collect();
        wanted
            .iter()
            .map(|name| ident(&self.claim_one(name, &natural)))
            .collect()
    }

    fn claim_one(&mut self, name: &str, natural: &HashSet<&str>) -> String {
        if self.taken.insert(name.to_owned()) {
            return name.to_owned();
        }
        // `Foo_2` is no name for a type, and `_12` would not tell that it is the second `_1`.
        let is_snake = !name.contains(|c: char| c.is_ascii_uppercase());
        let separator = if is_snake || name.ends_with(|c: char| c.is_ascii_digit()) {
            "_"
        } else {
            ""
        };
        let mut number = 2_u32;
        loop {
            let candidate = format!("{name}{separator}{number}");
            if !natural.contains(candidate.as_str()) && self.taken.insert(candidate.clone()) {
                return candidate;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(wanted: &[&str]) -> Vec<String> {
        let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
        Scope::default()
            .claim(&wanted)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn wire_names_become_rust_names() {
        assert_eq!(camel("BLOCK_JOB_READY"), "BlockJobReady");
        assert_eq!(camel("4k"), "_4k");
        assert_eq!(camel("__com.example_x-Y"), "ComExampleXY");
        assert_eq!(camel("x86_64"), "X86_64");
        assert_eq!(camel("IOThreadInfo"), "IoThreadInfo");
        assert_eq!(camel("-"), "Unnamed");
        assert_eq!(snake("node-name"), "node_name");
        assert_eq!(snake("blockdev-add"), "blockdev_add");
    }

    #[test]
    fn every_keyword_becomes_an_identifier() {
        for &word in KEYWORDS {
            assert_eq!(ident(word).to_string(), format!("r#{word}"));
        }
        for &word in RESERVED {
            assert_eq!(ident(word).to_string(), format!("{word}_"));
        }
    }

    #[test]
    fn clashing_names_get_numbers() {
        assert_eq!(
            claim(&["Foo", "Foo", "Foo2", "Foo"]),
            ["Foo", "Foo3", "Foo2", "Foo4"]
        );
        assert_eq!(claim(&["_1", "_1"]), ["_1", "_1_2"]);
        assert_eq!(claim(&["a_b", "a_b"]), ["a_b", "a_b_2"]);
    }
}

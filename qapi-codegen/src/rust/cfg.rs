//! Conditions as Rust's own, for those who choose by Cargo features.

use std::collections::BTreeSet;

use qapi_parser::schema::{Cond, EntityKind, Schema};

use super::code::{Code, code};
use crate::options::{Conditions, Options};

/// The Cargo feature for a configuration symbol: `config-linux` for `CONFIG_LINUX`.
pub(crate) fn feature(symbol: &str) -> String {
    symbol.to_ascii_lowercase().replace('_', "-")
}

/// The attribute for something with this condition, if conditions become attributes.
pub(crate) fn attribute(options: &Options, cond: &Cond) -> Code {
    if options.conditions != Conditions::Cfg {
        return Code::default();
    }
    match predicate(cond) {
        Some(predicate) => code!(#[cfg(#predicate)]),
        None => Code::default(),
    }
}

/// The attribute for what is there only where the condition does not hold.
pub(crate) fn inverse(options: &Options, cond: &Cond) -> Code {
    attribute(options, &Cond::Not(Box::new(cond.clone())))
}

fn predicate(cond: &Cond) -> Option<Code> {
    let all = |terms: &[Cond]| -> Vec<Code> { terms.iter().filter_map(predicate).collect() };
    Some(match cond {
        Cond::Always => return None,
        Cond::Symbol(name) => {
            let name = feature(name);
            code!(feature = #name)
        }
        Cond::All(terms) => {
            let terms = all(terms);
            code!(all(#(#terms),*))
        }
        // What always holds is any of these.
        Cond::Any(terms) if terms.contains(&Cond::Always) => return None,
        Cond::Any(terms) => {
            let terms = all(terms);
            code!(any(#(#terms),*))
        }
        Cond::Not(term) => {
            let term = predicate(term).unwrap_or_else(|| code!(all()));
            code!(not(#term))
        }
    })
}

/// The configuration symbols that a schema's conditions name.
pub(crate) fn symbols(schema: &Schema) -> BTreeSet<String> {
    let mut symbols = BTreeSet::new();
    let mut add = |cond: &Cond| collect(cond, &mut symbols);
    for entity in schema.entities() {
        add(&entity.cond);
        entity.features.iter().for_each(|one| add(&one.cond));
        match &entity.kind {
            EntityKind::Enum(of) => of.members.iter().for_each(|one| add(&one.cond)),
            EntityKind::Struct(of) => of.members.iter().for_each(|one| add(&one.cond)),
            EntityKind::Union(of) => {
                of.members.iter().for_each(|one| add(&one.cond));
                of.branches.iter().for_each(|one| add(&one.cond));
            }
            EntityKind::Alternate(of) => of.alternatives.iter().for_each(|one| add(&one.cond)),
            _ => {}
        }
    }
    symbols
}

fn collect(cond: &Cond, symbols: &mut BTreeSet<String>) {
    match cond {
        Cond::Always => {}
        Cond::Symbol(name) => drop(symbols.insert(name.to_string())),
        Cond::All(terms) | Cond::Any(terms) => {
            terms.iter().for_each(|term| collect(term, symbols));
        }
        Cond::Not(term) => collect(term, symbols),
    }
}

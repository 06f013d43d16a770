//! The names of definitions and types, each looked up once where it is written: further on they are
//! numbers.

use foldhash::HashMap;

use super::model::EntityId;

/// A name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Symbol(u32);

/// What a name stands for.
#[derive(Debug)]
pub(super) struct Meaning<'t> {
    pub(super) name: &'t str,
    /// The entity of this name.
    pub(super) entity: Option<EntityId>,
    /// Whether that is a type.
    pub(super) is_type: bool,
    /// The array of which the type of this name is the element.
    pub(super) array: Option<EntityId>,
}

/// All names.
#[derive(Debug, Default)]
pub(crate) struct Symbols<'t> {
    index: HashMap<&'t str, Symbol>,
    meanings: Vec<Meaning<'t>>,
}

impl<'t> Symbols<'t> {
    /// The symbol of a name, a new one if need be.
    pub(super) fn symbol(&mut self, name: &'t str) -> Symbol {
        *self.index.entry(name).or_insert_with(|| {
            self.meanings.push(Meaning {
                name,
                entity: None,
                is_type: false,
                array: None,
            });
            Symbol(u32::try_from(self.meanings.len() - 1).unwrap_or(u32::MAX))
        })
    }

    /// The symbol of a name that has one.
    pub(super) fn find(&self, name: &str) -> Option<Symbol> {
        self.index.get(name).copied()
    }

    pub(super) fn meaning(&self, symbol: Symbol) -> &Meaning<'t> {
        &self.meanings[symbol.0 as usize]
    }

    pub(super) fn meaning_mut(&mut self, symbol: Symbol) -> &mut Meaning<'t> {
        &mut self.meanings[symbol.0 as usize]
    }
}

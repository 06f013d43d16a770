//! Who uses which type.

use std::collections::{HashMap, HashSet};

use super::entry::{Branch, Entries, Entry, Kind};

/// What a type is to the entry that uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    Argument,
    Result,
    Member(String),
    Branch(String),
    Alternative,
}

/// A use, arrays left out: that of `['X']` is one of X.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    /// The index of the user.
    pub(super) by: usize,
    pub(super) role: Role,
    /// Whether an array of the type is used.
    pub(super) in_array: bool,
}

/// The uses of all types.
#[derive(Debug)]
pub(super) struct Usage {
    /// Types by index, in the order in which commands and events lead to them.
    pub(super) reached: Vec<usize>,
    /// The uses of a type by its index, in that order too; those by unused types come last.
    uses: Vec<Vec<Use>>,
    /// The object that stands for no arguments and no members.
    pub(super) nothing: Option<usize>,
}

impl Usage {
    pub(super) fn of(entries: &Entries) -> Self {
        let mut usage = Usage {
            reached: Vec::new(),
            uses: vec![Vec::new(); entries.list.len()],
            nothing: None,
        };
        let mut walk = Walk {
            entries,
            usage: &mut usage,
            known: HashSet::new(),
        };
        let heads = |one: &(usize, &Entry)| one.1.is_head();
        for (index, entry) in entries.list.iter().enumerate().filter(heads) {
            walk.entry(index, entry);
        }
        walk.types(0);
        let end = walk.usage.reached.len();
        for (index, _) in entries.list.iter().enumerate().filter(|one| !heads(one)) {
            walk.note(index);
        }
        walk.types(end);
        usage.reached.truncate(end);
        usage.nothing = usage.find_nothing(entries);
        usage
    }

    /// The uses of a type.
    pub(super) fn of_type(&self, index: usize) -> &[Use] {
        &self.uses[index]
    }

    /// Of the empty objects, the one that most commands and branches share.
    fn find_nothing(&self, entries: &Entries) -> Option<usize> {
        let empty = entries.list.iter().enumerate();
        let empty = empty.filter(|(_, entry)| entry.is_empty());
        let shared = |index: usize| {
            let uses = self.uses[index].iter();
            uses.filter(|one| !matches!(one.role, Role::Member(_) | Role::Alternative))
                .count()
        };
        let most = empty.max_by_key(|(index, _)| (shared(*index), std::cmp::Reverse(*index)));
        most.map(|(index, _)| index)
    }

    /// Types with names of their own that nothing leads to.
    pub(super) fn unused<'u>(&'u self, entries: &'u Entries) -> impl Iterator<Item = usize> + 'u {
        let reached: HashSet<usize> = self.reached.iter().copied().collect();
        let is_named = |entry: &Entry| {
            let unnamed = matches!(entry.kind, Kind::Builtin | Kind::Array { .. });
            !entry.is_head() && !unnamed
        };
        let all = entries.list.iter().enumerate();
        all.filter(move |(index, entry)| {
            is_named(entry) && !reached.contains(index) && Some(*index) != self.nothing
        })
        .map(|(index, _)| index)
    }

    /// Commands and events in order, then the types that they lead to, with numbers in the place of
    /// the names of types: equal for data that means the same.
    pub(super) fn in_order(&self, entries: &Entries) -> Vec<Entry> {
        let mut names: HashMap<&str, String> = HashMap::new();
        for (number, &index) in self.reached.iter().enumerate() {
            let entry = &entries.list[index];
            if entry.kind != Kind::Builtin {
                names.insert(&entry.name, format!("#{number}"));
            }
        }
        let heads = (0..entries.list.len()).filter(|index| entries.list[*index].is_head());
        let order = heads.chain(self.reached.iter().copied());
        let renamed = |index: usize| {
            let mut entry = entries.list[index].clone();
            let is_head = entry.is_head();
            let own = (!is_head).then_some(&mut entry.name);
            if let Some(number) = own.as_ref().and_then(|name| names.get(name.as_str())) {
                own.into_iter().for_each(|name| number.clone_into(name));
            }
            for ty in entry.types_mut() {
                if let Some(number) = names.get(ty.as_str()) {
                    number.clone_into(ty);
                }
            }
            entry
        };
        order.map(renamed).collect()
    }
}

/// The walk from commands and events, in the order of QEMU's generator.
struct Walk<'e, 'u> {
    entries: &'e Entries,
    usage: &'u mut Usage,
    known: HashSet<usize>,
}

impl Walk<'_, '_> {
    /// All types from this one on, with those that they lead to.
    fn types(&mut self, first: usize) {
        let mut next = first;
        while let Some(&index) = self.usage.reached.get(next) {
            next += 1;
            self.entry(index, &self.entries.list[index]);
        }
    }

    fn entry(&mut self, by: usize, entry: &Entry) {
        match &entry.kind {
            // The elements of arrays are met with the arrays.
            Kind::Builtin | Kind::Enum { .. } | Kind::Array { .. } => {}
            Kind::Object { members, union } => {
                for member in members {
                    self.use_type(&member.ty, by, Role::Member(member.name.clone()));
                }
                for Branch { case, ty } in union.iter().flat_map(|(_, branches)| branches) {
                    self.use_type(ty, by, Role::Branch(case.clone()));
                }
            }
            Kind::Alternate { types } => {
                for ty in types {
                    self.use_type(ty, by, Role::Alternative);
                }
            }
            Kind::Command {
                argument, result, ..
            } => {
                self.use_type(argument, by, Role::Argument);
                self.use_type(result, by, Role::Result);
            }
            Kind::Event { argument } => self.use_type(argument, by, Role::Argument),
        }
    }

    fn use_type(&mut self, name: &str, by: usize, role: Role) {
        let mut index = self.entries.index(name);
        let mut in_array = false;
        self.note(index);
        while let Kind::Array { element } = &self.entries.list[index].kind {
            index = self.entries.index(element);
            in_array = true;
            if !self.note(index) {
                break;
            }
        }
        self.usage.uses[index].push(Use { by, role, in_array });
    }

    /// Whether the type was not known.
    fn note(&mut self, index: usize) -> bool {
        let is_new = self.known.insert(index);
        if is_new {
            self.usage.reached.push(index);
        }
        is_new
    }
}

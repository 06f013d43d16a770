//! Where a text stands: what names in it refer to.

use std::collections::HashSet;

use qapi_parser::schema::EntityId;

use super::site::Site;

/// The place of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) site: &'a Site<'a>,
    /// The file of the page.
    pub(super) file: &'a str,
    /// The definition that the text belongs to.
    pub(super) owner: Option<&'a Owner<'a>>,
}

/// A definition, or a branch of one, with the members that have rows under its anchor.
#[derive(Debug)]
pub(super) struct Owner<'a> {
    pub(super) id: EntityId,
    pub(super) anchor: String,
    pub(super) members: HashSet<&'a str>,
    /// What it is a part of.
    pub(super) outer: Option<&'a Owner<'a>>,
}

impl<'a> Scope<'a> {
    /// The place of a text on a page that belongs to no definition.
    pub(super) fn page(site: &'a Site<'a>, file: &'a str) -> Self {
        Scope {
            site,
            file,
            owner: None,
        }
    }

    /// The address of a definition.
    pub(super) fn address(&self, id: EntityId) -> Option<String> {
        self.site.address(id, self.file)
    }

    /// What a name marked as such refers to: a member of the definition at hand, or another one.
    pub(super) fn of_name(&self, name: &str) -> Option<String> {
        self.of_member(name).or_else(|| self.of_definition(name))
    }

    /// What a literal refers to. One that is spelled as a member or value stays a literal.
    pub(super) fn of_literal(&self, text: &str) -> Option<String> {
        if self.of_member(text).is_some() {
            return None;
        }
        self.of_definition(text)
    }

    /// What the target of a role refers to: `name`, `name.member`, or either of them behind a
    /// namespace and a module, as in `QMP:block-core.name`.
    pub(super) fn of_target(&self, target: &str) -> Option<String> {
        let target = target.trim_start_matches(['~', '!']);
        let target = target.split_once(':').map_or(target, |(_, rest)| rest);
        self.of_definition(target)
            .or_else(|| {
                let (outer, member) = target.rsplit_once('.')?;
                let outer = outer.rsplit_once('.').map_or(outer, |(_, last)| last);
                let id = self.site.find(outer)?;
                let is_member = self.site.has_member(id, member);
                let address = self.address(id).filter(|_| is_member)?;
                Some(format!("{address}.{member}"))
            })
            .or_else(|| self.of_definition(target.rsplit_once('.')?.1))
    }

    fn of_member(&self, name: &str) -> Option<String> {
        let mut owners = std::iter::successors(self.owner, |owner| owner.outer);
        let owner = owners.find(|owner| owner.members.contains(name))?;
        Some(format!("#{}.{name}", owner.anchor))
    }

    pub(super) fn of_definition(&self, name: &str) -> Option<String> {
        let id = self.site.find(name)?;
        if self.owner.is_some_and(|owner| owner.id == id) {
            return None;
        }
        self.address(id)
    }
}

//! The members of objects, in tables; those of bases stand with them.

use std::collections::{HashMap, HashSet};

use qapi_parser::doc::Doc;
use qapi_parser::schema::{EntityId, EntityKind, Member, Members};

use super::facts;
use super::markup::{Html, PLAIN};
use super::scope::Scope;
use super::site::Site;
use super::text;
use super::types;
use crate::rest;

/// Members that come from one definition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group<'s> {
    /// The type that has them; none if the definition at hand lists them itself.
    pub(super) from: Option<EntityId>,
    members: &'s Members,
}

/// The members of a type: those of its bases first. `user` is the definition that they are shown
/// with; what it defines itself, in place or not, comes from nowhere else.
pub(super) fn groups<'s>(site: &Site<'s>, ty: EntityId, user: EntityId) -> Vec<Group<'s>> {
    let mut groups = Vec::new();
    let mut named = None;
    let mut next = Some(ty);
    while let Some(id) = next {
        let entity = site.entity(id);
        // The members of an unnamed type belong to the definition that lists them in place.
        if !entity.implicit {
            named = Some(id).filter(|id| *id != user);
        }
        next = match &entity.kind {
            EntityKind::Struct(of) => {
                groups.push(Group {
                    from: named,
                    members: &of.local_members,
                });
                of.base
            }
            EntityKind::Union(of) => Some(of.base),
            _ => None,
        };
        let is_told = !groups.is_empty() && named.is_some();
        if is_told && !site.is_whole(user) {
            break;
        }
    }
    groups.retain(|group| !group.members.is_empty());
    groups.reverse();
    groups
}

/// The names that have rows under the anchor of a definition.
pub(super) fn names<'s>(site: &Site<'s>, id: EntityId) -> HashSet<&'s str> {
    let ty = match &site.entity(id).kind {
        EntityKind::Enum(of) => {
            let kept = of.members.iter().filter(|one| site.keeps(&one.cond));
            return kept.map(|one| &*one.name).collect();
        }
        EntityKind::Alternate(of) => {
            let kept = of.alternatives.iter().filter(|one| site.keeps(&one.cond));
            return kept.map(|one| &*one.name).collect();
        }
        EntityKind::Struct(_) | EntityKind::Union(_) => Some(id),
        EntityKind::Command(of) => of.arg_type,
        EntityKind::Event(of) => of.arg_type,
        EntityKind::Builtin(_) | EntityKind::Array { .. } => None,
    };
    let groups = ty.map(|ty| groups(site, ty, id)).unwrap_or_default();
    names_in(site, id, &groups)
}

/// As [`names`], of some of the members that are shown with a definition.
pub(super) fn names_in<'s>(
    site: &Site<'s>,
    user: EntityId,
    groups: &[Group<'s>],
) -> HashSet<&'s str> {
    let listed = groups.iter().filter(|group| is_listed(site, user, group));
    let members = listed.flat_map(|group| group.members);
    let kept = members.filter(|one| site.keeps(&one.cond));
    kept.map(|one| &*one.name).collect()
}

fn is_listed(site: &Site<'_>, user: EntityId, group: &Group<'_>) -> bool {
    group.from.is_none() || site.is_whole(user)
}

/// What a comment says of members, by their names.
pub(super) type Texts<'a> = HashMap<&'a str, &'a str>;

/// What a comment says of members.
pub(super) fn texts(doc: Option<&Doc>) -> Texts<'_> {
    let described = doc.map_or(&[][..], |doc| &doc.members);
    described
        .iter()
        .map(|one| (&*one.name, &*one.text))
        .collect()
}

/// Where a table stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// What the anchors of the rows start with.
    pub(super) anchor: &'a str,
    /// The definition that the table belongs to.
    pub(super) user: EntityId,
    /// What its comment says, which may describe members of bases, too.
    pub(super) said: &'a Texts<'a>,
    /// A type that is named in front of the table, which need not say so if it has all members.
    pub(super) named: Option<EntityId>,
}

/// Writes the table of some members.
pub(super) fn table(html: &mut Html, scope: &Scope<'_>, place: Place<'_>, groups: &[Group<'_>]) {
    html.block("table", &[("class", "members")], |html| {
        html.raw("<thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Type</th>");
        html.raw("<th scope=\"col\">Description</th></tr></thead>\n");
        for group in groups {
            html.block("tbody", PLAIN, |html| {
                let is_told = groups.len() == 1 && group.from == place.named;
                if let Some(from) = group.from.filter(|_| !is_told) {
                    html.element("tr", &[("class", "from")], |html| {
                        html.element("th", &[("colspan", "3"), ("scope", "rowgroup")], |html| {
                            html.raw("From ");
                            types::name(html, scope, from);
                        });
                    });
                    html.raw("\n");
                }
                rows(html, scope, place, *group);
            });
        }
    });
}

fn rows(html: &mut Html, scope: &Scope<'_>, place: Place<'_>, group: Group<'_>) {
    if !is_listed(scope.site, place.user, &group) {
        html.raw("<tr><td colspan=\"3\">All members that this type has.</td></tr>\n");
        return;
    }
    let holder = group.from.map(|id| scope.site.entity(id));
    let holder = texts(holder.and_then(|entity| entity.doc.as_deref()));
    let kept = group
        .members
        .iter()
        .filter(|one| scope.site.keeps(&one.cond));
    for member in kept {
        let name = member.name.as_str();
        let said = place.said.get(name).or_else(|| holder.get(name));
        row(html, scope, place, member, said.copied());
    }
}

fn row(html: &mut Html, scope: &Scope<'_>, place: Place<'_>, member: &Member, said: Option<&str>) {
    let id = format!("{}.{}", place.anchor, member.name);
    html.block("tr", &[("id", &id)], |html| {
        html.element("th", &[("scope", "row")], |html| {
            anchored(html, &id, &member.name);
            if member.optional {
                html.raw(" <span class=\"optional\">optional</span>");
            }
            facts::marks(html, scope, &member.features);
        });
        html.raw("\n");
        html.element("td", &[("class", "type")], |html| {
            types::write(html, scope, member.ty);
        });
        html.raw("\n");
        html.element("td", PLAIN, |html| {
            description(html, scope, said);
            let default = said.filter(|_| member.optional).and_then(default);
            if let Some(default) = default {
                html.element("p", &[("class", "default")], |html| {
                    html.raw("Default: ");
                    html.leaf("code", PLAIN, default);
                });
            }
            facts::of_member(html, scope, &member.features, &member.cond);
        });
        html.raw("\n");
    });
}

/// A name that is a link to itself.
pub(super) fn anchored(html: &mut Html, id: &str, name: &str) {
    html.element("a", &[("href", &format!("#{id}"))], |html| {
        html.leaf("code", PLAIN, name);
    });
}

/// What is said of a member.
pub(super) fn description(html: &mut Html, scope: &Scope<'_>, said: Option<&str>) {
    match said.filter(|said| !said.trim().is_empty()) {
        Some(said) => text::tight(html, scope, &rest::parse_hanging(said)),
        None => html.raw("<span class=\"none\">Not described.</span>"),
    }
}

/// The value of `(default: value)`, if it is one word.
fn default(said: &str) -> Option<&str> {
    let at = said.find("(default").or_else(|| said.find("(Default"))?;
    let rest = said.get(at + "(default".len()..)?;
    let rest = rest
        .strip_prefix("s to ")
        .or_else(|| rest.strip_prefix([':', ' ']))?;
    let end = rest.find([')', ';', ','])?;
    let value = rest.get(..end)?.trim();
    let value = value.trim_matches(['`', '\'', '"', '@', '.']);
    let is_word = !value.is_empty() && !value.contains(char::is_whitespace);
    is_word.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::default;

    #[test]
    fn defaults_are_found_if_they_are_one_word() {
        let cases = [
            ("speed (default: 10)", Some("10")),
            ("speed (default false; since 9.0)", Some("false")),
            ("speed (Default: ``on``, since 4.0)", Some("on")),
            ("speed (defaults to @max)", Some("max")),
            ("speed (default is taken from the image)", None),
            ("speed (default)", None),
            ("speed, default: 10", None),
        ];
        for (said, found) in cases {
            assert_eq!(default(said), found, "{said}");
        }
    }
}

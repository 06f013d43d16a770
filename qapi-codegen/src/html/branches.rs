//! The branches of unions: what further members a value of the tag brings.

use qapi_parser::schema::{Branch, EntityId, EntityKind, Union};

use super::facts;
use super::markup::{Html, PLAIN};
use super::members::{self, Place};
use super::scope::{Owner, Scope};
use super::types;

/// Up to so many branches are shown open.
const FEW: usize = 3;

/// Writes the branches of a union at its own place.
pub(super) fn write(html: &mut Html, scope: &Scope<'_>, id: EntityId, union: &Union, anchor: &str) {
    let Some(tag) = union.members.get(union.tag) else {
        return;
    };
    let kept = union
        .branches
        .iter()
        .filter(|one| scope.site.keeps(&one.cond));
    let (filled, empty): (Vec<&Branch>, Vec<&Branch>) =
        kept.partition(|one| has_members(scope, one));
    html.raw("<h4>Members that depend on ");
    html.leaf("code", PLAIN, &tag.name);
    html.raw("</h4>\n");
    let is_open = filled.len() <= FEW;
    for branch in &filled {
        let name = format!("{anchor}.{}={}", tag.name, branch.case);
        let mut attributes = vec![("class", "branch"), ("id", name.as_str())];
        if is_open {
            attributes.push(("open", ""));
        }
        html.block("details", &attributes, |html| {
            html.element("summary", PLAIN, |html| {
                case(html, scope, &tag.name, branch);
            });
            html.raw("\n");
            facts::condition(html, scope, &branch.cond);
            content(html, scope, id, branch, &name);
        });
    }
    if !empty.is_empty() {
        html.block("p", &[("class", "empty")], |html| {
            html.raw("No further members with ");
            html.leaf("code", PLAIN, &tag.name);
            html.raw(" ");
            for (index, branch) in empty.iter().enumerate() {
                html.raw(if index > 0 { ", " } else { "" });
                html.leaf("code", PLAIN, &branch.case);
            }
        });
    }
}

fn has_members(scope: &Scope<'_>, branch: &Branch) -> bool {
    match &scope.site.entity(branch.ty).kind {
        EntityKind::Struct(of) => !of.members.is_empty(),
        kind => matches!(kind, EntityKind::Union(_)),
    }
}

fn case(html: &mut Html, scope: &Scope<'_>, tag: &str, branch: &Branch) {
    html.element("span", &[("class", "case")], |html| {
        html.leaf("code", PLAIN, tag);
        html.raw(" is ");
        html.leaf("code", &[("class", "value")], &branch.case);
    });
    html.raw(" ");
    html.element("span", &[("class", "brings")], |html| {
        html.text(&scope.site.entity(branch.ty).name);
    });
}

/// The members of a branch, which may itself be a union.
fn content(html: &mut Html, scope: &Scope<'_>, id: EntityId, branch: &Branch, anchor: &str) {
    let groups = if scope.site.is_whole(id) {
        members::groups(scope.site, branch.ty, id)
    } else {
        Vec::new()
    };
    if groups.is_empty() {
        html.element("p", PLAIN, |html| {
            html.raw("The members of ");
            types::name(html, scope, branch.ty);
        });
        html.raw("\n");
        return;
    }
    let part = Owner {
        id,
        anchor: anchor.to_owned(),
        members: members::names_in(scope.site, id, &groups),
        outer: scope.owner,
    };
    let scope = &Scope {
        owner: Some(&part),
        ..*scope
    };
    let place = Place {
        anchor,
        user: id,
        said: &members::Texts::new(),
        named: Some(branch.ty),
    };
    members::table(html, scope, place, &groups);
    if let EntityKind::Union(inner) = &scope.site.entity(branch.ty).kind {
        elsewhere(html, scope, branch.ty, inner);
    }
}

/// Says where the branches of a union are that is shown with what uses it.
pub(super) fn elsewhere(html: &mut Html, scope: &Scope<'_>, id: EntityId, union: &Union) {
    let (Some(tag), Some(address)) = (union.members.get(union.tag), scope.address(id)) else {
        return;
    };
    let kept = union
        .branches
        .iter()
        .filter(|one| scope.site.keeps(&one.cond));
    let filled: Vec<&Branch> = kept.filter(|one| has_members(scope, one)).collect();
    html.block("p", &[("class", "elsewhere")], |html| {
        html.raw("Further members depend on ");
        html.leaf("code", PLAIN, &tag.name);
        html.raw(", see ");
        types::name(html, scope, id);
        html.raw(if filled.is_empty() { "." } else { ":" });
        for branch in filled {
            html.raw(" ");
            let address = format!("{address}.{}={}", tag.name, branch.case);
            html.element("a", &[("href", &address)], |html| {
                html.leaf("code", PLAIN, &branch.case);
            });
        }
    });
}

//! One command, event or type.

use qapi_parser::doc::{Doc, Section, SectionKind};
use qapi_parser::schema::{Entity, EntityId, EntityKind};

use super::alternatives;
use super::branches;
use super::facts;
use super::json;
use super::markup::{Html, PLAIN};
use super::members::{self, Place, Texts};
use super::scope::{Owner, Scope};
use super::site::Site;
use super::text;
use super::types;
use crate::rest;

/// Up to so many users of a type are listed at sight.
const USERS_AT_SIGHT: usize = 12;

/// Writes a definition on its page.
pub(super) fn write(html: &mut Html, scope: &Scope<'_>, id: EntityId) {
    let site = scope.site;
    let (Some(kind), Some(anchor)) = (site.kind(id), site.anchor(id)) else {
        return;
    };
    let entity = site.entity(id);
    let owner = Owner {
        id,
        anchor,
        members: members::names(site, id),
        outer: None,
    };
    let scope = Scope {
        owner: Some(&owner),
        ..*scope
    };
    let class = format!("definition {}", kind.class());
    let attributes = &[("class", &*class), ("id", &*owner.anchor)];
    html.block("section", attributes, |html| {
        html.element("h3", PLAIN, |html| {
            html.leaf("span", &[("class", "kind")], kind.word());
            html.raw(" ");
            members::anchored(html, &owner.anchor, &entity.name);
        });
        html.raw("\n");
        html.element("p", &[("class", "badges")], |html| {
            facts::badges(html, &scope, entity);
        });
        html.raw("\n");
        facts::condition(html, &scope, &entity.cond);
        facts::warnings(html, &scope, entity);
        content(html, &scope, &owner, entity);
    });
}

fn content(html: &mut Html, scope: &Scope<'_>, owner: &Owner<'_>, entity: &Entity) {
    let doc = entity.doc.as_deref();
    match doc {
        Some(doc) => text::write(html, scope, &rest::parse_body(&doc.body)),
        None => html.raw("<p class=\"none\">Not described.</p>\n"),
    }
    parts(html, scope, owner, entity);
    let sections = doc.map_or(&[][..], |doc| &doc.sections);
    errors(html, scope, sections);
    facts::features(html, scope, entity);
    facts::flags(html, entity);
    others(html, scope, sections);
    users(html, scope, owner.id);
    origin(html, scope.site, entity);
}

/// Members, values, alternatives, arguments, and what is returned.
fn parts(html: &mut Html, scope: &Scope<'_>, owner: &Owner<'_>, entity: &Entity) {
    let (anchor, doc) = (&*owner.anchor, entity.doc.as_deref());
    let said = &members::texts(doc);
    match &entity.kind {
        EntityKind::Enum(of) => alternatives::values(html, scope, anchor, of, said),
        EntityKind::Alternate(of) => alternatives::alternatives(html, scope, anchor, of, said),
        EntityKind::Struct(_) => object(html, scope, owner, owner.id, said, "Members"),
        EntityKind::Union(of) => {
            object(html, scope, owner, owner.id, said, "Members");
            branches::write(html, scope, owner.id, of, anchor);
        }
        EntityKind::Command(of) => {
            if let Some(ty) = of.arg_type {
                arguments(html, scope, owner, ty, said, "Arguments");
            }
            returns(html, scope, of.ret_type, doc);
        }
        EntityKind::Event(of) => {
            if let Some(ty) = of.arg_type {
                arguments(html, scope, owner, ty, said, "Data");
            }
        }
        EntityKind::Builtin(_) | EntityKind::Array { .. } => {}
    }
}

fn object(
    html: &mut Html,
    scope: &Scope<'_>,
    owner: &Owner<'_>,
    ty: EntityId,
    said: &Texts<'_>,
    title: &'static str,
) {
    let groups = members::groups(scope.site, ty, owner.id);
    if groups.is_empty() {
        return;
    }
    html.line("h4", PLAIN, title);
    let place = Place {
        anchor: &owner.anchor,
        user: owner.id,
        said,
        named: None,
    };
    members::table(html, scope, place, &groups);
}

/// Arguments or data, of a type of their own or listed in place.
fn arguments(
    html: &mut Html,
    scope: &Scope<'_>,
    owner: &Owner<'_>,
    ty: EntityId,
    said: &Texts<'_>,
    title: &'static str,
) {
    object(html, scope, owner, ty, said, title);
    if let EntityKind::Union(of) = &scope.site.entity(ty).kind {
        branches::elsewhere(html, scope, ty, of);
    }
}

fn returns(html: &mut Html, scope: &Scope<'_>, ty: Option<EntityId>, doc: Option<&Doc>) {
    let said = doc.and_then(|doc| doc.section(SectionKind::Returns));
    if ty.is_none() && said.is_none() {
        return;
    }
    html.raw("<h4>Returns</h4>\n");
    if let Some(ty) = ty {
        html.element("p", &[("class", "type")], |html| {
            types::write(html, scope, ty)
        });
        html.raw("\n");
    }
    if let Some(said) = said {
        text::write(html, scope, &rest::parse_hanging(&said.text));
    }
}

fn errors(html: &mut Html, scope: &Scope<'_>, sections: &[Section]) {
    let errors = sections.iter();
    for section in errors.filter(|section| section.kind == SectionKind::Errors) {
        html.raw("<h4>Errors</h4>\n");
        text::write(html, scope, &rest::parse_hanging(&section.text));
    }
}

/// What is not told elsewhere. What is left to do is of interest to the schema's authors only.
fn others(html: &mut Html, scope: &Scope<'_>, sections: &[Section]) {
    for section in sections {
        match section.kind {
            SectionKind::Plain => text::write(html, scope, &rest::parse_body(&section.text)),
            SectionKind::Note => html.block("aside", &[("class", "note")], |html| {
                html.raw("<p class=\"word\">Note</p>\n");
                text::write(html, scope, &rest::parse_hanging(&section.text));
            }),
            SectionKind::Example => example(html, scope, &section.text),
            _ => {}
        }
    }
}

/// An example as it was written up to QEMU 9.0: a dialogue, with or without text around it.
fn example(html: &mut Html, scope: &Scope<'_>, text: &str) {
    html.block("figure", &[("class", "example")], |html| {
        html.raw("<figcaption>Example</figcaption>\n");
        let lines = rest::lines(text);
        let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        let filled = lines.iter().position(|line| !line.is_empty());
        let lines = lines.get(filled.unwrap_or(0)..).unwrap_or_default();
        json::dialogue(html, scope, lines);
    });
}

fn users(html: &mut Html, scope: &Scope<'_>, id: EntityId) {
    let users = scope.site.users(id);
    if users.is_empty() {
        return;
    }
    html.raw("<h4>Used by</h4>\n");
    let (first, more) = users.split_at(users.len().min(USERS_AT_SIGHT));
    list(html, scope, first);
    if !more.is_empty() {
        html.block("details", &[("class", "more")], |html| {
            html.line("summary", PLAIN, &format!("{} more", more.len()));
            list(html, scope, more);
        });
    }
}

fn list(html: &mut Html, scope: &Scope<'_>, ids: &[EntityId]) {
    html.block("ul", &[("class", "names")], |html| {
        for id in ids {
            let kind = scope.site.kind(*id).map_or("", super::kind::Kind::class);
            html.element("li", &[("class", kind)], |html| {
                types::name(html, scope, *id)
            });
            html.raw("\n");
        }
    });
}

/// Where the definition stands.
fn origin(html: &mut Html, site: &Site<'_>, entity: &Entity) {
    let at = entity.span.and_then(|span| site.schema().locate(span));
    if let Some(at) = at {
        let module = &site.schema().module(entity.module).name;
        let text = format!("{module}, line {}", at.line);
        html.line("p", &[("class", "origin")], &text);
    }
}

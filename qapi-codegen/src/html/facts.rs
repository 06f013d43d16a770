//! What is said of definitions and members in a few words: badges, conditions, features.

use std::collections::HashSet;

use qapi_parser::doc::Doc;
use qapi_parser::schema::{Cond, Entity, EntityKind, Feature};

use super::markup::{Html, PLAIN};
use super::scope::Scope;
use super::text;
use crate::rest;

/// The badges of a definition: since when, and what it is warned of.
pub(super) fn badges(html: &mut Html, scope: &Scope<'_>, entity: &Entity) {
    if let Some(since) = entity.doc.as_ref().and_then(|doc| doc.since()) {
        html.element("span", &[("class", "badge")], |html| {
            html.raw("since ");
            html.text(since);
        });
    }
    marks(html, scope, &entity.features);
}

/// The badges `deprecated` and `unstable`.
pub(super) fn marks(html: &mut Html, scope: &Scope<'_>, features: &[Feature]) {
    for name in ["deprecated", "unstable"] {
        if scope.site.has_feature(features, name) {
            html.raw(" ");
            html.leaf("span", &[("class", &format!("badge {name}"))], name);
        }
    }
}

/// The other features of a member, and its condition.
pub(super) fn of_member(html: &mut Html, scope: &Scope<'_>, features: &[Feature], cond: &Cond) {
    let others = features.iter().filter(|one| {
        scope.site.keeps(&one.cond) && one.name != "deprecated" && one.name != "unstable"
    });
    for feature in others {
        html.raw(" ");
        html.element("span", &[("class", "badge")], |html| {
            html.raw("feature ");
            html.text(&feature.name);
        });
    }
    condition(html, scope, cond);
}

/// Under what condition something is there.
pub(super) fn condition(html: &mut Html, scope: &Scope<'_>, cond: &Cond) {
    if *cond != Cond::Always && scope.site.tells_conditions() {
        html.element("p", &[("class", "if")], |html| {
            html.raw("If ");
            terms(html, cond, false);
        });
        html.raw("\n");
    }
}

fn terms(html: &mut Html, cond: &Cond, nested: bool) {
    match cond {
        Cond::Always => html.raw("always"),
        Cond::Symbol(name) => html.leaf("code", PLAIN, name),
        Cond::All(all) => join(html, all, " and ", nested),
        Cond::Any(any) => join(html, any, " or ", nested),
        Cond::Not(term) => {
            html.raw("not ");
            terms(html, term, true);
        }
    }
}

fn join(html: &mut Html, all: &[Cond], word: &'static str, nested: bool) {
    let has_brackets = nested && all.len() > 1;
    html.raw(if has_brackets { "(" } else { "" });
    for (index, one) in all.iter().enumerate() {
        html.raw(if index > 0 { word } else { "" });
        terms(html, one, true);
    }
    html.raw(if has_brackets { ")" } else { "" });
}

/// What the flags of a command mean for its users.
pub(super) fn flags(html: &mut Html, entity: &Entity) {
    let EntityKind::Command(command) = &entity.kind else {
        return;
    };
    let facts = [
        (
            command.allow_oob,
            "allow-oob",
            "may be run out of band, ahead of commands that wait",
        ),
        (
            command.allow_preconfig,
            "allow-preconfig",
            "may be run before the machine is there",
        ),
        (command.coroutine, "coroutine", "runs in a coroutine"),
        (
            !command.success_response,
            "success-response: false",
            "sends no reply when it succeeds",
        ),
        (
            !command.generate,
            "gen: false",
            "takes arguments that the schema does not tell",
        ),
    ];
    if facts.iter().all(|(holds, ..)| !holds) {
        return;
    }
    html.raw("<h4>Flags</h4>\n");
    html.block("ul", PLAIN, |html| {
        for (_, flag, meaning) in facts.into_iter().filter(|(holds, ..)| *holds) {
            html.element("li", PLAIN, |html| {
                html.leaf("code", PLAIN, flag);
                html.raw(": ");
                html.raw(meaning);
            });
            html.raw("\n");
        }
    });
}

/// What is to go away or may change, and why.
pub(super) fn warnings(html: &mut Html, scope: &Scope<'_>, entity: &Entity) {
    let doc = entity.doc.as_deref();
    for (name, word) in [("deprecated", "Deprecated"), ("unstable", "Unstable")] {
        if !scope.site.has_feature(&entity.features, name) {
            continue;
        }
        html.block("aside", &[("class", "note care")], |html| {
            html.line("p", &[("class", "word")], word);
            match doc.and_then(|doc| doc.feature(name)) {
                Some(said) => text::write(html, scope, &rest::parse_hanging(&said.text)),
                None if name == "deprecated" => html.raw("<p>It is to go away.</p>\n"),
                None => html.raw("<p>It may change or go away.</p>\n"),
            }
        });
    }
}

/// The features that [`warnings`] does not tell: those of the definition, then those that it describes
/// for its members.
pub(super) fn features(html: &mut Html, scope: &Scope<'_>, entity: &Entity) {
    let doc = entity.doc.as_deref();
    let is_told = |name: &str| name == "deprecated" || name == "unstable";
    let own = entity.features.iter();
    let own = own.filter(|one| scope.site.keeps(&one.cond) && !is_told(&one.name));
    let declared: HashSet<&str> = entity.features.iter().map(|one| &*one.name).collect();
    let described = doc.iter().flat_map(|doc| &doc.features);
    let described = described.filter(|one| !declared.contains(&*one.name));
    let mut list: Vec<(&str, Option<&Cond>)> =
        own.map(|one| (&*one.name, Some(&one.cond))).collect();
    list.extend(described.map(|one| (&*one.name, None)));
    if list.is_empty() {
        return;
    }
    html.raw("<h4>Features</h4>\n");
    html.block("dl", PLAIN, |html| {
        for (name, cond) in list {
            html.element("dt", PLAIN, |html| html.leaf("code", PLAIN, name));
            html.raw("\n");
            html.element("dd", PLAIN, |html| {
                feature_text(html, scope, doc, name);
                if let Some(cond) = cond {
                    condition(html, scope, cond);
                }
            });
            html.raw("\n");
        }
    });
}

fn feature_text(html: &mut Html, scope: &Scope<'_>, doc: Option<&Doc>, name: &str) {
    match doc.and_then(|doc| doc.feature(name)) {
        Some(said) => text::tight(html, scope, &rest::parse_hanging(&said.text)),
        None => html.raw("<span class=\"none\">Not described.</span>"),
    }
}

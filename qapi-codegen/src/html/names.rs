//! All names, by their first letters.

use std::collections::BTreeMap;

use qapi_parser::schema::EntityId;

use super::frame::Frame;
use super::kind::Kind;
use super::markup::PLAIN;
use super::page::Page;
use super::scope::Scope;
use super::site::{NAMES, Site};
use super::types;

/// The page.
pub(super) fn render(site: &Site<'_>) -> String {
    let frame = Frame {
        site,
        file: NAMES,
        title: Some("All names"),
    };
    let scope = Scope::page(site, NAMES);
    let letters = by_letter(site);
    frame.render(|html| {
        html.line("h1", PLAIN, "All names");
        html.raw("<p class=\"lead key\"><span class=\"command\">Commands</span>, ");
        html.raw("<span class=\"event\">events</span> and ");
        html.raw("<span class=\"type\">types</span>, whatever their case.</p>\n");
        html.block("p", &[("class", "letters")], |html| {
            for letter in letters.keys() {
                let address = format!("#letter-{letter}");
                html.line("a", &[("href", &address)], &letter.to_string());
            }
        });
        for (letter, ids) in &letters {
            let id = format!("letter-{letter}");
            html.line("h2", &[("id", &id)], &letter.to_string());
            html.block("ul", &[("class", "names columns-of-names")], |html| {
                for id in ids {
                    let kind = site.kind(*id).map_or("", Kind::class);
                    html.element("li", &[("class", kind)], |html| {
                        types::name(html, &scope, *id);
                    });
                    html.raw("\n");
                }
            });
        }
    })
}

fn by_letter(site: &Site<'_>) -> BTreeMap<char, Vec<EntityId>> {
    let mut letters: BTreeMap<char, Vec<EntityId>> = BTreeMap::new();
    for id in site.pages().iter().flat_map(Page::definitions) {
        let first = site.entity(id).name.chars().next().unwrap_or('_');
        letters
            .entry(first.to_ascii_uppercase())
            .or_default()
            .push(id);
    }
    for ids in letters.values_mut() {
        ids.sort_by_cached_key(|id| {
            let name = site.entity(*id).name.as_str();
            (name.to_ascii_lowercase(), name.to_owned())
        });
    }
    letters
}

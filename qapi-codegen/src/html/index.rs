//! The overview.

use super::frame::Frame;
use super::kind::{Group, Kind};
use super::markup::{Html, PLAIN};
use super::module;
use super::page::{Entry, Page, plain};
use super::scope::Scope;
use super::site::{INDEX, NAMES, Site};
use super::text;
use super::types;
use crate::rest::Block;

/// The page.
pub(super) fn render(site: &Site<'_>) -> String {
    let frame = Frame {
        site,
        file: INDEX,
        title: None,
    };
    let scope = Scope::page(site, INDEX);
    frame.render(|html| {
        html.line("h1", PLAIN, site.title());
        html.block("p", &[("class", "lead")], |html| counts(html, site));
        let front = site.front().map_or(&[][..], |page| &page.entries);
        module::entries(html, &scope, front);
        for page in site.pages() {
            about(html, &scope, page);
        }
    })
}

fn counts(html: &mut Html, site: &Site<'_>) {
    let pages = site.pages();
    let kinds: Vec<Group> = pages
        .iter()
        .flat_map(Page::definitions)
        .filter_map(|id| site.kind(id).map(Kind::group))
        .collect();
    let count = |group: Group| group.count(kinds.iter().filter(|kind| **kind == group).count());
    let [commands, events, types] = Group::ALL.map(count);
    html.text(&format!("{commands}, {events} and {types}. "));
    html.element("a", &[("href", NAMES)], |html| html.raw("All names"));
    html.raw(" in one list.");
}

fn about(html: &mut Html, scope: &Scope<'_>, page: &Page) {
    html.block("section", &[("class", "module")], |html| {
        html.element("h2", PLAIN, |html| {
            html.leaf("a", &[("href", &page.file)], &plain(&page.title));
        });
        html.raw("\n");
        let prose = page.introduction().filter(|block| is_prose(block));
        text::write(html, scope, prose.take(2));
        sections(html, page);
        lists(html, scope, page);
    });
}

fn is_prose(block: &Block) -> bool {
    matches!(block, Block::Paragraph(_) | Block::Item(_))
}

fn sections(html: &mut Html, page: &Page) {
    let sections: Vec<_> = page
        .entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Section { id, title } => Some((id, title)),
            _ => None,
        })
        .collect();
    if sections.is_empty() {
        return;
    }
    html.block("ul", &[("class", "sections")], |html| {
        for (id, title) in sections {
            html.element("li", PLAIN, |html| {
                let address = format!("{}#{id}", page.file);
                html.leaf("a", &[("href", &address)], &plain(title));
            });
            html.raw("\n");
        }
    });
}

/// What a module defines, by kind.
fn lists(html: &mut Html, scope: &Scope<'_>, page: &Page) {
    for group in Group::ALL {
        let ids = page.definitions_of(scope.site, group);
        if ids.is_empty() {
            continue;
        }
        html.block("div", &[("class", "list")], |html| {
            html.line("h3", PLAIN, group.word());
            html.block("ul", &[("class", "names")], |html| {
                for id in ids {
                    html.element("li", &[("class", group.class())], |html| {
                        types::name(html, scope, id);
                    });
                    html.raw("\n");
                }
            });
        });
    }
}

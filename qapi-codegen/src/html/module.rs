//! The page of a module.

use super::definition;
use super::frame::Frame;
use super::inline;
use super::kind::Group;
use super::markup::{Html, PLAIN};
use super::page::{Entry, Page, plain};
use super::scope::Scope;
use super::site::Site;
use super::summary;
use super::text;
use super::types;

/// Up to so many definitions are found without a list of them.
const FEW: usize = 3;

/// The page.
pub(super) fn render(site: &Site<'_>, page: &Page) -> String {
    let title = plain(&page.title);
    let frame = Frame {
        site,
        file: &page.file,
        title: Some(&title),
    };
    let scope = Scope::page(site, &page.file);
    frame.render(|html| {
        html.element("h1", PLAIN, |html| inline::write(html, &scope, &page.title));
        html.raw("\n");
        html.element("p", &[("class", "lead")], |html| {
            html.raw("Module ");
            html.leaf("code", PLAIN, &page.name);
        });
        html.raw("\n");
        text::write(html, &scope, page.introduction());
        if page.definitions().count() > FEW {
            for group in [Group::Commands, Group::Events] {
                list(html, &scope, page, group);
            }
        }
        if !has_section_first(page) {
            // For those who go from heading to heading.
            html.raw("<h2 class=\"unseen\">Definitions</h2>\n");
        }
        let is_introduction = |entry: &&Entry| matches!(entry, Entry::Text(_));
        let introduction = page.entries.iter().take_while(is_introduction).count();
        entries(
            html,
            &scope,
            page.entries.get(introduction..).unwrap_or_default(),
        );
    })
}

fn has_section_first(page: &Page) -> bool {
    let mut entries = page.entries.iter();
    let first = entries.find(|entry| !matches!(entry, Entry::Text(_)));
    matches!(first, None | Some(Entry::Section { .. }))
}

/// Writes what stands on a page.
pub(super) fn entries(html: &mut Html, scope: &Scope<'_>, entries: &[Entry]) {
    for entry in entries {
        match entry {
            Entry::Section { id, title } => {
                html.element("h2", &[("id", id)], |html| {
                    inline::write(html, scope, title)
                });
                html.raw("\n");
            }
            Entry::Text(blocks) => text::write(html, scope, blocks),
            Entry::Definition(id) => definition::write(html, scope, *id),
        }
    }
}

/// The commands or events of a page, with what they are about.
fn list(html: &mut Html, scope: &Scope<'_>, page: &Page, group: Group) {
    let ids = page.definitions_of(scope.site, group);
    if ids.is_empty() {
        return;
    }
    html.block("table", &[("class", "overview")], |html| {
        html.element("thead", PLAIN, |html| {
            html.element("tr", PLAIN, |html| {
                html.leaf("th", &[("scope", "col"), ("colspan", "2")], group.word());
            });
        });
        html.raw("\n");
        html.block("tbody", PLAIN, |html| {
            for id in ids {
                html.element("tr", PLAIN, |html| {
                    html.element("th", &[("scope", "row")], |html| {
                        types::name(html, scope, id)
                    });
                    html.element("td", PLAIN, |html| {
                        inline::write(html, scope, &summary::of(scope.site.entity(id)));
                    });
                });
                html.raw("\n");
            }
        });
    });
}

//! The file that the search runs over: a script, as pages opened from disk may load nothing else.

use serde_json::{Value, json};

use super::members;
use super::page::Page;
use super::site::Site;
use super::summary;

/// An array of definitions: name, kind, address, summary, and the names of the members, which are
/// found at the address behind a dot.
pub(super) fn index(site: &Site<'_>) -> String {
    let mut out = "qapiDefinitions([\n".to_owned();
    let ids = site.pages().iter().flat_map(Page::definitions);
    for (index, id) in ids.enumerate() {
        let (Some(kind), Some(address)) = (site.kind(id), site.address(id, "")) else {
            continue;
        };
        let entity = site.entity(id);
        let mut names: Vec<&str> = members::names(site, id).into_iter().collect();
        names.sort_unstable();
        let definition: Value = json!([
            entity.name.as_str(),
            kind.word(),
            address,
            summary::text(entity),
            names,
        ]);
        out.push_str(if index > 0 { ",\n" } else { "" });
        out.push_str(&inert(&definition.to_string()));
    }
    out.push_str("\n]);\n");
    out
}

/// JSON that means the same in any place of a page or script.
fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
    out
}

//! The values of enums and the alternatives of alternates.

use qapi_parser::schema::{Alternate, Enum};

use super::facts;
use super::markup::{Html, PLAIN};
use super::members::{Texts, anchored, description};
use super::scope::Scope;
use super::types;

/// Writes the values of an enum.
pub(super) fn values(
    html: &mut Html,
    scope: &Scope<'_>,
    anchor: &str,
    of: &Enum,
    said: &Texts<'_>,
) {
    html.raw("<h4>Values</h4>\n");
    html.block("table", &[("class", "members values")], |html| {
        html.raw("<thead><tr><th scope=\"col\">Value</th>");
        html.raw("<th scope=\"col\">Description</th></tr></thead>\n");
        html.block("tbody", PLAIN, |html| {
            for value in of.members.iter().filter(|one| scope.site.keeps(&one.cond)) {
                let id = format!("{anchor}.{}", value.name);
                html.block("tr", &[("id", &id)], |html| {
                    html.element("th", &[("scope", "row")], |html| {
                        anchored(html, &id, &value.name);
                        facts::marks(html, scope, &value.features);
                    });
                    html.raw("\n");
                    html.element("td", PLAIN, |html| {
                        let said = said.get(value.name.as_str());
                        description(html, scope, said.copied());
                        facts::of_member(html, scope, &value.features, &value.cond);
                    });
                    html.raw("\n");
                });
            }
        });
    });
}

/// Writes the alternatives of an alternate.
pub(super) fn alternatives(
    html: &mut Html,
    scope: &Scope<'_>,
    anchor: &str,
    of: &Alternate,
    said: &Texts<'_>,
) {
    html.raw("<h4>Alternatives</h4>\n");
    html.block("table", &[("class", "members")], |html| {
        html.raw("<thead><tr><th scope=\"col\">In JSON</th><th scope=\"col\">Type</th>");
        html.raw("<th scope=\"col\">Description</th></tr></thead>\n");
        html.block("tbody", PLAIN, |html| {
            let kept = of
                .alternatives
                .iter()
                .filter(|one| scope.site.keeps(&one.cond));
            for one in kept {
                let id = format!("{anchor}.{}", one.name);
                html.block("tr", &[("id", &id)], |html| {
                    html.element("th", &[("scope", "row")], |html| {
                        html.raw(types::in_json(scope, one.ty));
                    });
                    html.raw("\n");
                    html.element("td", &[("class", "type")], |html| {
                        types::write(html, scope, one.ty);
                    });
                    html.raw("\n");
                    html.element("td", PLAIN, |html| {
                        let said = said.get(one.name.as_str());
                        description(html, scope, said.copied());
                        facts::of_member(html, scope, &[], &one.cond);
                    });
                    html.raw("\n");
                });
            }
        });
    });
}

//! The types that every schema has.

use qapi_parser::schema::{Builtin, EntityKind};

use super::frame::Frame;
use super::markup::{Html, PLAIN};
use super::site::{PREDEFINED, Site};

/// The page.
pub(super) fn render(site: &Site<'_>) -> String {
    let title = "Predefined types";
    let frame = Frame {
        site,
        file: PREDEFINED,
        title: Some(title),
    };
    frame.render(|html| {
        html.line("h1", PLAIN, title);
        html.raw("<p class=\"lead\">Types that every schema has.</p>\n");
        html.block("table", &[("class", "members")], |html| {
            html.raw("<thead><tr><th scope=\"col\">Name</th><th scope=\"col\">In JSON</th>");
            html.raw("<th scope=\"col\">Values</th></tr></thead>\n");
            html.block("tbody", PLAIN, |html| {
                for entity in site.schema().entities() {
                    match &entity.kind {
                        EntityKind::Builtin(builtin) => {
                            let json = match builtin.json_type() {
                                "int" => "number",
                                "value" => "any",
                                other => other,
                            };
                            row(html, &entity.name, json, values(*builtin));
                        }
                        EntityKind::Enum(_) if entity.module.0 == 0 => {
                            row(html, &entity.name, "string", "the kinds of JSON value");
                        }
                        _ => {}
                    }
                }
            });
        });
    })
}

fn row(html: &mut Html, name: &str, json: &'static str, values: &'static str) {
    html.element("tr", &[("id", &format!("type-{name}"))], |html| {
        html.element("th", &[("scope", "row")], |html| {
            html.leaf("code", PLAIN, name)
        });
        html.line("td", PLAIN, json);
        html.leaf("td", PLAIN, values);
    });
    html.raw("\n");
}

fn values(builtin: Builtin) -> &'static str {
    match builtin {
        Builtin::Str => "any text",
        Builtin::Number => "any finite number, as a double",
        Builtin::Int | Builtin::Int64 => "whole numbers of 64 bits, signed",
        Builtin::Int8 => "whole numbers from -128 to 127",
        Builtin::Int16 => "whole numbers from -32768 to 32767",
        Builtin::Int32 => "whole numbers of 32 bits, signed",
        Builtin::Uint8 => "whole numbers from 0 to 255",
        Builtin::Uint16 => "whole numbers from 0 to 65535",
        Builtin::Uint32 => "whole numbers of 32 bits, not negative",
        Builtin::Uint64 => "whole numbers of 64 bits, not negative",
        Builtin::Size => "a number of bytes: 64 bits, not negative",
        Builtin::Bool => "true or false",
        Builtin::Null => "null",
        Builtin::Any => "any value",
    }
}

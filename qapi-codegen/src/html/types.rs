//! The name of a type, as a link.

use qapi_parser::schema::{EntityId, EntityKind};

use super::markup::{Html, PLAIN};
use super::scope::Scope;
use super::site::PREDEFINED;

/// Writes a type.
pub(super) fn write(html: &mut Html, scope: &Scope<'_>, mut id: EntityId) {
    while let EntityKind::Array { element } = scope.site.entity(id).kind {
        html.raw("array of ");
        id = element;
    }
    name(html, scope, id);
}

/// Writes the name of a command, event or type that is no array.
pub(super) fn name(html: &mut Html, scope: &Scope<'_>, id: EntityId) {
    let entity = scope.site.entity(id);
    let predefined =
        || (entity.module.0 == 0).then(|| format!("{PREDEFINED}#type-{}", entity.name));
    match scope.address(id).or_else(predefined) {
        Some(address) => html.element("a", &[("href", &address)], |html| {
            html.leaf("code", PLAIN, &entity.name);
        }),
        None => html.leaf("code", PLAIN, &entity.name),
    }
}

/// The type of its values in JSON.
pub(super) fn in_json(scope: &Scope<'_>, id: EntityId) -> &'static str {
    match &scope.site.entity(id).kind {
        EntityKind::Builtin(builtin) => match builtin.json_type() {
            "int" => "integer",
            other => other,
        },
        EntityKind::Enum(_) => "string",
        EntityKind::Array { .. } => "array",
        _ => "object",
    }
}

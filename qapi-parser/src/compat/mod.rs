//! What a new version of a schema means for programs that were written against the old one.
//!
//! Two kinds of program are thought of. A **client** sends commands and takes returns and events; it
//! was built with the old schema and talks to a server that has the new one. What a client *sends*
//! must still be accepted: no command may go, no argument become mandatory, no value or branch of
//! arguments disappear. What it *takes* must still be understood: no member that was always there
//! may go or become optional. A **server** that implements the old schema has to be changed when
//! the new one promises more to clients than it delivers; that is reported as a change for servers.
//!
//! Types are compared by what goes over the wire, not by name: a renamed type is no change, nor is
//! a member that moved into a base, or from the branches of a union to its common part. What the old
//! schema marks as `deprecated` or `unstable` may go: that is risky, not breaking. Up to QEMU 6.1, the
//! mark of what is unstable was `x-` in front of its name.

mod commands;
mod members;
mod report;
mod types;
mod values;

pub use report::{Change, ChangeKind, Impact, Report, Side};

use crate::schema::{Entity, EntityKind, Feature, Schema};

use types::Comparer;

/// Compares two versions of a schema. Conditions are looked at only where they change: what exists
/// under a condition counts as existing.
pub fn compare(old: &Schema, new: &Schema) -> Report {
    let mut comparer = Comparer::new(old, new);
    commands::compare(&mut comparer);
    Report {
        changes: comparer.changes,
    }
}

/// Whether this feature tells clients not to count on something.
fn warns(feature: &Feature) -> bool {
    matches!(feature.name.as_str(), "deprecated" | "unstable")
}

/// Whether this schema has the feature that has taken the place of names with `x-`.
fn knows_unstable(schema: &Schema) -> bool {
    let is = |features: &[Feature]| features.iter().any(|one| one.name == "unstable");
    schema.entities().iter().any(|entity| {
        let of_parts = match &entity.kind {
            EntityKind::Struct(it) => it.local_members.iter().any(|one| is(&one.features)),
            EntityKind::Enum(it) => it.members.iter().any(|one| is(&one.features)),
            _ => false,
        };
        of_parts || is(&entity.features)
    })
}

fn is_command(entity: &Entity) -> bool {
    matches!(entity.kind, EntityKind::Command(_))
}

fn is_event(entity: &Entity) -> bool {
    matches!(entity.kind, EntityKind::Event(_))
}

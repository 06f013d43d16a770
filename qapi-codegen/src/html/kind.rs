//! What a definition is, for its anchor and its colour.

use qapi_parser::schema::EntityKind;

/// The kinds of definition that readers tell apart. A struct that becomes a union stays an object on
/// the wire, so both have anchors alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Command,
    Event,
    Enum,
    Struct,
    Union,
    Alternate,
}

impl Kind {
    /// The kind of what has a definition.
    pub(super) fn of(kind: &EntityKind) -> Option<Kind> {
        Some(match kind {
            EntityKind::Command(_) => Kind::Command,
            EntityKind::Event(_) => Kind::Event,
            EntityKind::Enum(_) => Kind::Enum,
            EntityKind::Struct(_) => Kind::Struct,
            EntityKind::Union(_) => Kind::Union,
            EntityKind::Alternate(_) => Kind::Alternate,
            EntityKind::Builtin(_) | EntityKind::Array { .. } => return None,
        })
    }

    /// What anchors start with, as in QEMU's own manual.
    pub(super) fn anchor(self) -> &'static str {
        match self {
            Kind::Command => "command",
            Kind::Event => "event",
            Kind::Enum => "enum",
            Kind::Struct | Kind::Union => "object",
            Kind::Alternate => "alternate",
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Command => "Command",
            Kind::Event => "Event",
            Kind::Enum => "Enum",
            Kind::Struct => "Struct",
            Kind::Union => "Union",
            Kind::Alternate => "Alternate",
        }
    }

    /// The class that gives it its colour.
    pub(super) fn class(self) -> &'static str {
        self.group().class()
    }

    pub(super) fn group(self) -> Group {
        match self {
            Kind::Command => Group::Commands,
            Kind::Event => Group::Events,
            _ => Group::Types,
        }
    }
}

/// What lists of definitions are divided into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Commands,
    Events,
    Types,
}

impl Group {
    pub(super) const ALL: [Group; 3] = [Group::Commands, Group::Events, Group::Types];

    pub(super) fn word(self) -> &'static str {
        match self {
            Group::Commands => "Commands",
            Group::Events => "Events",
            Group::Types => "Types",
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Group::Commands => "command",
            Group::Events => "event",
            Group::Types => "type",
        }
    }

    /// So many of them, such as `1 command`.
    pub(super) fn count(self, number: usize) -> String {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {}{plural}", self.class())
    }
}

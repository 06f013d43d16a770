//! The result of a comparison.

use std::fmt;

use crate::source::Span;

/// How bad a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Impact {
    /// Programs for the old schema work with the new one.
    Compatible,
    /// They work unless they use what they were warned of, or are less tolerant than they should be.
    Risky,
    /// Some of them fail.
    Breaking,
}

impl Impact {
    /// The word for it, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Impact::Compatible => "compatible",
            Impact::Risky => "risky",
            Impact::Breaking => "breaking",
        }
    }
}

impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who has to look at a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Programs that send commands.
    Client,
    /// Programs that implement commands.
    Server,
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A command is gone.
    CommandRemoved,
    /// There is a new command.
    CommandAdded,
    /// An event is gone.
    EventRemoved,
    /// There is a new event.
    EventAdded,
    /// A member is gone.
    MemberRemoved,
    /// There is a new member, which may be left out.
    MemberAdded,
    /// There is a new member, which must be there.
    MandatoryMemberAdded,
    /// A member that could be left out must be there.
    BecameMandatory,
    /// A member that was always there may be left out.
    BecameOptional,
    /// A value of an enumeration is gone.
    ValueRemoved,
    /// There is a new value of an enumeration.
    ValueAdded,
    /// A branch of a union is gone, or has become empty or full.
    BranchChanged,
    /// An alternative of an alternate is gone.
    AlternativeRemoved,
    /// There is a new alternative.
    AlternativeAdded,
    /// The type takes less than before.
    TypeNarrowed,
    /// The type takes more than before.
    TypeWidened,
    /// The type is another one.
    TypeChanged,
    /// A feature is gone.
    FeatureRemoved,
    /// There is a new feature.
    FeatureAdded,
    /// Something is deprecated now, or declared unstable.
    Deprecated,
    /// A condition has changed.
    ConditionChanged,
    /// A flag of a command has changed.
    FlagChanged,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What has changed.
    pub kind: ChangeKind,
    /// How bad it is.
    pub impact: Impact,
    /// Who has to look at it: for what is not compatible, those whom it breaks.
    pub side: Side,
    /// Where on the wire, such as `block-resize.arguments.size` or `query-block.returns[].inserted`.
    pub path: String,
    /// What has changed and what comes of it, in one sentence.
    pub message: String,
    /// The place in the old schema, if it is there.
    pub old: Option<Span>,
    /// The place in the new schema, if it is there.
    pub new: Option<Span>,
}

/// All differences, in the order of the old schema's commands and events, additions last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The differences.
    pub changes: Vec<Change>,
}

impl Report {
    /// The differences with this impact.
    pub fn with(&self, impact: Impact) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |one| one.impact == impact)
    }

    /// The worst impact; none when nothing has changed.
    pub fn worst(&self) -> Option<Impact> {
        self.changes.iter().map(|one| one.impact).max()
    }
}

impl fmt::Display for Report {
    /// The differences by impact, the worst first, one on each line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for impact in [Impact::Breaking, Impact::Risky, Impact::Compatible] {
            for change in self.with(impact) {
                writeln!(f, "{impact}: {}: {}", change.path, change.message)?;
            }
        }
        Ok(())
    }
}

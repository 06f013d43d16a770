//! The table of codes: one for each check.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// Which check found a problem. The number of a code never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name = $number,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
        }
    };
}

codes! {
    /// A file cannot be read.
    Unreadable = 1,
    /// A file is not UTF-8.
    NotUtf8 = 2,
    /// A file is larger than [`crate::source::MAX_FILE_SIZE`].
    FileTooLarge = 3,
    /// More files than [`MAX_FILES`](crate::source::MAX_FILES), or includes nested too deeply.
    TooManyFiles = 4,
    /// A file includes itself, directly or not.
    IncludeLoop = 5,
    /// An `include` directive is malformed.
    BadInclude = 6,
    /// Characters that start no token.
    StrayText = 10,
    /// A string does not end on its line.
    UnterminatedString = 11,
    /// A string holds something else than printable ASCII.
    FunnyCharacter = 12,
    /// A backslash in a string in front of something else than a backslash.
    UnknownEscape = 13,
    /// Another token was expected.
    Expected = 14,
    /// A key stands twice in an object.
    DuplicateKey = 15,
    /// Expressions nest deeper than [`crate::expr::MAX_NESTING`].
    NestedTooDeeply = 16,
    /// A top-level expression is not an object.
    NotAnObject = 17,
    /// Not exactly one of the keywords.
    NoKeyword = 18,
    /// A value has the wrong JSON type, or a flag the wrong value.
    BadValue = 20,
    /// A key is missing.
    MissingKey = 21,
    /// A key is not known there.
    UnknownKey = 22,
    /// An `if` condition is malformed.
    BadCondition = 23,
    /// Flags that exclude each other.
    FlagConflict = 24,
    /// A `pragma` directive is malformed.
    BadPragma = 25,
    /// A pragma is not known.
    UnknownPragma = 26,
    /// A name has characters or a form that no name may have.
    InvalidName = 30,
    /// A name is not in the case that its kind demands.
    NameCase = 31,
    /// A name is reserved.
    ReservedName = 32,
    /// A name is defined twice.
    Redefined = 33,
    /// Two members, values, branches or features clash.
    Collision = 34,
    /// A type is not defined.
    UnknownType = 40,
    /// A type may not stand at this place.
    WrongType = 41,
    /// An object contains itself.
    ContainsItself = 42,
    /// Types nest deeper than [`crate::schema::MAX_TYPE_NESTING`].
    TypesTooDeep = 43,
    /// The discriminator of a union is missing or unfit.
    BadDiscriminator = 44,
    /// A branch is no value of the discriminator.
    UnknownBranch = 45,
    /// Two alternatives cannot be told apart.
    Indistinguishable = 46,
    /// Conditional arguments without `boxed`.
    ConditionalArguments = 47,
    /// A feature may not stand at this place.
    BadFeature = 48,
    /// More features than QEMU's generator takes.
    TooManyFeatures = 49,
    /// A union has no branches.
    NoBranches = 50,
    /// The flattened types exceed [`crate::schema::MAX_EXPANSION`].
    ExpandsTooMuch = 51,
    /// A documentation comment is missing.
    DocMissing = 60,
    /// A documentation comment is for something else, or for nothing.
    DocMisplaced = 61,
    /// A documentation comment does not start or end as it should.
    DocDelimiter = 62,
    /// The `@name:` line is malformed.
    DocSymbol = 63,
    /// A section is repeated, empty, or not where it may be.
    DocSection = 64,
    /// Something is described that does not exist.
    DocBogus = 65,
    /// Something is not described.
    DocUndocumented = 66,
    /// The text breaks a layout rule.
    DocLayout = 67,
    /// A description is repeated or has no name.
    DocDescription = 68,
    /// A type that no command and no event leads to.
    UnusedType = 70,
    /// A documented definition that does not say since when it exists.
    MissingSince = 71,
    /// An `include` directive that brings nothing.
    UselessInclude = 72,
    /// A member without a description, where QEMU lets it pass.
    UndocumentedMember = 73,
    /// A schema file that no `include` directive reaches.
    UnreachedFile = 74,
    /// An old form was read as today's.
    Lifted = 90,
}

impl Code {
    /// The code with this text, such as `QAPI0040`; case does not count.
    pub fn parse(text: &str) -> Option<Code> {
        let same = |code: &&Code| code.to_string().eq_ignore_ascii_case(text);
        Code::ALL.iter().find(same).copied()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QAPI{:04}", *self as u16)
    }
}

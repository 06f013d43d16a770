//! What stands between reStructuredText and its renderings.

/// A block of text: a paragraph, a list item, a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    /// Running text.
    Paragraph(Vec<Inline>),
    /// Lines as they are.
    Literal(Vec<String>),
    /// What client and server say: lines of which some start with `->` or `<-`.
    Dialogue(Vec<String>),
    /// A table as it was drawn.
    Table(Vec<String>),
    /// One item of a list; the items of a list follow each other.
    Item(Item),
    /// Indented text.
    Indented(Vec<Block>),
    /// `.. qmp-example::`
    Example {
        /// Its title; may be empty.
        title: Vec<Inline>,
        /// A dialogue, or text with dialogues in between.
        content: Vec<Block>,
    },
    /// A note that stands out.
    Admonition(Admonition),
    /// The title of a section, outermost ones at level 1; in free-form comments only.
    Heading {
        /// How deep it stands.
        level: usize,
        /// Its text.
        text: Vec<Inline>,
    },
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// `-`, `*`, `+`, or a number with its punctuation.
    pub(crate) mark: String,
    /// Its text.
    pub(crate) content: Vec<Block>,
}

impl Item {
    /// Whether it belongs to a numbered list.
    pub(crate) fn is_numbered(&self) -> bool {
        !self.mark.starts_with(['-', '*', '+'])
    }
}

/// A note that stands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admonition {
    /// What it is: `note`, `warning`; `admonition` for those that have a title only.
    pub(crate) kind: &'static str,
    /// The title of an `admonition`.
    pub(crate) title: Vec<Inline>,
    /// Its text.
    pub(crate) content: Vec<Block>,
}

impl Admonition {
    /// The word for its kind.
    pub(crate) fn word(&self) -> String {
        if self.kind == "seealso" {
            return "See also".to_owned();
        }
        let (first, rest) = self.kind.split_at(1);
        first.to_ascii_uppercase() + rest
    }
}

/// A piece of a paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inline {
    /// Text without a meaning of its own.
    Text(String),
    /// A character behind a backslash.
    Escaped(char),
    /// ```` ``text`` ````
    Code(String),
    /// `` `text` ``
    Interpreted(String),
    /// `@name`
    Name(String),
    /// `*text*`
    Emphasis(Vec<Inline>),
    /// `**text**`
    Strong(Vec<Inline>),
    /// ``:role:`text` `` or ``:role:`text <target>` ``
    Role {
        /// What it refers to.
        role: String,
        /// What it is called there; the text if it says nothing else.
        target: String,
        /// What is to be read.
        text: Vec<Inline>,
    },
    /// `` `text <address>`_ ``
    Link {
        /// What is to be read.
        text: Vec<Inline>,
        /// Where it leads.
        address: String,
    },
    /// `` `text`_ ``: a link whose target is not known here.
    Reference(Vec<Inline>),
    /// An address on the web.
    Address(String),
}

//! The generated modules before they are files.

use super::code::Code;

/// A Rust module.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Its name, which is that of its file, too.
    pub(crate) name: String,
    /// The condition under which it is there, as an attribute.
    pub(crate) condition: Code,
    /// What stands in front of `mod` where it is declared.
    pub(crate) attributes: Code,
    /// Whether it is part of the path of what is in it, or only re-exported.
    pub(crate) is_public: bool,
    /// What is in it, apart from modules.
    pub(crate) items: Vec<Code>,
    /// The modules in it. What is public in those that are not public themselves is re-exported.
    pub(crate) modules: Vec<Module>,
}

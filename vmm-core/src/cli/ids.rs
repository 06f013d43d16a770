//! Names that options give to what they make: each is given once to a kind.

use super::UsageError;
use super::params::Params;
use crate::qom::is_id;

/// Options whose `id` is looked at before anything else is.
const KINDS: [&str; 5] = ["chardev", "device", "drive", "mon", "object"];

/// The names so far, with what they were given to.
#[derive(Debug, Default)]
pub(super) struct Ids {
    taken: Vec<(String, String)>,
}

/// The error for a name that is none, with QEMU's second line.
pub(super) fn bad_id() -> UsageError {
    UsageError::new(
        "Parameter 'id' expects an identifier\n\
         Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.",
    )
}

impl Ids {
    /// Takes the name in an option's value, if there is one. What is given as JSON is named when it is
    /// made, as with QEMU.
    pub(super) fn claim(&mut self, option: &str, value: &str) -> Result<(), UsageError> {
        if !KINDS.contains(&option) || value.starts_with('{') {
            return Ok(());
        }
        // Whatever comes first is no name.
        let Some(id) = Params::parse(value, Some("")).take("id") else {
            return Ok(());
        };
        if !is_id(&id) {
            return Err(bad_id());
        }
        let name = (option.to_owned(), id);
        if self.taken.contains(&name) {
            let (kind, id) = name;
            return Err(UsageError::new(format!("Duplicate ID '{id}' for {kind}")));
        }
        self.taken.push(name);
        Ok(())
    }
}

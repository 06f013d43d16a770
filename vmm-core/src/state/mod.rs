//! The state of devices, as it is written to files and read back.
//!
//! What has state implements [`Stateful`] next to its own code; [`file`] puts the pieces together. What is read is not
//! trusted: a piece is decoded and checked before anything is changed, and what then changes it cannot fail.

pub(crate) mod file;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is read is no state that there can be; the text says in which way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Invalid {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Puts state in place that was found to be valid.
pub type Restore = Box<dyn FnOnce() + Send>;

/// Something whose state outlives the process.
pub trait Stateful: Send + Sync {
    /// What kind of thing it is.
    fn kind(&self) -> &'static str;

    /// All that a successor needs to go on from here. The guest stands still.
    ///
    /// # Errors
    /// It is too large to be written.
    fn save(&self) -> Result<Vec<u8>, Invalid>;

    /// Checks what [`save`](Self::save) has written, here or elsewhere; what is returned puts it in place. The guest
    /// stands still until then.
    ///
    /// # Errors
    /// There is no such state.
    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid>;
}

/// The bytes of a value.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Invalid> {
    postcard::to_stdvec(value).map_err(|error| Invalid::new(error.to_string()))
}

/// The value of all `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Invalid> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(Invalid::new(format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(Invalid::new(error.to_string())),
    }
}

/// An error unless `holds`; it says that `what` is out of range.
pub(crate) fn check(holds: bool, what: &str) -> Result<(), Invalid> {
    match holds {
        true => Ok(()),
        false => Err(Invalid::new(format!("{what} cannot be so"))),
    }
}

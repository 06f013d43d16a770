//! Texts of errors as clients know them.

use std::io;

use qmp_runtime::QmpError;

/// What the system says of an error, without the number that Rust puts behind it.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" (os error ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

/// Makes an error reply of what the system says; `what` says what was tried.
pub(crate) fn failed<T>(result: io::Result<T>, what: &str) -> Result<T, QmpError> {
    result.map_err(|error| QmpError::generic(format!("{what}: {}", reason(&error))))
}

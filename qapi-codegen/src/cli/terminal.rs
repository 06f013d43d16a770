//! Output that does not mind being cut off.

use std::io::{ErrorKind, Write as _};

use super::{Failure, Status};

/// Prints to standard output. A reader that has gone away has seen enough.
pub(crate) fn print(text: &str) -> Result<Status, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Status::Clean),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Status::Clean),
        Err(error) => Err(Failure(format!("cannot write to standard output: {error}"))),
    }
}

/// Prints to standard error, where nothing is left to be done about a failure.
pub(crate) fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

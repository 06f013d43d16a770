//! The back end that is connected to nothing.

use std::io;

use super::Backend;

/// Drops output, has no input.
#[derive(Debug, Default)]
pub struct Null;

impl Backend for Null {
    fn kind(&self) -> &'static str {
        "null"
    }

    fn write(&self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

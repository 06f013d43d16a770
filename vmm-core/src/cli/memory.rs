//! `-m`: how much memory there is, and how much there can be.

use super::UsageError;
use super::params::{Params, parse_bytes, parse_size};

/// Memory when none is asked for, as with QEMU.
pub(super) const DEFAULT_RAM: u64 = 128 << 20;

/// As many slots for memory as QEMU's PCs have.
const MAX_SLOTS: u32 = 256;

/// What `-m` says.
#[derive(Debug)]
pub(super) struct Memory {
    /// Bytes at power-on.
    pub(super) size: u64,
    /// Places for modules.
    pub(super) slots: u32,
    /// Bytes with all modules, if that is said.
    pub(super) max: Option<u64>,
}

/// Reads what `-m` takes: the size is in MiB without a suffix, `maxmem` in bytes.
pub(super) fn parse(value: &str) -> Result<Memory, UsageError> {
    let mut params = Params::parse(value, Some("size"));
    let slots = params.take("slots");
    let max = params.take("maxmem");
    let size = match params.first() {
        None | Some("") => 0,
        Some(size) => parse_size(size)?,
    };
    let size = if size == 0 { DEFAULT_RAM } else { size };
    params.finish()?;
    let slots = match slots.as_deref().map(str::parse::<u32>) {
        None => 0,
        Some(Ok(slots)) if slots <= MAX_SLOTS => slots,
        Some(Ok(_)) => {
            return Err(UsageError::new(format!(
                "slots: use a number up to {MAX_SLOTS}"
            )));
        }
        Some(Err(_)) => return Err(UsageError::new("Parameter 'slots' expects a number")),
    };
    let max = max.map(|max| parse_bytes("maxmem", &max)).transpose()?;
    match max {
        None if slots > 0 => Err(UsageError::new("slots specified but no max-size")),
        Some(max) if max < size => Err(UsageError::new(format!(
            "invalid value of maxmem: maximum memory size ({max:#x}) must be at least the initial memory size ({size:#x})"
        ))),
        max => Ok(Memory { size, slots, max }),
    }
}

//! `-m`: how much memory there is, and how much there can be.

use super::UsageError;
use super::params::{Params, parse_bytes, parse_size};

/// Memory when none is asked for, as with QEMU.
pub(super) const DEFAULT_RAM: u64 = 128 << 20;

/// As many slots for memory as QEMU's PCs have.
const MAX_SLOTS: u32 = 256;

/// What was said of memory.
#[derive(Debug)]
pub(super) struct Memory {
    /// Bytes at power-on, if that is said.
    pub(super) size: Option<u64>,
    /// Places for modules.
    pub(super) slots: u32,
    /// Bytes with all modules, if that is said.
    pub(super) max: Option<u64>,
}

/// Reads what `-m` takes, as properties of the board: the size is in MiB without a suffix, `maxmem`
/// in bytes.
pub(super) fn parse(value: &str) -> Result<Vec<(&'static str, String)>, UsageError> {
    let mut params = Params::parse(value, Some("size"));
    let slots = params.take("slots");
    let max = params.take("maxmem");
    let size = match params.first() {
        None | Some("") => 0,
        Some(size) => parse_size(size)?,
    };
    params.finish()?;
    if slots
        .as_deref()
        .is_some_and(|slots| slots.parse::<u64>().is_err())
    {
        return Err(UsageError::new("Parameter 'slots' expects a number"));
    }
    let max = max.map(|max| parse_bytes("maxmem", &max)).transpose()?;
    let said = [
        ("memory.size", Some(size.to_string())),
        ("memory.slots", slots),
        ("memory.max-size", max.map(|max| max.to_string())),
    ];
    let said = said.into_iter();
    Ok(said
        .filter_map(|(key, value)| Some((key, value?)))
        .collect())
}

/// Takes what was said of the board's memory, in bytes without a suffix.
pub(super) fn take(params: &mut Params) -> Result<Memory, UsageError> {
    let mut bytes = |key: &str| {
        let size = params.take(key).map(|text| parse_bytes(key, &text));
        let size = size.transpose();
        size.map_err(|_| UsageError::new(format!("Parameter '{key}' expects size")))
    };
    let size = bytes("memory.size")?;
    let max = bytes("memory.max-size")?;
    let slots = params
        .take("memory.slots")
        .map(|slots| slots.parse::<u32>());
    let slots = match slots {
        None => 0,
        Some(Ok(slots)) if slots <= MAX_SLOTS => slots,
        Some(Ok(_)) => {
            return Err(UsageError::new(format!(
                "slots: use a number up to {MAX_SLOTS}"
            )));
        }
        Some(Err(_)) => {
            return Err(UsageError::new("Parameter 'memory.slots' expects uint64"));
        }
    };
    params.no_more_of("memory")?;
    let size = size.map(|size| if size == 0 { DEFAULT_RAM } else { size });
    let initial = size.unwrap_or(DEFAULT_RAM);
    match max {
        None if slots > 0 => Err(UsageError::new("slots specified but no max-size")),
        Some(max) if max < initial => Err(UsageError::new(format!(
            "invalid value of maxmem: maximum memory size ({max:#x}) must be at least the initial memory size ({initial:#x})"
        ))),
        max => Ok(Memory { size, slots, max }),
    }
}

//! Files of options, for `-readconfig`: sections with QEMU's names of its options' parameters.
//!
//! ```text
//! [device "rng"]
//!   driver = "virtio-rng-device"
//! ```

use std::fs;

use super::UsageError;
use super::given::{Given, no_group};
use super::table;
use crate::qmp::os_text;

/// Reads a file.
pub(super) fn read(path: &str) -> Result<Vec<Given>, UsageError> {
    let text = fs::read_to_string(path).map_err(|error| {
        UsageError::new(format!("Could not open '{path}': {}", os_text(&error)))
    })?;
    let mut options: Vec<Given> = Vec::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = |error: UsageError| error.at(&format_args!("{path}:{number}"));
        if let Some(section) = line.strip_prefix('[') {
            let shown = format!("{path}:{number}");
            options.push(open(section, shown).map_err(at)?);
        } else {
            let Some((key, value)) = pair(line) else {
                return Err(at(UsageError::new("parse error")));
            };
            let last = options.last_mut();
            let last = last.ok_or_else(|| at(UsageError::new("no group defined")))?;
            last.add(key, value);
        }
    }
    Ok(options)
}

/// `GROUP]` or `GROUP "ID"]`.
fn open(section: &str, shown: String) -> Result<Given, UsageError> {
    let wrong = || UsageError::new("parse error");
    let inner = section.strip_suffix(']').ok_or_else(wrong)?;
    let (group, id) = match inner.split_once(char::is_whitespace) {
        None => (inner, None),
        Some((group, id)) => (group, Some(quoted(id.trim()).ok_or_else(wrong)?)),
    };
    let spec = table::group(group).ok_or_else(|| no_group(group))?;
    let mut option = Given::new(spec, String::new(), shown);
    if let Some(id) = id {
        option.add("id", id);
    }
    Ok(option)
}

fn pair(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    Some((key.trim(), quoted(value.trim())?))
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

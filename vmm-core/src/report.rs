//! What is told on standard error.

use std::io::{self, Write};
use std::sync::OnceLock;

use jiff::Timestamp;

/// What stands in front of every message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFormat {
    /// The time (UTC).
    pub timestamp: bool,
    /// The guest, by its name.
    pub guest: Option<String>,
}

static FORMAT: OnceLock<MessageFormat> = OnceLock::new();

/// Says once for the process how messages look.
pub(crate) fn set_format(format: MessageFormat) {
    // A second machine of a process does not change what the first one has said.
    let _ = FORMAT.set(format);
}

/// Writes one message on standard error.
pub fn report(text: &str) {
    let format = FORMAT.get().cloned().unwrap_or_default();
    // There is nobody left to tell if this fails.
    let _ = writeln!(
        io::stderr(),
        "{}vmm: {text}",
        prefix(&format, Timestamp::now())
    );
}

fn prefix(format: &MessageFormat, now: Timestamp) -> String {
    let mut prefix = String::new();
    if format.timestamp {
        prefix += &now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ ").to_string();
    }
    if let Some(guest) = &format.guest {
        prefix += guest;
        prefix.push(' ');
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_name_stand_in_front_where_wanted() {
        let now = Timestamp::new(86_400 * 365, 1_020_000).unwrap();
        assert_eq!(prefix(&MessageFormat::default(), now), "");
        let all = MessageFormat {
            timestamp: true,
            guest: Some("g".into()),
        };
        assert_eq!(prefix(&all, now), "1971-01-01T00:00:00.001020Z g ");
    }
}

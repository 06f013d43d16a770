//! Any text laid out: a second time changes nothing, and what was a schema stays one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qapi_parser::{check_str, fmt};

fuzz_target!(|text: &str| {
    if let Ok(once) = fmt::format(text) {
        assert_eq!(fmt::format(&once).ok().as_deref(), Some(once.as_str()));
        if check_str("a.json", text).diagnostics.is_empty() {
            assert!(check_str("a.json", &once).schema.is_some());
        }
    }
});

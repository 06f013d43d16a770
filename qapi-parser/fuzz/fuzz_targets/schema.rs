//! Any bytes as a schema of one file, in both dialects, and every rendering of what is found.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use qapi_parser::{Dialect, Format, MemoryLoader, Options, check};

fuzz_target!(|bytes: &[u8]| {
    let loader = MemoryLoader::new().file("a.json", bytes);
    for dialect in [Dialect::Any, Dialect::Modern] {
        let options = Options::new().dialect(dialect);
        let outcome = check(Path::new("a.json"), &loader, &options);
        for format in [Format::Rich, Format::Short, Format::Qemu] {
            let _ = outcome.render(format);
        }
    }
});

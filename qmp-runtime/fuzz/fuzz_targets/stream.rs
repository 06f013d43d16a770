//! Any bytes, split anywhere: no panic, and the same items as in one piece.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qmp_runtime::json::{Item, Stream, Style, Writer};

fn items(chunks: [&[u8]; 2]) -> Vec<Result<Vec<u8>, String>> {
    let mut stream = Stream::new();
    let mut found = Vec::new();
    for mut chunk in chunks {
        while let Some(item) = stream.next_item(&mut chunk) {
            found.push(match item {
                Item::Error(error) => Err(error),
                Item::Message(document) => {
                    let _ = document.value(document.root());
                    let mut out = Writer::new(Style::Line);
                    out.node(&document, document.root());
                    Ok(out.into_bytes())
                }
            });
        }
    }
    found
}

fuzz_target!(|input: (u16, &[u8])| {
    let (at, bytes) = input;
    let (head, tail) = bytes.split_at(usize::from(at).min(bytes.len()));
    assert_eq!(items([head, tail]), items([bytes, b""]));
});

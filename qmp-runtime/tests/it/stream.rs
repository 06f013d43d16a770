//! The stream: any split of the bytes gives the same messages, and nothing makes it panic.

use proptest::prelude::*;
use qmp_runtime::json::{Item, Stream, Style, Writer};

fn items(chunks: &[&[u8]]) -> Vec<String> {
    let mut stream = Stream::new();
    let mut found = Vec::new();
    for chunk in chunks {
        let mut input = *chunk;
        while let Some(item) = stream.next_item(&mut input) {
            found.push(match item {
                Item::Error(error) => format!("error: {error}"),
                Item::Message(document) => {
                    let mut out = Writer::new(Style::Line);
                    out.node(&document, document.root());
                    String::from_utf8(out.into_bytes()).unwrap()
                }
            });
        }
    }
    found
}

/// Text that looks like JSON often enough to get deep into the grammar.
fn jsonish() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            &b"{"[..],
            b"}",
            b"[",
            b"]",
            b":",
            b",",
            b"\"a\"",
            b"'b'",
            b"1",
            b"-0",
            b"1.5e3",
            b"true",
            b"nul",
            b" ",
            b"\n",
            b"\xFF",
            b"\"\\u12",
            b"\"\\ud800\"",
            b"\xC0\x80",
            b"{\"execute\":\"x\"}",
            b"{\"a\": [\"b\", {\"c\": [], \"d\":{}}], ",
            b"\"x\xC0\x80\xC3\xA9\"",
        ])
        .prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_items(bytes in jsonish(), at in any::<prop::sample::Index>()) {
        let whole = items(&[&bytes]);
        let (head, tail) = bytes.split_at(at.index(bytes.len() + 1));
        prop_assert_eq!(&items(&[head, tail]), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&items(&single), &whole);
    }

    #[test]
    fn written_value_reads_back(text in ".*", number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        let value = serde_json::json!({"text": text, "number": number, "list": [null, true, -1, u64::MAX]});
        let mut out = Writer::new(Style::Pretty);
        out.value(&value);
        let bytes = out.into_bytes();
        prop_assert!(bytes.is_ascii());
        prop_assert_eq!(&serde_json::from_slice::<serde_json::Value>(&bytes).unwrap(), &value);
        // QEMU's JSON has no noncharacters, so ours need not read them back.
        if let Some(Item::Message(document)) = Stream::new().next_item(&mut &bytes[..]) {
            prop_assert_eq!(document.value(document.root()), Some(value));
        }
    }
}

#[test]
fn pretty_output_is_indented_as_qemus() {
    let mut out = Writer::new(Style::Pretty);
    out.value(&serde_json::json!({"return": {}, "id": [1, 2]}));
    let text = String::from_utf8(out.into_bytes()).unwrap();
    assert_eq!(
        text,
        "{\n    \"return\": {\n    },\n    \"id\": [\n        1,\n        2\n    ]\n}"
    );
}

#[test]
fn deepest_value_fits_the_stack_of_a_thread() {
    let text = "[".repeat(1024) + &"]".repeat(1024);
    let Some(Item::Message(document)) = Stream::new().next_item(&mut text.as_bytes()) else {
        panic!("no message")
    };
    let value = document.value(document.root()).unwrap();
    let mut out = Writer::new(Style::Line);
    out.value(&value);
    assert_eq!(out.into_bytes(), text.as_bytes());
}

#[test]
fn key_given_twice_is_refused_in_objects_of_any_size() {
    let object = |keys: &[String]| {
        let members: Vec<String> = keys.iter().map(|key| format!("\"{key}\": 1")).collect();
        format!("{{{}}}\n", members.join(", "))
    };
    for size in [1, 2, 15, 16, 17, 18, 40] {
        let mut keys: Vec<String> = (0..size).map(|number| format!("key-{number}")).collect();
        let text = object(&keys);
        assert_eq!(items(&[text.as_bytes()]), [text.trim_end()]);
        for twice in ["key-0", "\\u006bey-0"] {
            keys.push(twice.to_owned());
            let text = object(&keys);
            let error = "error: JSON parse error, duplicate key";
            assert_eq!(items(&[text.as_bytes()]), [error], "{size}, {twice}");
            keys.pop();
        }
    }
}

#[test]
fn text_that_only_qemu_reads_becomes_unicode() {
    let text = b"{\"a\xC0\x80\xC3\xA9\": \"\\u0041\xC0\x80\", \"b\": [1, \"\xC3\xBC\"]}";
    let Some(Item::Message(document)) = Stream::new().next_item(&mut &text[..]) else {
        panic!("no message")
    };
    let expected = serde_json::json!({"a\0\u{e9}": "A\0", "b": [1, "\u{fc}"]});
    assert_eq!(document.value(document.root()), Some(expected));
}

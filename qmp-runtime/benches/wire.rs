//! Throughput of the wire: cutting a stream into messages, decoding and encoding values.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use qmp_runtime::codec::{Json, Unknown, from_node};
use qmp_runtime::json::{Item, Stream, Style, Writer};
use qmp_runtime::record;

struct Part {
    name: String,
    size: u64,
    flags: Vec<bool>,
    note: Option<String>,
}
record!(
    Part,
    [
        ("name", name),
        ("size", size),
        ("flags", flags),
        ("note", note)
    ]
);

struct Whole {
    parts: Vec<Part>,
}
record!(Whole, [("parts", parts)]);

/// A message of about 64 KiB with a thousand records.
fn message() -> Vec<u8> {
    let part = r#"{"name": "virtio-blk-pci", "size": 1048576, "flags": [true, false]}"#;
    format!(r#"{{"parts": [{}]}}"#, vec![part; 1000].join(", ")).into_bytes()
}

fn wire(criterion: &mut Criterion) {
    let bytes = message();
    let mut group = criterion.benchmark_group("wire");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("stream", |bencher| {
        bencher.iter_batched_ref(
            Stream::new,
            |stream| black_box(stream.next_item(&mut &bytes[..])),
            BatchSize::SmallInput,
        );
    });
    let Some(Item::Message(document)) = Stream::new().next_item(&mut &bytes[..]) else {
        unreachable!("the message is well-formed")
    };
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            from_node::<Whole>(black_box(&document), document.root(), Unknown::Refuse).is_ok()
        });
    });
    let whole: Whole = match from_node(&document, document.root(), Unknown::Refuse) {
        Ok(whole) => whole,
        Err(error) => unreachable!("{error}"),
    };
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            let mut out = Writer::new(Style::Line);
            whole.encode(&mut out);
            out.into_bytes()
        });
    });
    // What the same text costs a widely used parser, for a ratio within one run.
    group.bench_function("serde_json value", |bencher| {
        bencher.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(&bytes)).is_ok());
    });
    group.finish();
}

criterion_group!(benches, wire);
criterion_main!(benches);

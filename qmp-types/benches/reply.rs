//! What the largest reply costs that there is: what QEMU 10.0.2 answers to `query-qmp-schema`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qmp_runtime::codec::{Unknown, from_node, to_bytes};
use qmp_runtime::json::{Document, Item, Stream, Value};
use qmp_types::qmp::types::SchemaInfo;

const REPLY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../shared/corpus/oracle/query-qmp-schema.qemu-10.0.2-x86_64.json"
);

/// The result on one line, with or without the reply around it.
fn result() -> Option<Vec<u8>> {
    let text = std::fs::read(REPLY).ok()?;
    let reply: Value = serde_json::from_slice(&text).ok()?;
    let result = reply.get("return").unwrap_or(&reply);
    let mut line = serde_json::to_vec(result).ok()?;
    line.push(b'\n');
    Some(line)
}

fn parse(line: &[u8]) -> Option<Document> {
    match Stream::new().next_item(&mut &line[..])? {
        Item::Message(document) => Some(document),
        Item::Error(_) => None,
    }
}

fn decode(document: &Document) -> Option<Vec<SchemaInfo>> {
    from_node(document, document.root(), Unknown::Ignore).ok()
}

fn reply(criterion: &mut Criterion) {
    let Some(line) = result() else {
        println!("skipped: no {REPLY}");
        return;
    };
    let (Some(document), Some(entries)) = (parse(&line), parse(&line).as_ref().and_then(decode))
    else {
        println!("skipped: the reply is not what it was");
        return;
    };
    let mut group = criterion.benchmark_group("query-qmp-schema");
    group.throughput(Throughput::Bytes(line.len() as u64));
    group.bench_function("bytes to document", |bencher| {
        bencher.iter(|| parse(black_box(&line)).is_some());
    });
    group.bench_function("document to values", |bencher| {
        bencher.iter(|| decode(black_box(&document)).is_some());
    });
    // Without dropping the values, which is no part of decoding.
    group.bench_function("bytes to values", |bencher| {
        bencher.iter_with_large_drop(|| parse(black_box(&line)).as_ref().and_then(decode));
    });
    group.bench_function("values to bytes", |bencher| {
        bencher.iter(|| to_bytes(black_box(&entries)).len());
    });
    group.bench_function("serde_json value, for a ratio", |bencher| {
        bencher.iter_with_large_drop(|| serde_json::from_slice::<Value>(black_box(&line)));
    });
    group.finish();
}

criterion_group!(benches, reply);
criterion_main!(benches);

//! How fast a schema of QEMU's size is read and checked, and ten of them at once.
#![allow(clippy::expect_used, reason = "there is nothing to measure then")]

#[path = "support/copies.rs"]
mod copies;

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qapi_parser::{Format, FsLoader, MemoryLoader, Options, check};

const RELEASE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../shared/corpus/releases/10.0.2/qapi/qapi-schema.json"
);

/// A schema with a struct, an enumeration, a union and a command for each index.
fn synthetic(count: usize) -> String {
    let piece = |i: usize| {
        format!(
            "##\n# @Mode{i}:\n#\n# A mode.\n#\n# @one: the first\n#\n# @two: the second\n#\n\
             # Since: 1.0\n##\n\
             {{ 'enum': 'Mode{i}x', 'data': [ 'one', 'two' ] }}\n\
             {{ 'struct': 'One{i}x', 'data': {{ 'a': 'int', '*b': [ 'str' ] }} }}\n\
             {{ 'union': 'Pick{i}x', 'base': {{ 'mode': 'Mode{i}x' }}, 'discriminator': 'mode',\n\
             \x20 'data': {{ 'one': 'One{i}x' }} }}\n\
             {{ 'command': 'do-{i}', 'data': {{ 'pick': 'Pick{i}x' }}, 'returns': [ 'One{i}x' ] }}\n"
        )
        .replace(&format!("@Mode{i}:"), &format!("@Mode{i}x:"))
    };
    (0..count).map(piece).collect()
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check");
    // 0.4, 1.2 and 12 MB: the time is to grow as the text does.
    for count in [1000, 3000, 30_000] {
        let text = synthetic(count);
        let loader = MemoryLoader::new().file("a.json", text.clone());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.sample_size(if count > 10_000 { 10 } else { 100 });
        group.bench_function(format!("synthetic-{count}"), |bencher| {
            bencher.iter(|| check(black_box(Path::new("a.json")), &loader, &Options::new()));
        });
    }
    group.sample_size(100);
    if Path::new(RELEASE).is_file() {
        let outcome = check(Path::new(RELEASE), &FsLoader::new(), &Options::new());
        let files = outcome.sources.files().iter();
        let size: usize = files.map(|file| file.text().len()).sum();
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function("release-10.0.2", |bencher| {
            bencher.iter(|| {
                check(
                    black_box(Path::new(RELEASE)),
                    &FsLoader::new(),
                    &Options::new(),
                )
            });
        });
        for count in [1, 10] {
            let loader = copies::copies(&outcome, count);
            let check = || check(black_box(Path::new("root.json")), &loader, &Options::new());
            let found = check();
            assert!(found.schema.is_some(), "{}", found.render(Format::Short));
            let files = found.sources.files().iter();
            let size: usize = files.map(|file| file.text().len()).sum();
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(format!("copies-{count}"), |bencher| bencher.iter(check));
        }
    } else {
        println!("skipped: {RELEASE} is not there");
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);

//! How fast a schema of QEMU's size is read and checked, and ten of them at once.
#![allow(clippy::expect_used, reason = "there is nothing to measure then")]

#[path = "support/copies.rs"]
mod copies;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use qapi_parser::{Format, FsLoader, Loader, MemoryLoader, Options, Outcome, check};

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

fn outcome(root: &str, loader: &dyn Loader) -> Outcome {
    check(black_box(Path::new(root)), loader, &Options::new())
}

/// Measures how long it takes to get something. It is dropped in between, as in use one follows the other: all
/// of them at the end of a sample (`iter_with_large_drop`) would mean new memory for each.
fn getting<T>(bencher: &mut Bencher<'_>, get: impl Fn() -> T) {
    bencher.iter_custom(|count| {
        let once = |_| {
            let start = Instant::now();
            let got = get();
            let time = start.elapsed();
            drop(got);
            time
        };
        (0..count).map(once).sum::<Duration>()
    });
}

/// Measures how long it takes to drop something.
fn dropping<T>(bencher: &mut Bencher<'_>, get: impl Fn() -> T) {
    bencher.iter_custom(|count| {
        let once = |_| {
            let got = get();
            let start = Instant::now();
            drop(got);
            start.elapsed()
        };
        (0..count).map(once).sum::<Duration>()
    });
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
            getting(bencher, || outcome("a.json", &loader));
        });
    }
    group.sample_size(100);
    if Path::new(RELEASE).is_file() {
        let release = outcome(RELEASE, &FsLoader::new());
        let files = release.sources.files().iter();
        let size: usize = files.map(|file| file.text().len()).sum();
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function("release-10.0.2", |bencher| {
            getting(bencher, || outcome(RELEASE, &FsLoader::new()));
        });
        group.bench_function("release-10.0.2-drop", |bencher| {
            dropping(bencher, || outcome(RELEASE, &FsLoader::new()));
        });
        for count in [1, 10] {
            let loader = copies::copies(&release, count);
            let check = || outcome("root.json", &loader);
            let found = check();
            assert!(found.schema.is_some(), "{}", found.render(Format::Short));
            let files = found.sources.files().iter();
            let size: usize = files.map(|file| file.text().len()).sum();
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(format!("copies-{count}"), |bencher| {
                getting(bencher, check);
            });
        }
    } else {
        println!("skipped: {RELEASE} is not there");
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);

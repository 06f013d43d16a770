//! Generation of QEMU's schema, where it is at hand, and of the project's own.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use qapi_codegen::{Generator, Options, introspect};

fn schemas() -> Vec<(&'static str, qapi_parser::Schema)> {
    let roots = [
        (
            "own",
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../schema/qmp/qapi-schema.json"
            ),
        ),
        (
            "qemu-10",
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../shared/corpus/releases/10.0.2/qapi/qapi-schema.json"
            ),
        ),
    ];
    let present = roots
        .into_iter()
        .filter(|(_, path)| Path::new(path).exists());
    present
        .filter_map(|(name, path)| Some((name, qapi_parser::check_file(path).schema?)))
        .collect()
}

fn generate(criterion: &mut Criterion) {
    for (name, schema) in &schemas() {
        let mut group = criterion.benchmark_group(*name);
        group.sample_size(10);
        let mut unformatted = Options::default();
        unformatted.format = false;
        let generators = [
            ("rust", Generator::default()),
            ("rust-unformatted", Generator::new(unformatted)),
        ];
        for (kind, generator) in generators {
            group.bench_function(kind, |bencher| {
                bencher.iter(|| generator.generate(black_box(schema)))
            });
        }
        let options = introspect::Options::default();
        group.bench_function("introspect", |bencher| {
            bencher.iter(|| introspect::text(black_box(schema), &options));
        });
        group.finish();
    }
}

criterion_group!(benches, generate);
criterion_main!(benches);

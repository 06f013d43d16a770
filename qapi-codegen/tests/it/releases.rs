//! The bindings of every schema that QEMU has had, where they are at hand.

use std::fs;
use std::path::{Path, PathBuf};

use crate::corpus;
use crate::package::Package;

/// A root file with the folder in which its release keeps most modules, and a name.
struct Root {
    name: String,
    file: PathBuf,
    modules: PathBuf,
}

fn roots(folder: &Path) -> Vec<Root> {
    let text = fs::read_to_string(folder.join("releases.json")).expect("it is there");
    let releases: Vec<serde_json::Value> = serde_json::from_str(&text).expect("it is JSON");
    let mut roots = Vec::new();
    for release in &releases {
        let tag = release["tag"].as_str().expect("a release has a tag");
        let own = ["qmp", "qga", "storage_daemon"].map(|key| (key, &release[key]));
        let extra = release["extra"].as_array().expect("it is a list");
        let all = own
            .into_iter()
            .chain(extra.iter().map(|file| ("extra", file)));
        for (kind, path) in all {
            let Some(path) = path.as_str() else { continue };
            let stem = path
                .rsplit('/')
                .next()
                .unwrap_or(path)
                .trim_end_matches(".json");
            let kind = if kind == "extra" { stem } else { kind };
            roots.push(Root {
                name: format!("r{}_{kind}", tag.trim_start_matches('v')).replace(['.', '-'], "_"),
                file: folder.join(tag).join(path),
                modules: folder.join(tag).join("qapi"),
            });
        }
    }
    roots
}

/// Schemas that were found by themselves, and those of QEMU's tests.
fn others(folder: &Path) -> Vec<Root> {
    let seeds = ["guest-agent-1.2", "misc-7.1", "job-6.0", "misc-9.0"];
    let seeds = seeds.map(|name| {
        (
            name,
            folder.join("../../seeds").join(format!("{name}.json")),
        )
    });
    let tests = ["qapi-schema-test", "doc-good"];
    let tests = tests.map(|name| {
        (
            name,
            folder.join("../qemu-tests").join(format!("{name}.json")),
        )
    });
    let all = seeds.into_iter().chain(tests);
    all.map(|(name, file)| Root {
        name: name.replace(['.', '-'], "_"),
        file,
        modules: folder.join("v7.2.0/qapi"),
    })
    .collect()
}

#[test]
fn bindings_of_every_release_compile() {
    let Some(folder) = corpus::path("releases") else {
        return;
    };
    let mut package = Package::new("generated-qemu");
    let roots = roots(&folder);
    assert_eq!(roots.len(), 24);
    for root in roots.into_iter().chain(others(&folder)) {
        if !root.file.is_file() {
            println!("skipped: no {}", root.file.display());
            continue;
        }
        let builder = qapi_codegen::configure()
            .include_dir(root.modules)
            .format(root.name == "r10_0_2_qmp");
        package.add_by(builder, &root.name, &root.file);
    }
    package.cargo(&["check", "--quiet"]);
}

//! QEMU's own schemas, where they are at hand.

use std::path::PathBuf;

use qapi_parser::Schema;

/// A file or folder of the corpus; prints why the test is skipped where it is absent.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    let path =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus")).join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no {}", path.display());
    None
}

/// The schema of a release, such as `10.0.2` and `qga`.
pub(crate) fn schema(release: &str, root: &str) -> Option<Schema> {
    let checked = qapi_parser::check_file(root_file(release, root)?).into_result();
    Some(checked.expect("QEMU's schema is sound").schema)
}

/// The root file of a release.
pub(crate) fn root_file(release: &str, root: &str) -> Option<PathBuf> {
    let folder = match root {
        "qmp" => "qapi",
        "qmp-in-top-folder" => ".", // where it was before 2.12
        "storage-daemon" => "storage-daemon/qapi",
        other => other,
    };
    path(&format!("releases/{release}/{folder}/qapi-schema.json"))
}

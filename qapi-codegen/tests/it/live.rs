//! Bindings of all of QEMU's schemas, at work with QEMU and its guest agent.

use std::fs;

use crate::corpus;
use crate::package::{Package, ROOT};

#[test]
fn bindings_of_whole_schemas_drive_qemu_and_its_agent() {
    let (Some(qmp), Some(qga)) = (
        corpus::root_file("10.0.2", "qmp"),
        corpus::root_file("10.0.2", "qga"),
    ) else {
        return;
    };
    let mut package = Package::new("generated-live");
    for (name, root) in [("qmp", qmp), ("qga", qga)] {
        package.add_by(qapi_codegen::configure().format(false), name, &root);
    }
    package.manifest(&format!(
        "\n[dev-dependencies]\nqmp-runtime = {{ path = {:?}, features = [\"tokio\"] }}\n\
         tempfile = \"3\"\ntokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\", \"time\"] }}\n",
        std::path::Path::new(ROOT).join("qmp-runtime")
    ));
    let program = include_str!("../data/use_qemu.rs");
    fs::create_dir_all(package.folder.join("tests")).expect("there is room");
    fs::write(package.folder.join("tests/use.rs"), program).expect("there is room");
    package.cargo(&["test", "--quiet"]);
}
